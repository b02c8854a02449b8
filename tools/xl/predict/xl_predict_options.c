/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/units.h>

#include "common/xl_options.h"
#include "core/option.h"
#include "predict/xl_predict_options.h"

enum {
    OPT_FROM = 0x100, OPT_BANDWIDTH, OPT_DOWNTIME, OPT_CALC_TIME, OPT_MODE,
    OPT_JSON, OPT_PLOT, OPT_DURATION, OPT_ITERATIONS, OPT_OVERHEAD,
    OPT_SUSPEND_PAGES,
    OPT_SETUP, OPT_ITERATION_TIME, OPT_HEADER, OPT_ZERO, OPT_INTERPOLATION,
    OPT_BELOW, OPT_BEYOND, OPT_SATURATION, OPT_VARIATION, OPT_STREAM,
    OPT_CONCURRENCY, OPT_NO_EVACUATION, OPT_CONFIDENCE, OPT_TARGET,
    OPT_MEMORY, OPT_DEVICE_MODEL, OPT_BITMAP, OPT_SKIP_DIRTY,
    OPT_COMPRESS, OPT_CHANNELS, OPT_WHEN,
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "from", required_argument, NULL, OPT_FROM },
    { "memory", required_argument, NULL, OPT_MEMORY },
    { "bandwidth", required_argument, NULL, OPT_BANDWIDTH },
    { "downtime", required_argument, NULL, OPT_DOWNTIME },
    { "when", optional_argument, NULL, OPT_WHEN },
    { "calc-time", required_argument, NULL, OPT_CALC_TIME },
    { "mode", required_argument, NULL, OPT_MODE },
    { "json", no_argument, NULL, OPT_JSON },
    { "plot", optional_argument, NULL, OPT_PLOT },
    { "duration", required_argument, NULL, OPT_DURATION },
    { "iterations", required_argument, NULL, OPT_ITERATIONS },
    { "skip-dirty", no_argument, NULL, OPT_SKIP_DIRTY },
    { "compress", required_argument, NULL, OPT_COMPRESS },
    { "channels", required_argument, NULL, OPT_CHANNELS },
    { "target", required_argument, NULL, OPT_TARGET },
    { "device-model", no_argument, NULL, OPT_DEVICE_MODEL },
    { "switchover-overhead", required_argument, NULL, OPT_OVERHEAD },
    { "suspend-pages", required_argument, NULL, OPT_SUSPEND_PAGES },
    { "bitmap-time", required_argument, NULL, OPT_BITMAP },
    { "setup-time", required_argument, NULL, OPT_SETUP },
    { "iteration-time", required_argument, NULL, OPT_ITERATION_TIME },
    { "header-bytes", required_argument, NULL, OPT_HEADER },
    { "zero-page-bytes", required_argument, NULL, OPT_ZERO },
    { "interpolation", required_argument, NULL, OPT_INTERPOLATION },
    { "below", required_argument, NULL, OPT_BELOW },
    { "beyond", required_argument, NULL, OPT_BEYOND },
    { "saturation-pages", required_argument, NULL, OPT_SATURATION },
    { "variation", required_argument, NULL, OPT_VARIATION },
    { "stream", required_argument, NULL, OPT_STREAM },
    { "concurrency", required_argument, NULL, OPT_CONCURRENCY },
    { "confidence", required_argument, NULL, OPT_CONFIDENCE },
    { "no-evacuation", no_argument, NULL, OPT_NO_EVACUATION },
    { 0 }
};

