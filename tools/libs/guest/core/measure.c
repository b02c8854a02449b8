/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/measure.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

/* The 97.5% quantile of the normal distribution. */
#define Z95 1.959963984540054
/* The points of D(t) of a busy guest are at least this far apart. */
#define BUSY_STEP_NS 1e6

const char *const xpc_measure_status_names[] = {
    [XPC_MEASURE_UNSTARTED] = "unstarted",
    [XPC_MEASURE_MEASURING] = "measuring",
    [XPC_MEASURE_MEASURED] = "measured",
    [XPC_MEASURE_CANCELLED] = "cancelled",
    [XPC_MEASURE_FAILED] = "failed",
    NULL
};
const char *const xpc_measure_mode_names[] = {
    [XPC_MODE_PAGE_SAMPLING] = "page-sampling",
    [XPC_MODE_DIRTY_BITMAP] = "dirty-bitmap",
    [XPC_MODE_DIRTY_RING] = "dirty-ring",
    NULL
};
const char *const xpc_time_unit_names[] = {
    [XPC_UNIT_SECOND] = "second",
    [XPC_UNIT_MILLISECOND] = "millisecond",
    NULL
};

__attribute__((format(printf, 2, 3)))
static int fail(char err[XPC_ERR_LEN], const char *fmt, ...)
{
    va_list al;
    int n = snprintf(err, XPC_ERR_LEN, "measurement: ");

    va_start(al, fmt);
    vsnprintf(err + n, XPC_ERR_LEN - n, fmt, al);
    va_end(al);
    xpc_plain_line(err);
    errno = EINVAL;
    return -1;
}

static int no_memory(char err[XPC_ERR_LEN])
{
    snprintf(err, XPC_ERR_LEN, "measurement: out of memory");
    errno = ENOMEM;
    return -1;
}

void xpc_measurement_init(struct xpc_measurement *m)
{
    *m = (struct xpc_measurement){ .page_size = XPC_PAGE_SIZE };
}

void xpc_measurement_dispose(struct xpc_measurement *m)
{
    free(m->name);
    free(m->error);
    free(m->period_ns);
    free(m->nominal_ns);
    free(m->n_dirty);
    free(m->dirty_pages);
    free(m->dirty_low);
    free(m->dirty_high);
    free(m->compress);
    memset(m, 0, sizeof(*m));
}

/*
 * Frees old and returns an array of nr zeroed entries of eight bytes, or NULL
 * if out of memory.
 */
static void *renew_array(void *old, size_t *nr_r, size_t nr)
{
    void *p = calloc(nr ? nr : 1, sizeof(uint64_t));

    free(old);
    *nr_r = p ? nr : 0;
    return p;
}

