/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include <xenprecopy/advice.h>
#include <xenprecopy/units.h>

#define BANDWIDTH_MAX (UINT64_C(1) << 60)
/* xpc_params_check() accepts no time longer than a day. */
#define PARAMS_MAX (86400 * XPC_S)
/* The margin of the proposed options. */
#define ROOM_DOWNTIME 1.1
#define ROOM_DURATION 1.25

/* The input of a simulation; searches vary parts of it. */
struct question {
    const struct xpc_curve *c;
    struct xpc_predict_params p;
    struct xpc_predict_state s;
};

static void simulate(const struct question *q, struct xpc_prediction *r)
{
    xpc_predict_any(r, q->c, &q->p, &q->s, 0);
}

static bool fits_with_bandwidth(const struct question *q, double bytes_per_s)
{
    struct question try = *q;
    struct xpc_prediction r;

    try.p.bandwidth_bytes_per_s = bytes_per_s;
    if (try.p.switchover_bytes_per_s < bytes_per_s)
        try.p.switchover_bytes_per_s = 0;
    simulate(&try, &r);
    return r.converges;
}

static bool fits_with_share(const struct question *q, double share)
{
    struct question try = *q;
    struct xpc_prediction r;
    struct xpc_phased phased;
    struct xpc_curve slow;

    xpc_curve_throttle(&slow, q->c, share);
    try.c = &slow;
    if (q->p.phased) {
        phased = *q->p.phased;
        xpc_curve_throttle(&phased.busy, &phased.busy, share);
        try.p.phased = &phased;
    }
    simulate(&try, &r);
    return r.converges;
}

/*
 * Bisects between bad, which does not fit, and good, which does, until they
 * differ by XPC_ADVICE_STEP at most. Returns the good one.
 */
static double bisect(bool (*fits)(const struct question *, double),
                     const struct question *q, double bad, double good)
{
    while (fabs(log(good / bad)) > XPC_ADVICE_STEP / 2) {
        double mid = sqrt(good * bad);

        if (fits(q, mid))
            good = mid;
        else
            bad = mid;
    }
    return good;
}

static uint64_t least_bandwidth(const struct question *q)
{
    double bad, good = fmin(fmax(q->p.bandwidth_bytes_per_s, 1),
                            BANDWIDTH_MAX);

    if (fits_with_bandwidth(q, good)) {
        for (bad = good / 2; fits_with_bandwidth(q, bad); bad /= 2) {
            if (bad < 1)
                return 1;
            good = bad;
        }
    } else {
        bad = good;
        for (good *= 2; !fits_with_bandwidth(q, good); good *= 2) {
            if (good > BANDWIDTH_MAX)
                return 0;
            bad = good;
        }
    }
    return ceil(bisect(fits_with_bandwidth, q, bad, good));
}

static double highest_cpu_share(const struct question *q)
{
    if (fits_with_share(q, 1))
        return 1;
    if (!fits_with_share(q, XPC_ADVICE_SHARE_MIN))
        return 0;
    return bisect(fits_with_share, q, 1, XPC_ADVICE_SHARE_MIN);
}

/* The lowest downtime for a curve of the band: copy until nothing helps. */
static uint64_t least_downtime(const struct question *q, double side)
{
    struct question try = *q;
    struct xpc_prediction r;

    try.p.rule.downtime_ns = try.p.rule.max_downtime_ns = 0;
    try.p.rule.threshold_pages = 0;
    xpc_predict_any(&r, try.c, &try.p, &try.s, side);
    return r.converges ? r.downtime_ns : r.least_downtime_ns;
}

static int find_obstacle(const struct question *q,
                         const struct xpc_prediction *r)
{
    if (r->converges)
        return XPC_OBSTACLE_NONE;
    if (xpc_predict_cautious(&q->p, 0, 0) > q->p.rule.downtime_ns)
        return XPC_OBSTACLE_SWITCHOVER;
    if (r->reason == XPC_REASON_DURATION)
        return XPC_OBSTACLE_DURATION;
    if (r->reason == XPC_REASON_ITERATIONS)
        return XPC_OBSTACLE_ITERATIONS;
    return XPC_OBSTACLE_DIRTYING;
}

static uint64_t scale_ns(uint64_t ns, double factor, uint64_t unit)
{
    double units = ceil(ns * factor / unit);

    return units * unit < 0x1p63 ? (uint64_t)units * unit : UINT64_MAX / 2;
}

/* The total time with a limit, for the slowest curve of the band. */
static uint64_t longest_time(const struct question *q, uint64_t limit_ns)
{
    struct question try = *q;
    struct xpc_forecast f;

    try.p.rule.downtime_ns = try.p.rule.max_downtime_ns = limit_ns;
    xpc_predict_band(&f, try.c, &try.p, &try.s);
    return f.high.total_time_ns > f.expected.total_time_ns ?
           f.high.total_time_ns : f.expected.total_time_ns;
}