static const char help[] =
"-h, --help           Print this help.\n"
"--from=FILE          Read measurements (of xl dirty-rate --json), QEMU's or\n"
"                     libvirt's rates at several calc-times, or a recorded\n"
"                     trace from FILE, - for standard input, instead of\n"
"                     measuring. Can be given several times.\n"
"--memory=MIB         The memory of guests whose rates come without it.\n"
"--bandwidth=RATE,... What the link gives (100Mbit to 40Gbit).\n"
"--downtime=TIME,...  Downtime limits, or unlimited (125ms to 5s, unlimited).\n"
"--when[=FILE]        At which hours of the day, from the profile that xl\n"
"                     dirty-rate --watch --history keeps of the domain. With\n"
"                     one bandwidth and one downtime.\n"
"--calc-time=TIME     How long to measure (as xl dirty-rate).\n"
"--mode=page-sampling|dirty-bitmap\n"
"                     How to measure. Only dirty-bitmap, which slows the guest,\n"
"                     finds regular phases (page-sampling).\n"
"--json               Print JSON.\n"
"--plot[=ascii|FILE.svg|FILE.png]\n"
"                     Plot it, on the terminal or to a file.\n"
"--duration=TIME      How long precopy may take (no limit).\n"
"--iterations=N       At most so many iterations (no limit).\n"
"--skip-dirty         Pages that are dirty again are not sent, as with xl\n"
"                     migrate --precopy-skip-dirty.\n"
"--compress=METHOD,...  With each of these: off, auto, zstd[:LEVEL],\n"
"                     lz4[:LEVEL], as xl migrate --precopy-compress (off).\n"
"--channels=N         Compress with so many processors at once, as with xl\n"
"                     migrate --precopy-channels (1).\n"
"--confidence=PERCENT  Decide as xl migrate --precopy-confidence does: with a\n"
"                     margin, and further rounds where they pay (neither).\n"
"\n"
"Several domains share the link; how to move them:\n"
"--stream=RATE        The most that one migration can fill (the link).\n"
"--concurrency=N      At most so many at once, up to 16 (as many as help).\n"
"--no-evacuation      Leave the plan out.\n"
"\n"
"What the prediction rests on:\n"
"--target=HOST        Overhead and suspend pages as learned from migrations to\n"
"                     HOST, and the values of its section in precopy.conf.\n"
"--device-model       The guest has a device model, as HVM guests do.\n"
"--switchover-overhead=TIME  Of a switchover besides pages (100ms, or 450ms\n"
"                     with a device model).\n"
"--suspend-pages=N    Pages that suspending itself dirties (256).\n"
"--bitmap-time=TIME   Of the last dirty bitmap (0.2 s for each TiB).\n"
"--setup-time=TIME    Before the first byte (0).\n"
"--iteration-time=TIME  Of an iteration besides sending (0).\n"
"--header-bytes=N     A page's cost besides its data (8).\n"
"--zero-page-bytes=N  An all-zero page's cost (8; 4104: sent in full).\n"
"--interpolation=loglog|linear  Between the measured periods.\n"
"--below=power|origin|offset    Below the shortest one.\n"
"--beyond=saturating|flat|line  Beyond the longest one.\n"
"--saturation-pages=N  The guest writes to no more pages than N (all).\n"
"--variation=PERCENT  By how much a run differs from another (5).\n"
"\n"
"What is not given is taken from precopy.conf(5), as by xl migrate, if it is set\n"
"there. A line on standard error says so.\n"
"\n"
XL_TIME_HELP
XL_RATE_HELP
"\n"
"More in xl-migrate-predict(1).";

const struct xl_usage predict_usage = {
    .name       = "migrate-predict",
    .summary    = "Predict how long migrations take, their downtime, and "
                  "what would help",
    .arguments  = "[options] [<Domain>...]",
    .options    = help,
};

/* Small enough that sums can't overflow. */
#define COUNT_MAX ((1ull << 48) - 1)

static int parse_count(int opt, uint64_t *count_r, char *err)
{
    return xl_parse_count(xl_option_name(options, opt), optarg, 0, COUNT_MAX,
                          count_r, err);
}

static int parse_time(int opt, uint64_t *ns_r, char *err)
{
    return xl_parse_time(xl_option_name(options, opt), optarg, ns_r, err);
}

static int parse_word(int opt, const char *const *names, unsigned int *value_r,
                      char *err)
{
    return xl_parse_word(xl_option_name(options, opt), optarg, names, value_r,
                         err);
}

static int parse_downtime(const char *name, const char *s, uint64_t *ns_r,
                          char *err)
{
    if (strcmp(s, "unlimited"))
        return xl_parse_limit(name, s, ns_r, err);
    *ns_r = 0;
    return 0;
}

static int parse_variation(double *share_r, char *err)
{
    uint64_t percent;

    if (xl_parse_count("variation", optarg, 0, 100, &percent, err))
        return -1;
    *share_r = percent / 100.0;
    return 0;
}