int xpc_measurement_alloc(struct xpc_measurement *m, size_t nr)
{
    if (!nr || nr > XPC_PERIODS_MAX) {
        errno = EINVAL;
        return -1;
    }
    m->period_ns = renew_array(m->period_ns, &m->nr_periods, nr);
    m->nominal_ns = renew_array(m->nominal_ns, &m->nr_nominal, nr);
    m->n_dirty = renew_array(m->n_dirty, &m->nr_dirty, nr);
    m->dirty_pages = renew_array(m->dirty_pages, &m->nr_dirty_pages, nr);
    m->dirty_low = renew_array(m->dirty_low, &m->nr_dirty_low, nr);
    m->dirty_high = renew_array(m->dirty_high, &m->nr_dirty_high, nr);
    if (!m->period_ns || !m->nominal_ns || !m->n_dirty || !m->dirty_pages ||
        !m->dirty_low || !m->dirty_high) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

static void *copy_array(const void *array, size_t have, size_t nr)
{
    void *p = calloc(nr ? nr : 1, sizeof(uint64_t));

    if (p && have)
        memcpy(p, array, (have < nr ? have : nr) * sizeof(uint64_t));
    return p;
}

static void *copy_compress(const struct xpc_measurement *m)
{
    size_t nr = m->nr_compress;
    void *p = calloc(nr ? nr : 1, sizeof(*m->compress));

    return p && nr ? memcpy(p, m->compress, nr * sizeof(*m->compress)) : p;
}

int xpc_measurement_copy(const struct xpc_measurement *m, size_t nr,
                         struct xpc_measurement *copy_r)
{
    struct xpc_measurement c = *m;

    c.period_ns = copy_array(m->period_ns, m->nr_periods, nr);
    c.nominal_ns = copy_array(m->nominal_ns, m->nr_nominal, nr);
    c.n_dirty = copy_array(m->n_dirty, m->nr_dirty, nr);
    c.dirty_pages = copy_array(m->dirty_pages, m->nr_dirty_pages, nr);
    c.dirty_low = copy_array(m->dirty_low, m->nr_dirty_low, nr);
    c.dirty_high = copy_array(m->dirty_high, m->nr_dirty_high, nr);
    c.compress = copy_compress(m);
    c.name = m->name ? strdup(m->name) : NULL;
    c.error = m->error ? strdup(m->error) : NULL;
    c.nr_periods = c.nr_nominal = c.nr_dirty = nr;
    c.nr_dirty_pages = c.nr_dirty_low = c.nr_dirty_high = nr;
    if (!c.period_ns || !c.nominal_ns || !c.n_dirty || !c.dirty_pages ||
        !c.dirty_low || !c.dirty_high || !c.compress ||
        (m->name && !c.name) || (m->error && !c.error)) {
        xpc_measurement_dispose(&c);
        errno = ENOMEM;
        return -1;
    }
    xpc_measurement_dispose(copy_r);
    *copy_r = c;
    return 0;
}

/* ---- checking -------------------------------------------------------- */

static int check_lengths(const struct xpc_measurement *m,
                         char err[XPC_ERR_LEN])
{
    const struct {
        const char *key;
        size_t nr;
        bool optional;
    } a[] = {
        { "n-dirty-pages", m->nr_dirty, false },
        { "nominal-periods", m->nr_nominal, true },
        { "dirty-pages", m->nr_dirty_pages, true },
        { "dirty-pages-low", m->nr_dirty_low, true },
        { "dirty-pages-high", m->nr_dirty_high, true },
    };

    if (m->nr_periods > XPC_PERIODS_MAX)
        return fail(err, "periods: %zu entries, at most %u are allowed",
                    m->nr_periods, XPC_PERIODS_MAX);
    for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++) {
        if (a[i].nr != m->nr_periods && !(a[i].optional && !a[i].nr))
            return fail(err, "%s has %zu entries, periods has %zu", a[i].key,
                        a[i].nr, m->nr_periods);
    }
    if (m->nr_dirty_low != m->nr_dirty_high ||
        (m->nr_dirty_low && !m->nr_dirty_pages))
        return fail(err, "dirty-pages, dirty-pages-low and dirty-pages-high "
                    "go together");
    return 0;
}

static int check_totals(const struct xpc_measurement *m,
                        char err[XPC_ERR_LEN])
{
    /* No machine has 2^52 pages, and doubles are exact below that. */
    if (m->n_total >= UINT64_C(1) << 52)
        return fail(err, "n-total-pages: %"PRIu64" pages are more than any "
                    "machine has", m->n_total);
    if (m->n_sampled > m->n_total)
        return fail(err, "n-sampled-pages: %"PRIu64" is more than the "
                    "%"PRIu64" of n-total-pages", m->n_sampled, m->n_total);
    if (m->n_zero > m->n_sampled)
        return fail(err, "n-zero-pages: %"PRIu64" is more than the %"PRIu64
                    " of n-sampled-pages", m->n_zero, m->n_sampled);
    if (m->status == XPC_MEASURE_MEASURED && (!m->nr_periods ||
                                              !m->n_sampled))
        return fail(err, "%s is empty in a finished measurement",
                    m->nr_periods ? "n-sampled-pages" : "periods");
    return 0;
}