static void propose(struct xpc_advice *a, const struct question *q)
{
    const struct xpc_rule *r = &q->p.rule;
    uint64_t limit = r->downtime_ns, high;

    xpc_params_init(&a->params);
    if (!a->as_asked.expected.converges) {
        high = least_downtime(q, 1);
        limit = scale_ns(high, ROOM_DOWNTIME, XPC_MS);
    }
    a->params.downtime_ns = limit;
    a->params.bandwidth_bytes_per_s = q->p.bandwidth_bytes_per_s;
    a->params.overhead_ns = q->p.overhead_ns;
    a->params.iterations = r->iterations;
    a->params.skip_dirty = q->p.skip_dirty ? XPC_SKIP_DIRTY_ON :
                                             XPC_SKIP_DIRTY_OFF;
    a->params.duration_ns = scale_ns(longest_time(q, limit), ROOM_DURATION,
                                     XPC_S);
    if (a->params.duration_ns > PARAMS_MAX)
        a->params.duration_ns = 0;
    if (limit > PARAMS_MAX)
        a->params.downtime_ns = 0;
    if (r->duration_ns && r->duration_ns < a->params.duration_ns)
        a->params.duration_ns = r->duration_ns;
}

void xpc_advise(struct xpc_advice *a, const struct xpc_curve *c,
                const struct xpc_predict_params *p,
                const struct xpc_predict_state *s)
{
    struct question q = { .c = c, .p = *p, .s = *s };
    struct xpc_prediction r;

    q.p.rule.max_downtime_ns = q.p.rule.downtime_ns;
    q.p.rule.on_timeout = XPC_ON_TIMEOUT_ABORT;
    *a = (struct xpc_advice){ .least_downtime_ns = least_downtime(&q, 0) };
    xpc_predict_band(&a->as_asked, c, &q.p, s);
    a->obstacle = find_obstacle(&q, &a->as_asked.expected);
    a->least_bandwidth_bytes_per_s = least_bandwidth(&q);
    a->cpu_share = highest_cpu_share(&q);
    propose(a, &q);
    q.p.rule.downtime_ns = q.p.rule.max_downtime_ns = a->least_downtime_ns;
    simulate(&q, &r);
    a->least_total_time_ns = r.total_time_ns;
}

/* ---- text ----------------------------------------------------------- */

struct text {
    char *buf;
    size_t len;
};

__attribute__((format(printf, 2, 3)))
static void add(struct text *t, const char *fmt, ...)
{
    va_list al;
    int n;

    if (t->len >= XPC_ADVICE_LEN)
        return;
    va_start(al, fmt);
    n = vsnprintf(t->buf + t->len, XPC_ADVICE_LEN - t->len, fmt, al);
    va_end(al);
    t->len += n > 0 ? n : 0;
}

/*
 * Rounds v up to three digits, as many as the formatters write: a value that is
 * named must be enough.
 */
static double round_up(double v)
{
    double place = v > 0 ? pow(10, floor(log10(v)) - 2) : 1;

    return ceil(v / place * (1 - 1e-12)) * place;
}

static const char *format_enough_bandwidth(char buf[XPC_UNIT_LEN],
                                           uint64_t bytes_per_s)
{
    return xpc_format_bandwidth(buf, ceil(round_up(bytes_per_s * 8.0) / 8));
}

static void add_fit(struct text *t, const struct xpc_advice *a)
{
    const struct xpc_prediction *r = &a->as_asked.expected;
    char x[XPC_UNIT_LEN], y[XPC_UNIT_LEN];

    add(t, "it fits: %s in all with %s of downtime after %"PRIu64
        " iteration%s", xpc_format_time(x, r->total_time_ns),
        xpc_format_time(y, r->downtime_ns), r->iterations,
        r->iterations == 1 ? "" : "s");
    if (a->as_asked.marginal)
        add(t, ", but within the uncertainty of the measurement it might "
            "not");
    add(t, "; the least bandwidth that would do is %s",
        format_enough_bandwidth(x, a->least_bandwidth_bytes_per_s));
}