struct list {
    const char *name;
    uint64_t *values;
    size_t nr;
    int (*parse)(const char *, const char *, uint64_t *, char *);
};

static int add_item(void *opaque, const char *item, char *err)
{
    struct list *l = opaque;

    if (l->nr == PREDICT_LIST_MAX)
        return xl_bad(err, "--%s: at most %d entries", l->name,
                      PREDICT_LIST_MAX);
    return l->parse(l->name, item, &l->values[l->nr++], err);
}

/* A comma-separated list of what parse() takes. */
static int parse_list(int opt, uint64_t values[PREDICT_LIST_MAX], size_t *nr_r,
                      int (*parse)(const char *, const char *, uint64_t *,
                                   char *),
                      char *err)
{
    struct list l = {
        .name = xl_option_name(options, opt), .values = values,
        .parse = parse,
    };
    int rc = xl_parse_list(optarg, add_item, &l, err);

    *nr_r = l.nr;
    return rc;
}

static int parse_model(int opt, struct xpc_curve_model *m, char *err)
{
    static const char *const interpolations[] = { "loglog", "linear", NULL };
    static const char *const belows[] = { "power", "origin", "offset", NULL };
    static const char *const beyonds[] = { "saturating", "flat", "line",
                                           NULL };
    uint64_t pages;

    switch (opt) {
    case OPT_INTERPOLATION:
        return parse_word(opt, interpolations, &m->interpolation, err);
    case OPT_BELOW:
        return parse_word(opt, belows, &m->below[XPC_BAND_EXPECTED], err);
    case OPT_BEYOND:
        return parse_word(opt, beyonds, &m->beyond[XPC_BAND_EXPECTED], err);
    case OPT_VARIATION:
        return parse_variation(&m->variation, err);
    default:
        if (parse_count(opt, &pages, err))
            return -1;
        m->saturation_pages = pages;
        return 0;
    }
}

static int parse_params(int opt, struct xpc_predict_params *p, char *err)
{
    switch (opt) {
    case OPT_DURATION:
        return parse_time(opt, &p->rule.duration_ns, err);
    case OPT_ITERATIONS:
        return xl_parse_count("iterations", optarg, 1, COUNT_MAX,
                              &p->rule.iterations, err);
    case OPT_SKIP_DIRTY:
        p->skip_dirty = true;
        return 0;
    case OPT_OVERHEAD:
        return parse_time(opt, &p->overhead_ns, err);
    case OPT_SUSPEND_PAGES:
        return parse_count(opt, &p->suspend_pages, err);
    case OPT_BITMAP:
        return parse_time(opt, &p->bitmap_ns, err);
    case OPT_SETUP:
        return parse_time(opt, &p->setup_ns, err);
    case OPT_ITERATION_TIME:
        return parse_time(opt, &p->iteration_ns, err);
    case OPT_HEADER:
        return parse_count(opt, &p->header_bytes, err);
    case OPT_ZERO:
        return parse_count(opt, &p->zero_page_bytes, err);
    default:
        return parse_model(opt, &p->model, err);
    }
}

static int add_measured(struct predict_options *o,
                        const struct xpc_compress_method *m, char *err)
{
    for (size_t i = 0; i < o->nr_measured; i++) {
        if (xpc_compress_same(&o->measured[i], m))
            return 0;
    }
    if (o->nr_measured == XPC_COMPRESS_METHODS_MAX)
        return xl_bad(err, "--compress: auto together with so many others");
    o->measured[o->nr_measured++] = *m;
    return 0;
}

/* The methods of --compress, for auto those that it chooses from. */
static int set_measured(struct predict_options *o, char *err)
{
    bool is_auto = false;

    o->nr_measured = 0;
    for (size_t i = 0; i < o->nr_methods; i++) {
        is_auto = is_auto || o->methods[i].compress == XPC_COMPRESS_AUTO;
        if (xpc_compress_level_max(o->methods[i].compress) &&
            add_measured(o, &o->methods[i], err))
            return -1;
    }
    for (size_t i = 0; is_auto && i < xpc_nr_compress_defaults; i++) {
        if (add_measured(o, &xpc_compress_defaults[i], err))
            return -1;
    }
    return 0;
}