static int check_periods(const struct xpc_measurement *m,
                         char err[XPC_ERR_LEN])
{
    for (size_t i = 0; i < m->nr_periods; i++) {
        if (!m->period_ns[i])
            return fail(err, "periods: entry %zu is 0", i + 1);
        if (i && m->period_ns[i] <= m->period_ns[i - 1])
            return fail(err, "periods: entry %zu (%g ms) does not come after "
                        "entry %zu (%g ms)", i + 1, m->period_ns[i] / 1e6, i,
                        m->period_ns[i - 1] / 1e6);
        if (m->n_dirty[i] > m->n_sampled)
            return fail(err, "n-dirty-pages: entry %zu, %"PRIu64", is more "
                        "than the %"PRIu64" of n-sampled-pages", i + 1,
                        m->n_dirty[i], m->n_sampled);
    }
    return 0;
}

/* Is not low <= v <= high within 0 to total? Also true for NaN. */
static bool disordered(double low, double v, double high, double total)
{
    return !(0 <= low && low <= v && v <= high && high <= total);
}

static int check_estimates(const struct xpc_measurement *m,
                           char err[XPC_ERR_LEN])
{
    /* Numbers are written with nine digits: allow for the last one. */
    double total = m->n_total * (1 + 1e-8), v;

    for (size_t i = 0; i < m->nr_dirty_pages; i++) {
        v = m->dirty_pages[i];
        if (disordered(m->nr_dirty_low ? m->dirty_low[i] : v, v,
                       m->nr_dirty_high ? m->dirty_high[i] : v, total))
            return fail(err, "dirty-pages: entry %zu is not a number of pages "
                        "within its interval and n-total-pages", i + 1);
    }
    if (disordered(m->zero_low, m->zero_pages, m->zero_high, total) &&
        (m->zero_pages || m->zero_low || m->zero_high))
        return fail(err, "zero-pages is not a number of pages within its "
                    "interval and n-total-pages");
    return 0;
}

static int check_rest(const struct xpc_measurement *m, char err[XPC_ERR_LEN])
{
    const struct xpc_workset_result *w = &m->workset;

    if (m->page_size != XPC_PAGE_SIZE)
        return fail(err, "page-size: %"PRIu64" is not supported, %u is",
                    m->page_size, XPC_PAGE_SIZE);
    if (!(m->dirty_rate >= 0))
        return fail(err, "dirty-rate is not a rate");
    if (xpc_measurement_calc_ns(m) == UINT64_MAX)
        return fail(err, "calc-time: %"PRIu64" is out of range", m->calc_time);
    if (w->intervals &&
        (disordered(w->union_low, w->union_pages, w->union_high,
                    m->n_total * (1 + 1e-8)) ||
         !(w->jaccard >= 0 && w->jaccard <= 1) ||
         !(w->growth_pages_per_s >= 0)))
        return fail(err, "working-set: its numbers contradict each other");
    for (size_t i = 0; i < m->nr_compress; i++) {
        if (!xpc_compress_result_valid(&m->compress[i]))
            return fail(err, "compression: the numbers of entry %zu contradict "
                        "each other", i + 1);
    }
    return 0;
}

static int check_phases(const struct xpc_measurement *m, char err[XPC_ERR_LEN])
{
    const struct xpc_cycle *c = &m->phases.cycle;

    if (!m->phases.version)
        return 0;
    if (m->phases.version != XPC_PHASES_VERSION)
        return fail(err, "phases: version %"PRIu64" is not known, %u is: "
                    "measure again with this xl", m->phases.version,
                    XPC_PHASES_VERSION);
    if (c->period_ns < XPC_PHASES_MIN_NS || c->period_ns > XPC_PERIOD_MAX_NS)
        return fail(err, "phases: period-ms: from %g to %g are possible",
                    XPC_PHASES_MIN_NS / 1e6, XPC_PERIOD_MAX_NS / 1e6);
    if (!c->busy_ns || c->busy_ns >= c->period_ns)
        return fail(err, "phases: busy-ms is not within the period");
    if (c->busy_from_ns > c->period_ns)
        return fail(err, "phases: busy-from-ms is after the first period");
    if (!(c->quiet >= 0 && c->quiet < 1))
        return fail(err, "phases: quiet is not a share below 1");
    return 0;
}

