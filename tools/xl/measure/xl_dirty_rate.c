/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/measure.h"
#include "common/xl_interrupt.h"
#include "libxl_precopy_profiles.h"
#include "measure/xl_dirty_rate.h"
#include "measure/xl_dirty_rate_options.h"
#include "measure/xl_dirty_rate_plot.h"
#include "measure/xl_dirty_rate_print.h"
#include "sources/job.h"
#include "sources/process/open.h"
#include "sources/record.h"
#include "sources/trace.h"
#include "xen/source.h"

#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define STATUS_INTERRUPTED 5

/* Measurements longer than this show a progress bar. */
#define PROGRESS_NS (2 * XPC_S)
#define REDRAW_MS 200
#define RECORD_INTERVAL_NS (50 * XPC_MS)

struct state {
    const struct dirty_rate_options *o;
    int interrupt_fd;
    bool interrupted;
    bool progress;                  /* show a progress bar */
    bool drawn;                     /* it is on the screen */
};

static int fail(const char *why)
{
    xl_message("dirty-rate", "%s", why);
    return STATUS_FAILED;
}

/* ---- sources ---------------------------------------------------------- */

/* Returns NULL with one line in err on failure. */
static struct xpc_source *open_domain(libxl_ctx *ctx, const char *what,
                                      char err[XPC_ERR_LEN])
{
    struct xpc_source *src;
    char *name = NULL;
    uint32_t domid;

    if (xl_find_domain(ctx, what, &domid, &name)) {
        snprintf(err, XPC_ERR_LEN, "there is no domain %.80s", what);
        return NULL;
    }
    src = xen_source_open(domid, err);
    if (src && name)
        snprintf(src->name, sizeof(src->name), "%s", name);
    free(name);
    return src;
}

static int open_domains(const struct dirty_rate_options *o,
                        struct xpc_source **src, char err[XPC_ERR_LEN])
{
    xentoollog_logger *lg = (xentoollog_logger *)
        xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = lg ? xl_open_ctx(lg) : NULL;
    size_t n = 0;

    if (!ctx)
        snprintf(err, XPC_ERR_LEN, "can't reach Xen: is this dom0, and are "
                 "you root?");
    while (ctx && n < o->nr_domains) {
        src[n] = open_domain(ctx, o->domains[n], err);
        if (!src[n])
            break;
        n++;
    }
    if (ctx)
        libxl_ctx_free(ctx);
    if (lg)
        xtl_logger_destroy(lg);
    if (n == o->nr_domains)
        return n;
    while (n--)
        src[n]->ops->close(src[n]);
    return -1;
}

/* Returns how many were opened, or -1 with one line in err. */
static int open_sources(const struct dirty_rate_options *o,
                        struct xpc_source **src, char err[XPC_ERR_LEN])
{
    if (o->nr_domains)
        return open_domains(o, src, err);
    if (o->trace)
        src[0] = xpc_source_trace(o->trace, 0, err);
    else
        src[0] = xpc_source_process(o->pids, o->nr_pids, err);
    return src[0] ? 1 : -1;
}

/* ---- waiting ---------------------------------------------------------- */

static void show_progress(struct state *s, double done, bool last)
{
    if (!s->progress || (last && !s->drawn))
        return;
    dirty_rate_progress(stderr, done, s->o->req.calc_ns, last);
    s->drawn = !last;
}

/* Waits for the job's end, or cancels it on a signal. */
static void wait_for_job(struct state *s, struct source_job *job)
{
    struct pollfd p[2] = {
        { .fd = source_job_fd(job), .events = POLLIN },
        { .fd = s->interrupt_fd, .events = POLLIN },
    };
    struct xpc_measurement m;
    double done;

    xpc_measurement_init(&m);
    while (!(p[0].revents & POLLIN)) {
        if (poll(p, 2, s->progress ? REDRAW_MS : -1) < 0 && errno != EINTR)
            break;
        if (interrupt_take(s->interrupt_fd)) {
            s->interrupted = true;
            source_job_cancel(job);
            break;
        }
        if (s->progress && !source_job_query(job, 0, &m, &done))
            show_progress(s, done, false);
    }
    source_job_wait(job);
    show_progress(s, 1, true);
    xpc_measurement_dispose(&m);
}

/* ---- recording -------------------------------------------------------- */

static bool stop_recording(void *opaque, uint64_t done_ns)
{
    struct state *s = opaque;

    if (interrupt_take(s->interrupt_fd))
        s->interrupted = true;
    show_progress(s, (double)done_ns / s->o->req.calc_ns, false);
    return s->interrupted;
}

/*
 * Records the source, closes it, and opens the recording in its place. Returns
 * 0, or -1 with one line in err and *src NULL.
 */
static int record_source(struct state *s, struct xpc_source **src,
                         char err[XPC_ERR_LEN])
{
    const struct dirty_rate_options *o = s->o;
    struct trace_recording how = {
        .interval_ns = RECORD_INTERVAL_NS, .duration_ns = o->req.calc_ns,
        .stop = stop_recording, .opaque = s,
    };
    double zero = 0;
    int rc = xpc_meter_zero_pages(*src, &zero);

    if (rc)
        snprintf(err, XPC_ERR_LEN, "%s", (*src)->err);
    /* The curve ends a little before the recording. */
    how.duration_ns += RECORD_INTERVAL_NS;
    how.zero_pages = zero;
    if (!rc)
        rc = xpc_source_record(*src, &how, o->record, err);
    show_progress(s, 1, true);
    (*src)->ops->close(*src);
    *src = rc ? NULL : xpc_source_trace(o->record, 0, err);
    return *src ? 0 : -1;
}