static int parse_option(int opt, struct predict_options *o, char *err)
{
    static const char *const modes[] = { "page-sampling", "dirty-bitmap",
                                         NULL };
    unsigned int word;
    uint64_t n;

    switch (opt) {
    case OPT_FROM:
        if (o->nr_files == XPC_EVACUATE_MAX)
            return xl_bad(err, "--from: at most %d files", XPC_EVACUATE_MAX);
        return xl_parse_file("from", optarg, &o->files[o->nr_files++], err);
    case OPT_BANDWIDTH:
        return parse_list(opt, o->bandwidths, &o->nr_bandwidths,
                          xl_parse_bandwidth, err);
    case OPT_DOWNTIME:
        return parse_list(opt, o->downtimes, &o->nr_downtimes,
                          parse_downtime, err);
    case OPT_CALC_TIME:
        o->calc_time = optarg;
        return xl_parse_calc_time(optarg, &n, err);
    case OPT_MODE:
        o->mode = optarg;
        return parse_word(opt, modes, &word, err);
    case OPT_COMPRESS:
        return xl_parse_methods(optarg, o->methods, &o->nr_methods, err) ||
               set_measured(o, err);
    case OPT_CHANNELS:
        return xl_parse_count("channels", optarg, 1, XPC_CHANNELS_MAX,
                              &o->channels, err);
    case OPT_MEMORY:
        if (xl_parse_count("memory", optarg, 1, UINT64_C(1) << 40, &n, err))
            return -1;
        o->memory_pages = n * (1048576 / XPC_PAGE_SIZE);
        return 0;
    case OPT_WHEN:
        o->when = true;
        return optarg ? xl_parse_file("when", optarg, &o->when_file, err) : 0;
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_PLOT:
        o->plot = true;
        return xl_parse_plot(optarg, &o->plot_file, err);
    case OPT_STREAM:
        return xl_parse_bandwidth("stream", optarg, &o->stream_bytes_per_s,
                                  err);
    case OPT_CONCURRENCY:
        if (xl_parse_count("concurrency", optarg, 1, XPC_EVACUATE_LANES_MAX,
                           &n, err))
            return -1;
        o->concurrency = n;
        return 0;
    case OPT_NO_EVACUATION:
        o->no_evacuation = true;
        return 0;
    case OPT_TARGET:
        return xl_parse_host("target", optarg, &o->target, err);
    case OPT_DEVICE_MODEL:
        o->guest.device_model = XPC_DEVICE_MODEL_YES;
        return 0;
    case OPT_CONFIDENCE:
        return xl_parse_confidence("confidence", optarg,
                                   &o->confidence_percent, err);
    default:
        return parse_params(opt, &o->params, err);
    }
}

/* The defaults of xl migrate's policy. */
static void set_defaults(struct predict_options *o)
{
    static const uint64_t mbit[] = { 100, 1000, 2500, 5000, 10000, 25000,
                                     40000 };
    static const uint64_t ms[] = { 125, 250, 500, 1000, 5000, 0 };
    struct xpc_params p;
    struct xpc_prior prior;

    *o = (struct predict_options){
        .guest.device_model = XPC_DEVICE_MODEL_NO, .channels = 1,
    };
    xpc_params_init(&p);
    xpc_predict_params_init(&o->params, 0, 0);
    xpc_rule_from_params(&o->params.rule, &p);
    xpc_params_prior(&p, &prior);
    o->params.bitmap_ns = XPC_BITMAP_BY_SIZE;
    o->params.suspend_pages = prior.suspend_pages;
    for (; o->nr_bandwidths < sizeof(mbit) / sizeof(mbit[0]);
         o->nr_bandwidths++)
        o->bandwidths[o->nr_bandwidths] = mbit[o->nr_bandwidths] * 125000;
    for (; o->nr_downtimes < sizeof(ms) / sizeof(ms[0]); o->nr_downtimes++)
        o->downtimes[o->nr_downtimes] = ms[o->nr_downtimes] * XPC_MS;
}