int xpc_measurement_check(const struct xpc_measurement *m,
                          char err[XPC_ERR_LEN])
{
    if (check_rest(m, err) || check_phases(m, err) || check_lengths(m, err) ||
        check_totals(m, err) || check_periods(m, err))
        return -1;
    return check_estimates(m, err);
}

/* ---- computing what is missing --------------------------------------- */

void xpc_interval(uint64_t hits, uint64_t n, uint64_t total, double *low_r,
                  double *high_r)
{
    double p, ne, centre, half;

    if (!n || n >= total) {
        /* Nothing is known (n is 0), or everything. */
        *low_r = n ? hits : 0;
        *high_r = n ? hits : total;
        return;
    }
    p = (double)hits / n;
    /* As many draws from an infinite population are equally accurate. */
    ne = n * ((double)(total - 1) / (total - n));
    centre = (p + Z95 * Z95 / (2 * ne)) / (1 + Z95 * Z95 / ne);
    half = Z95 / (1 + Z95 * Z95 / ne) *
           sqrt(p * (1 - p) / ne + Z95 * Z95 / (4 * ne * ne));
    /* The bounds can't contradict the pages that were looked at. */
    *low_r = fmax((centre - half) * total, hits);
    *high_r = fmin((centre + half) * total, (double)total - (n - hits));
}

double xpc_dirty_rate_mib(double pages, uint64_t t_ns)
{
    return t_ns ? pages * XPC_PAGE_SIZE / 0x1p20 / (t_ns / 1e9) : 0;
}

static void complete_estimates(struct xpc_measurement *m)
{
    double scale = m->n_sampled ? (double)m->n_total / m->n_sampled : 0;

    for (size_t i = 0; i < m->nr_periods; i++) {
        m->dirty_pages[i] = m->n_dirty[i] * scale;
        xpc_interval(m->n_dirty[i], m->n_sampled, m->n_total,
                     &m->dirty_low[i], &m->dirty_high[i]);
        /* Rounding must not put the estimate outside. */
        m->dirty_low[i] = fmin(m->dirty_low[i], m->dirty_pages[i]);
        m->dirty_high[i] = fmax(m->dirty_high[i], m->dirty_pages[i]);
    }
}

static void complete_zero(struct xpc_measurement *m)
{
    if (m->zero_pages || m->zero_low || m->zero_high || !m->n_sampled)
        return;
    m->zero_pages = (double)m->n_zero / m->n_sampled * m->n_total;
    xpc_interval(m->n_zero, m->n_sampled, m->n_total, &m->zero_low,
                 &m->zero_high);
    m->zero_low = fmin(m->zero_low, m->zero_pages);
    m->zero_high = fmax(m->zero_high, m->zero_pages);
}

/* Allocates the arrays that are missing, with nr_periods entries. */
static int add_arrays(struct xpc_measurement *m)
{
    size_t nr = m->nr_periods;

    if (m->nr_nominal != nr)
        m->nominal_ns = renew_array(m->nominal_ns, &m->nr_nominal, nr);
    if (m->nr_dirty_pages != nr)
        m->dirty_pages = renew_array(m->dirty_pages, &m->nr_dirty_pages, nr);
    if (m->nr_dirty_low != nr)
        m->dirty_low = renew_array(m->dirty_low, &m->nr_dirty_low, nr);
    if (m->nr_dirty_high != nr)
        m->dirty_high = renew_array(m->dirty_high, &m->nr_dirty_high, nr);
    return m->nr_nominal == nr && m->nr_dirty_pages == nr &&
           m->nr_dirty_low == nr && m->nr_dirty_high == nr ? 0 : -1;
}