/* ---- results ---------------------------------------------------------- */

static int print_json(const struct xpc_measurement *m, bool pretty)
{
    char *json = xpc_to_json(&xpc_measurement_type, m, pretty);

    if (!json)
        return fail("out of memory");
    printf("%s%s", json, pretty ? "" : "\n");
    free(json);
    return 0;
}

/* Adds the measurement to the profile of the domain, in the local hour. */
static int keep_measurement(const struct dirty_rate_options *o,
                            const struct xpc_measurement *m)
{
    time_t start = m->start_ns / XPC_S;
    char err[LIBXL_PRECOPY_ERR_LEN], line[XPC_ERR_LEN];
    struct xpc_phased phased;
    struct xpc_curve curve;
    struct tm tm;

    if (m->status != XPC_MEASURE_MEASURED || m->paused || !m->name)
        return 0;
    if (xpc_measurement_curve(m, &curve, line))
        return fail(line);
    if (!localtime_r(&start, &tm))
        return fail("the local time is not known");
    if (!xpc_measurement_phased(m, &curve, &phased))
        phased.cycle.period_ns = 0;
    if (libxl_precopy_profile_add(NULL, o->history_file, m->name, tm.tm_hour,
                                  start, &curve,
                                  m->mode == XPC_MODE_DIRTY_BITMAP ? &phased :
                                                                     NULL,
                                  err))
        return fail(err);
    return 0;
}

static int show_measurement(const struct state *s,
                            const struct xpc_measurement *m)
{
    const struct dirty_rate_options *o = s->o;
    char err[XPC_ERR_LEN];
    int rc = 0;

    if (o->json)
        rc = print_json(m, !o->watch);
    if (m->status == XPC_MEASURE_FAILED)
        return fail(m->error ? m->error : "out of memory");
    if (!o->json)
        dirty_rate_print(stdout, m);
    if (o->plot && !o->plot_file)
        dirty_rate_plot_ascii(stdout, m);
    if (o->plot_file && dirty_rate_plot_file(o->plot_file, m, err))
        rc = fail(err);
    if (!rc && o->history)
        rc = keep_measurement(o, m);
    return rc;
}

static int show_all(const struct state *s, struct source_job *job, size_t nr)
{
    struct xpc_measurement m;
    int rc = 0;

    xpc_measurement_init(&m);
    if (s->o->watch && !s->o->json && isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    for (size_t i = 0; i < nr; i++) {
        if (i && !s->o->json)
            putchar('\n');
        if (source_job_query(job, i, &m, NULL))
            rc = fail("out of memory");
        else if (show_measurement(s, &m))
            rc = STATUS_FAILED;
    }
    fflush(stdout);
    xpc_measurement_dispose(&m);
    return rc;
}

/* ---- the command ------------------------------------------------------ */

/* A trace may be shorter than the default measurement. */
static void shorten_to_trace(const struct dirty_rate_options *o,
                             const struct xpc_source *src,
                             struct xpc_meter_request *req)
{
    uint64_t whole = src->end_ns / XPC_MS * XPC_MS;

    if (!o->calc_given && o->trace && whole < req->calc_ns)
        xpc_meter_request_periods(req, whole);
}

/* Measures all sources once, with another sample of pages each time. */
static int measure_once(struct state *s)
{
    struct xpc_source *src[DIRTY_RATE_DOMAINS_MAX] = { NULL };
    struct xpc_meter_request req = s->o->req;
    char err[XPC_ERR_LEN];
    struct xpc_compressor *compressor;
    struct source_job *job;
    int nr = open_sources(s->o, src, err), rc;

    if (nr < 0)
        return fail(err);
    if (s->o->record) {
        if (record_source(s, src, err))
            return fail(err);
    }
    shorten_to_trace(s->o, src[0], &req);
    req.seed = clock_now_ns();
    compressor = req.nr_methods ? channel_measure_open() : NULL;
    req.compressor = compressor;
    job = source_job_start(src, nr, &req, err);
    if (job) {
        wait_for_job(s, job);
        rc = show_all(s, job, nr);
    } else {
        rc = fail(err);
    }
    source_job_free(job);
    channel_measure_close(compressor);
    return rc;
}

int cmd_dirty_rate(int argc, char **argv)
{
    struct dirty_rate_options o;
    struct state s = { .o = &o };
    char err[XPC_ERR_LEN];
    int rc;

    rc = dirty_rate_parse_options(argc, argv, &o, err);
    if (rc > 0) {
        xl_help(&dirty_rate_usage, stdout);
        return 0;
    }
    if (rc) {
        fail(err);
        return STATUS_USAGE;
    }
    s.interrupt_fd = interrupt_open();
    s.progress = o.req.calc_ns > PROGRESS_NS && isatty(STDERR_FILENO) &&
                 !o.trace;
    do {
        rc = measure_once(&s);
    } while (o.watch && !rc && !s.interrupted && !ferror(stdout));
    return s.interrupted && !rc ? STATUS_INTERRUPTED : rc;
}