static void add_obstacle(struct text *t, const struct xpc_advice *a,
                         const struct xpc_predict_params *p)
{
    const struct xpc_prediction *r = &a->as_asked.expected;
    char x[XPC_UNIT_LEN], y[XPC_UNIT_LEN];

    add(t, "a downtime of %s can't be met: ",
        xpc_format_time(x, p->rule.downtime_ns));
    switch (a->obstacle) {
    case XPC_OBSTACLE_SWITCHOVER:
        add(t, "the switchover alone takes %s",
            xpc_format_time(x, xpc_predict_cautious(p, 0, 0)));
        break;
    case XPC_OBSTACLE_DURATION:
        add(t, "after %"PRIu64" iteration%s of the %s of precopy too little "
            "is left for another", r->iterations,
            r->iterations == 1 ? "" : "s",
            xpc_format_time(x, p->rule.duration_ns));
        break;
    case XPC_OBSTACLE_ITERATIONS:
        add(t, "%"PRIu64" iteration%s are not enough", r->iterations,
            r->iterations == 1 ? "" : "s");
        break;
    default:
        add(t, "however often it is copied, %s stay dirty, for the guest "
            "writes as fast as %s carries",
            xpc_format_bytes(x, r->dirty_pages * p->page_bytes),
            xpc_format_bandwidth(y, p->bandwidth_bytes_per_s));
    }
}

static void add_remedies(struct text *t, const struct xpc_advice *a)
{
    char x[XPC_UNIT_LEN];
    const char *sep = "; ";

    if (a->least_bandwidth_bytes_per_s) {
        add(t, "%sa bandwidth of %s", sep,
            format_enough_bandwidth(x, a->least_bandwidth_bytes_per_s));
        sep = ", or ";
    }
    if (a->least_downtime_ns != UINT64_MAX) {
        add(t, "%sa downtime of %s", sep,
            xpc_format_time(x, round_up(a->least_downtime_ns)));
        sep = ", or ";
    }
    if (a->cpu_share > 0) {
        add(t, "%s%.1f%% of the CPU for the guest", sep,
            floor(a->cpu_share * 1000) / 10);
        if (a->cpu_share < 1)
            add(t, " (--precopy-slow-down=%.0f)",
                fmin(ceil((1 - a->cpu_share) * 100), 99));
        sep = ", or ";
    }
    if (*sep == ',')
        add(t, " would do");
}

const char *xpc_advice_text(const struct xpc_advice *a,
                            const struct xpc_predict_params *p,
                            char buf[XPC_ADVICE_LEN])
{
    struct text t = { .buf = buf };

    if (a->obstacle == XPC_OBSTACLE_NONE) {
        add_fit(&t, a);
    } else {
        add_obstacle(&t, a, p);
        add_remedies(&t, a);
    }
    return buf;
}

/* Adds a bandwidth for xpc_parse_bandwidth(), not rounded up. */
static void add_bandwidth(struct text *t, uint64_t bytes_per_s)
{
    uint64_t kbit = bytes_per_s / 125;

    if (kbit && kbit % 1000000 == 0)
        add(t, " --precopy-bandwidth=%"PRIu64"Gbit", kbit / 1000000);
    else if (kbit && kbit % 1000 == 0)
        add(t, " --precopy-bandwidth=%"PRIu64"Mbit", kbit / 1000);
    else if (kbit)
        add(t, " --precopy-bandwidth=%"PRIu64"kbit", kbit);
}

static void add_time(struct text *t, const char *option, uint64_t ns)
{
    if (ns % XPC_MS)
        add(t, "%s=%"PRIu64"us", option, (ns + 999) / 1000);
    else
        add(t, "%s=%"PRIu64"ms", option, ns / XPC_MS);
}

const char *xpc_advice_options(const struct xpc_params *params,
                               char buf[XPC_ADVICE_LEN])
{
    uint64_t max = xpc_params_max_downtime(params);
    char method[XPC_UNIT_LEN];
    struct text t = { .buf = buf };

    *buf = 0;
    if (!params->downtime_ns)
        return buf;
    add_time(&t, "--precopy-downtime", params->downtime_ns);
    if (max != params->downtime_ns)
        add_time(&t, " --precopy-max-downtime", max);
    if (params->duration_ns)
        add(&t, " --precopy-duration=%"PRIu64"s",
            params->duration_ns / XPC_S);
    add_bandwidth(&t, params->bandwidth_bytes_per_s);
    if (params->overhead_ns &&
        params->overhead_ns != XPC_DEFAULT_OVERHEAD_NS)
        add(&t, " --precopy-switchover-overhead=%"PRIu64"us",
            (params->overhead_ns + 999) / 1000);
    add(&t, " --precopy-on-timeout=%s",
        params->on_timeout == XPC_ON_TIMEOUT_SUSPEND ? "suspend" : "abort");
    if (params->compress != XPC_COMPRESS_OFF)
        add(&t, " --precopy-compress=%s", xpc_compress_text(method,
            &(struct xpc_compress_method){ params->compress,
                                           params->compress_level }));
    if (params->slow_down_percent)
        add(&t, " --precopy-slow-down=%"PRIu64, params->slow_down_percent);
    if (params->channels > 1)
        add(&t, " --precopy-channels=%"PRIu64, params->channels);
    return buf;
}