int xpc_measurement_complete(struct xpc_measurement *m, char err[XPC_ERR_LEN])
{
    size_t nr = m->nr_periods;
    bool estimates = !m->nr_dirty_pages || !m->nr_dirty_low;
    bool nominal = !m->nr_nominal;

    if (xpc_measurement_check(m, err))
        return -1;
    if (add_arrays(m))
        return no_memory(err);
    if (nominal && nr)
        memcpy(m->nominal_ns, m->period_ns, nr * sizeof(*m->period_ns));
    if (estimates)
        complete_estimates(m);
    complete_zero(m);
    if (!m->dirty_rate && nr)
        m->dirty_rate = xpc_dirty_rate_mib(m->dirty_pages[nr - 1],
                                           m->period_ns[nr - 1]);
    return 0;
}

int xpc_measurement_curve(const struct xpc_measurement *m,
                          struct xpc_curve *curve_r, char err[XPC_ERR_LEN])
{
    struct xpc_curve_point prev = { 0 };
    double total = m->n_total;

    if (m->status != XPC_MEASURE_MEASURED)
        return fail(err, "not measured: its status is \"%s\"%s%s",
                    xpc_measure_status_names[m->status],
                    m->error ? ": " : "", m->error ? m->error : "");
    if (m->nr_periods < 2)
        return fail(err, "one period is no curve: pages dirty after different "
                    "times are needed. Measure with more periods, as xl "
                    "dirty-rate does");
    *curve_r = (struct xpc_curve){
        .nr = m->nr_periods,
        .total_pages = m->n_total,
        .zero_pages = fmin(round(m->zero_pages), total),
    };
    for (size_t i = 0; i < m->nr_periods; i++) {
        struct xpc_curve_point *p = &curve_r->pt[i];

        /* Pages that change back can make QEMU's counts decrease. */
        *p = (struct xpc_curve_point){
            .t_ns = m->period_ns[i],
            .pages = fmin(fmax(m->dirty_pages[i], prev.pages), total),
            .low = fmin(fmax(m->dirty_low[i], prev.low), total),
            .high = fmin(fmax(m->dirty_high[i], prev.high), total),
        };
        prev = *p;
    }
    return 0;
}

bool xpc_measurement_phased(const struct xpc_measurement *m,
                            const struct xpc_curve *c,
                            struct xpc_phased *phased_r)
{
    struct xpc_curve *busy = &phased_r->busy;
    double last = 0;

    *phased_r = (struct xpc_phased){
        .cycle = m->phases.cycle,
        .busy = { .total_pages = c->total_pages,
                  .zero_pages = c->zero_pages },
    };
    if (!m->phases.version)
        return false;
    for (size_t i = 0; i < c->nr; i++) {
        const struct xpc_curve_point *p = &c->pt[i];
        double t = xpc_cycle_active_ns(&phased_r->cycle, 0, p->t_ns);

        /* Points within a lull have about the same busy time. */
        if (t < last + BUSY_STEP_NS)
            continue;
        xpc_curve_add(busy, t, p->pages, p->low, p->high);
        last = t;
    }
    return busy->nr > 1;
}

uint64_t xpc_measurement_calc_ns(const struct xpc_measurement *m)
{
    uint64_t unit = m->calc_time_unit == XPC_UNIT_SECOND ? XPC_S : XPC_MS, ns;

    if (__builtin_mul_overflow(m->calc_time, unit, &ns))
        return UINT64_MAX;
    return ns;
}

void xpc_measurement_set_calc_ns(struct xpc_measurement *m, uint64_t ns)
{
    bool whole = ns % XPC_S == 0;

    m->calc_time_unit = whole ? XPC_UNIT_SECOND : XPC_UNIT_MILLISECOND;
    m->calc_time = whole ? ns / XPC_S : (ns + XPC_MS / 2) / XPC_MS;
}