int predict_check_methods(const struct predict_options *o, size_t nr,
                          char err[XPC_ERR_LEN])
{
    if (o->nr_methods < 2 || nr < 2 || o->no_evacuation)
        return 0;
    return xl_bad(err, "--compress: an evacuation is planned with one method: "
                  "give one, or --no-evacuation");
}

int predict_check_when(const struct predict_options *o, char err[XPC_ERR_LEN])
{
    if (o->nr_bandwidths != 1 || o->nr_downtimes != 1)
        return xl_bad(err, "--when: one --bandwidth and one --downtime are "
                      "needed");
    return 0;
}

static int check_when(const struct predict_options *o, char *err)
{
    if (o->nr_files || o->calc_time || o->mode || o->nr_methods || o->plot)
        return xl_bad(err, "--when reads a profile: not with --from, "
                      "--calc-time, --mode, --compress or --plot");
    if (o->nr_domains > 1 || (!o->nr_domains && !o->when_file))
        return xl_bad(err, "--when: one domain, or --when=FILE, is needed");
    return 0;
}

/* Checks the options as a whole. */
static int check_options(const struct predict_options *o, char *err)
{
    if (o->when)
        return check_when(o, err);
    if (!o->nr_files && !o->nr_domains)
        return xl_bad(err, "a domain, or --from=FILE, is needed");
    if (o->nr_files + o->nr_domains > XPC_EVACUATE_MAX)
        return xl_bad(err, "at most %d domains", XPC_EVACUATE_MAX);
    if (o->mode && !o->nr_domains)
        return xl_bad(err, "--mode: nothing is measured with --from alone");
    if (o->calc_time && !o->nr_domains)
        return xl_bad(err, "--calc-time: nothing is measured with --from alone");
    if (predict_check_methods(o, o->nr_domains + o->nr_files, err))
        return -1;
    return xl_check_plot(o->plot, o->plot_file, o->json, err);
}

/* What xl migrate and precopy.conf call the option. */
static unsigned int option_bits(int opt)
{
    switch (opt) {
    case OPT_BANDWIDTH:
        return XPC_OPTION_BIT(XPC_OPT_BANDWIDTH) |
               XPC_OPTION_BIT(XPC_OPT_MAX_BANDWIDTH) |
               XPC_OPTION_BIT(XPC_OPT_SWITCHOVER_BANDWIDTH);
    case OPT_DOWNTIME:
        return XPC_OPTION_BIT(XPC_OPT_DOWNTIME) |
               XPC_OPTION_BIT(XPC_OPT_MAX_DOWNTIME);
    case OPT_DURATION:   return XPC_OPTION_BIT(XPC_OPT_DURATION);
    case OPT_ITERATIONS: return XPC_OPTION_BIT(XPC_OPT_ITERATIONS);
    case OPT_OVERHEAD:   return XPC_OPTION_BIT(XPC_OPT_OVERHEAD);
    case OPT_CONFIDENCE: return XPC_OPTION_BIT(XPC_OPT_CONFIDENCE);
    case OPT_SKIP_DIRTY: return XPC_OPTION_BIT(XPC_OPT_SKIP_DIRTY);
    case OPT_ZERO:       return XPC_OPTION_BIT(XPC_OPT_ZERO_PAGES);
    case OPT_COMPRESS:   return XPC_OPTION_BIT(XPC_OPT_COMPRESS);
    default:             return 0;
    }
}

int predict_parse_options(int argc, char **argv, struct predict_options *o,
                          char err[XPC_ERR_LEN])
{
    int opt;

    set_defaults(o);
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == '?' || opt == ':')
            return xl_bad_option("migrate-predict", options, opt, argv, err);
        if (parse_option(opt, o, err))
            return -1;
        o->given |= option_bits(opt);
        o->suspend_pages_given |= opt == OPT_SUSPEND_PAGES;
    }
    o->domains = argv + optind;
    o->nr_domains = argc - optind;
    if (xl_check_names("a domain", argv + optind, argc - optind, err))
        return -1;
    if (!(o->given & XPC_OPTION_BIT(XPC_OPT_OVERHEAD)))
        o->params.overhead_ns = xpc_guest_overhead(&o->guest);
    if (o->confidence_percent)
        xpc_predict_params_live(&o->params, o->confidence_percent);
    return check_options(o, err);
}
