/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "core/compress_sample.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* pfns passed to the source at once. */
#define TAKE_BATCH 1024u
/*
 * Pages that are due within a 100th of their period of each other are looked at
 * together, because waking up costs more than looking. Their own intervals
 * account for the delay.
 */
#define COALESCE 100
/*
 * How many pfns may be drawn in vain, besides some for every page wanted. An
 * address space may be thousands of times as large as the memory in it.
 */
#define HOLES_MAX 1000000u
#define HOLES_PER_PAGE 8u
/* The sample from which zero pages are estimated in dirty-bitmap mode. */
#define ZERO_PAGES_PER_GIB 512u

/* ---- requests -------------------------------------------------------- */

void xpc_meter_request_periods(struct xpc_meter_request *r, uint64_t calc_ns)
{
    static const uint16_t ms[] = {
        125, 250, 375, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000,
        10000, 15000, 20000, 25000, 30000, 35000, 40000, 45000, 50000, 60000,
    };

    r->calc_ns = calc_ns;
    r->nr_periods = 0;
    for (size_t i = 0; i < ARRAY_SIZE(ms) && ms[i] * XPC_MS < calc_ns; i++)
        r->period_ns[r->nr_periods++] = ms[i] * XPC_MS;
    r->period_ns[r->nr_periods++] = calc_ns;
}

void xpc_meter_request_init(struct xpc_meter_request *r)
{
    *r = (struct xpc_meter_request){
        .mode = XPC_MODE_PAGE_SAMPLING,
        .sample_pages = XPC_SAMPLE_PAGES_DEFAULT,
        .workset_intervals = XPC_WORKSET_INTERVALS,
        .seed = 1,
        .nr_methods = xpc_nr_compress_defaults,
    };
    memcpy(r->methods, xpc_compress_defaults,
           r->nr_methods * sizeof(r->methods[0]));
    xpc_meter_request_periods(r, XPC_CALC_TIME_DEFAULT_NS);
}

int xpc_meter_request_check(const struct xpc_meter_request *r,
                            char err[XPC_ERR_LEN])
{
    errno = EINVAL;
    if (!r->nr_periods || r->nr_periods > XPC_PERIODS_MAX) {
        snprintf(err, XPC_ERR_LEN, "%zu periods: from 1 to %u are possible",
                 r->nr_periods, XPC_PERIODS_MAX);
        return -1;
    }
    for (size_t i = 0; i < r->nr_periods; i++) {
        if (r->period_ns[i] < XPC_PERIOD_MIN_NS ||
            r->period_ns[i] > XPC_PERIOD_MAX_NS) {
            snprintf(err, XPC_ERR_LEN, "a period of %g ms: from 50 ms to "
                     "60 s are possible", r->period_ns[i] / 1e6);
            return -1;
        }
        if (i && r->period_ns[i] <= r->period_ns[i - 1]) {
            snprintf(err, XPC_ERR_LEN, "the period of %g ms must be longer "
                     "than the one before it", r->period_ns[i] / 1e6);
            return -1;
        }
    }
    if (r->sample_pages < XPC_SAMPLE_PAGES_MIN ||
        r->sample_pages > XPC_SAMPLE_PAGES_MAX) {
        snprintf(err, XPC_ERR_LEN, "%u sample pages a GiB: from %u to %u are "
                 "possible", (unsigned int)r->sample_pages,
                 XPC_SAMPLE_PAGES_MIN, XPC_SAMPLE_PAGES_MAX);
        return -1;
    }
    for (size_t i = 0; i < r->nr_methods; i++) {
        if (i == XPC_COMPRESS_METHODS_MAX ||
            !xpc_compress_level_max(r->methods[i].compress)) {
            snprintf(err, XPC_ERR_LEN, "at most %u methods of compression "
                     "are possible, and off is none",
                     XPC_COMPRESS_METHODS_MAX);
            return -1;
        }
    }
    errno = 0;
    return 0;
}

/* ---- taking the sample ----------------------------------------------- */

static int by_pfn(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/*
 * Draws pfns until `want` pages are taken, the source has no more, or too many
 * were holes: the sample is smaller then, and still uniform. A batch is never
 * larger than what is missing, as dropping the rest of a sorted batch would
 * favour low pfns.
 */
static int take_pages(struct xpc_meter *meter, uint64_t want, size_t *nr_r)
{
    struct xpc_source *src = meter->src;
    uint64_t pfn[TAKE_BATCH];
    uint64_t holes = 0, holes_max = HOLES_MAX + HOLES_PER_PAGE * want;
    bool hole[TAKE_BATCH], more = true;
    struct xpc_draw draw;
    size_t got = 0;

    if (xpc_draw_init(&draw, src->nr_pfns, want, meter->req.seed))
        return xpc_source_fail(src, ENOMEM, "out of memory");
    while (got < want && more && holes < holes_max) {
        size_t nr = 0, room = want - got;

        while (nr < room && nr < TAKE_BATCH && more) {
            more = xpc_draw_next(&draw, &pfn[nr]);
            nr += more;
        }
        qsort(pfn, nr, sizeof(pfn[0]), by_pfn);
        if (nr && src->ops->take(src, pfn, nr, hole)) {
            xpc_draw_dispose(&draw);
            return -1;
        }
        for (size_t i = 0; i < nr; i++) {
            got += !hole[i];
            holes += hole[i];
            if (!hole[i] && meter->compress)
                xpc_compress_sample_offer(meter->compress, pfn[i]);
        }
    }
    xpc_draw_dispose(&draw);
    meter->m.n_holes += holes;
    *nr_r = got;
    return 0;
}

/* Looks at all taken pages for the first time. */
static int first_looks(struct xpc_meter *meter)
{
    struct xpc_source *src = meter->src;
    uint32_t index[XPC_LOOK_MAX];
    const void *page[XPC_LOOK_MAX];

    for (size_t i = 0; i < meter->sample.nr; i += XPC_LOOK_MAX) {
        size_t nr = 0;
        uint64_t now;

        while (nr < XPC_LOOK_MAX && i + nr < meter->sample.nr) {
            index[nr] = i + nr;
            nr++;
        }
        now = src->ops->now(src);
        if (src->ops->look(src, index, nr, page))
            return -1;
        xpc_sample_first(&meter->sample, index, nr, page, now);
    }
    return 0;
}

static int take_sample(struct xpc_meter *meter, uint64_t per_gib)
{
    struct xpc_source *src = meter->src;
    size_t nr;

    if (!src->ops->take)
        return xpc_source_fail(src, EOPNOTSUPP, "%s: its pages can't be "
                               "looked at: page-sampling is not possible",
                               src->name);
    if (take_pages(meter, xpc_sample_want(src->total_pages, per_gib), &nr))
        return -1;
    if (!nr)
        return xpc_source_fail(src, ENODATA, "%s: no page could be looked "
                               "at", src->name);
    if (xpc_sample_init(&meter->sample, nr))
        return xpc_source_fail(src, ENOMEM, "out of memory");
    return first_looks(meter);
}

/* ---- starting -------------------------------------------------------- */

static int start_compress(struct xpc_meter *meter, size_t taken)
{
    return meter->compress ? xpc_compress_sample_take(meter->compress,
                                                      meter->src, taken) : 0;
}

static int start_sampling(struct xpc_meter *meter)
{
    if (take_sample(meter, meter->req.sample_pages) ||
        start_compress(meter, meter->sample.nr))
        return -1;
    meter->m.sample_pages = meter->req.sample_pages;
    meter->m.n_sampled = meter->sample.nr;
    meter->m.n_zero = meter->sample.n_zero;
    meter->m.n_total = meter->src->total_pages;
    /* The sample may have more pages than Xen reports for the domain. */
    if (meter->m.n_total < meter->m.n_sampled)
        meter->m.n_total = meter->m.n_sampled;
    meter->start_ns = meter->sample.page[0].first_ns;
    return 0;
}

/* Estimates zero pages from a small sample; a dirty bitmap has none. */
static int count_zero_pages(struct xpc_meter *meter)
{
    struct xpc_measurement *m = &meter->m;
    double scale;

    if (!meter->src->ops->take) {
        m->n_zero = meter->src->zero_pages;
        return 0;
    }
    if (take_sample(meter, ZERO_PAGES_PER_GIB))
        return -1;
    scale = (double)m->n_total / meter->sample.nr;
    m->n_zero = meter->sample.n_zero * scale;
    m->zero_pages = meter->sample.n_zero * scale;
    xpc_interval(meter->sample.n_zero, meter->sample.nr, m->n_total,
                 &m->zero_low, &m->zero_high);
    m->zero_low = fmin(m->zero_low, m->zero_pages);
    m->zero_high = fmax(m->zero_high, m->zero_pages);
    m->cost.hashed_bytes += meter->sample.hashed_bytes;
    xpc_sample_dispose(&meter->sample);
    meter->src->ops->drop(meter->src);
    return 0;
}

int xpc_meter_zero_pages(struct xpc_source *src, double *pages_r)
{
    struct xpc_meter meter = { .src = src, .req = { .seed = 1 } };
    int rc;

    meter.m.n_total = src->total_pages;
    rc = count_zero_pages(&meter);
    *pages_r = meter.m.n_zero;
    xpc_sample_dispose(&meter.sample);
    src->ops->drop(src);
    return rc;
}

/*
 * Checks that a source with an end lasts for the calc-time, and limits the
 * intervals of the working set to what it lasts for.
 */
static int fit_into_source(struct xpc_meter *meter)
{
    uint64_t end = meter->src->end_ns, calc = meter->req.calc_ns, room;

    if (!end)
        return 0;
    if (end < meter->start_ns + calc)
        return xpc_source_fail(meter->src, EINVAL, "%s: it lasts for %.3f s, "
                               "too short for a calc-time of %.3f s",
                               meter->src->name,
                               (end - meter->start_ns) / 1e9, calc / 1e9);
    room = (end - meter->start_ns - calc) / (calc / XPC_WORKSET_INTERVALS);
    if (meter->req.workset_intervals > room)
        meter->req.workset_intervals = room;
    return 0;
}

static int start_tracking(struct xpc_meter *meter)
{
    struct xpc_source *src = meter->src;

    if (!src->ops->track)
        return xpc_source_fail(src, EOPNOTSUPP, "%s: its writes can't be "
                               "tracked: dirty-bitmap is not possible",
                               src->name);
    meter->m.n_total = meter->m.n_sampled = src->total_pages;
    if (fit_into_source(meter) || count_zero_pages(meter) ||
        start_compress(meter, 0))
        return -1;
    if (meter->req.workset_intervals && src->ops->read &&
        xpc_workset_init(&meter->workset, src->nr_pfns))
        return xpc_source_fail(src, errno, "out of memory");
    if (src->ops->track(src))
        return -1;
    meter->tracking = true;
    meter->start_ns = src->ops->now(src);
    if (meter->workset.nr_pfns)
        xpc_workset_begin(&meter->workset, meter->start_ns);
    return 0;
}

int xpc_meter_start(struct xpc_meter *meter, struct xpc_source *src,
                    const struct xpc_meter_request *req)
{
    struct xpc_measurement *m = &meter->m;

    *meter = (struct xpc_meter){ .src = src, .req = *req };
    meter->total_pages = src->total_pages;
    meter->start_ns = src->ops->now(src);
    xpc_measurement_init(m);
    m->status = XPC_MEASURE_MEASURING;
    m->mode = req->mode;
    m->source = src->ops->kind;
    m->source_id = src->id;
    m->name = strdup(src->name);
    xpc_measurement_set_calc_ns(m, req->calc_ns);
    if (xpc_meter_request_check(req, src->err))
        return -1;
    if (!src->total_pages || !src->nr_pfns)
        return xpc_source_fail(src, ENODATA, "%s has no memory", src->name);
    if (!m->name || xpc_measurement_alloc(m, req->nr_periods))
        return xpc_source_fail(src, ENOMEM, "out of memory");
    if (req->compressor && src->ops->take && req->nr_methods) {
        meter->compress = xpc_compress_sample_new(req->seed);
        if (!meter->compress)
            return xpc_source_fail(src, ENOMEM, "out of memory");
    }
    memcpy(m->nominal_ns, req->period_ns,
           req->nr_periods * sizeof(m->nominal_ns[0]));
    if (req->mode == XPC_MODE_PAGE_SAMPLING ? start_sampling(meter) :
        start_tracking(meter))
        return -1;
    meter->next_ns = meter->start_ns + req->period_ns[0];
    return 0;
}

/* ---- the end of a period --------------------------------------------- */

static int check_source(struct xpc_meter *meter)
{
    struct xpc_source_state state = { .total_pages = meter->total_pages };

    if (!meter->src->ops->check)
        return 0;
    if (meter->src->ops->check(meter->src, &state))
        return -1;
    if (state.total_pages != meter->total_pages)
        meter->m.ballooned = true;
    if (state.paused)
        meter->m.paused = true;
    meter->total_pages = state.total_pages;
    return 0;
}

/* Checks the source after period meter->period, and starts the next one. */
static int finish_period(struct xpc_meter *meter)
{
    struct xpc_measurement *m = &meter->m;
    size_t i = meter->period;

    if (m->period_ns[i] > m->nominal_ns[i] + m->nominal_ns[i] / 10)
        m->late = true;
    if (check_source(meter))
        return -1;
    meter->cursor = 0;
    meter->period++;
    if (meter->period < meter->req.nr_periods)
        meter->next_ns = meter->start_ns + meter->req.period_ns[i + 1];
    return 0;
}

static int finish_round(struct xpc_meter *meter)
{
    struct xpc_measurement *m = &meter->m;
    struct xpc_sample_round round;
    size_t i = meter->period;

    xpc_sample_round(&meter->sample, meter->req.period_ns[i], m->n_total,
                     &round);
    m->period_ns[i] = round.period_ns;
    m->n_dirty[i] = round.n_dirty;
    m->dirty_pages[i] = round.share * m->n_total;
    m->dirty_low[i] = round.low * m->n_total;
    m->dirty_high[i] = round.high * m->n_total;
    if (finish_period(meter))
        return -1;
    if (meter->period < meter->req.nr_periods)
        return 0;
    /* Compressing takes a while: not before what is due for others. */
    meter->finished = !meter->compress;
    meter->next_ns = meter->src->ops->now(meter->src);
    return 0;
}

/* ---- compression ------------------------------------------------------ */

static int measure_compress(struct xpc_meter *meter)
{
    struct xpc_measurement *m = &meter->m;
    struct xpc_compress_with with = {
        .compressor = meter->req.compressor,
        .methods = meter->req.methods, .nr_methods = meter->req.nr_methods,
    };
    bool tracked = meter->req.mode != XPC_MODE_PAGE_SAMPLING;

    m->compress = calloc(with.nr_methods, sizeof(*m->compress));
    if (!m->compress)
        return xpc_source_fail(meter->src, ENOMEM, "out of memory");
    if (xpc_compress_sample_measure(meter->compress, meter->src, &with,
                                    tracked, &meter->sample, m->compress))
        return -1;
    m->nr_compress = with.nr_methods;
    return 0;
}

/* ---- page-sampling --------------------------------------------------- */

/*
 * Finds up to XPC_LOOK_MAX clean pages that are due, starting at the cursor.
 * Each page is due the same time after its first look, however long looking
 * takes.
 */
static size_t due_pages(struct xpc_meter *meter, uint64_t now,
                        uint32_t index[XPC_LOOK_MAX])
{
    uint64_t period = meter->req.period_ns[meter->period];
    uint64_t together = period / COALESCE;
    size_t nr = 0;

    for (; nr < XPC_LOOK_MAX && meter->cursor < meter->sample.nr;
         meter->cursor++) {
        const struct xpc_sample_page *p = &meter->sample.page[meter->cursor];

        if (p->dirty)
            continue;
        if (p->first_ns + period > now + together / 2) {
            if (!nr)
                meter->next_ns = p->first_ns + period + together / 2;
            break;
        }
        index[nr++] = meter->cursor;
    }
    return nr;
}

static int step_sampling(struct xpc_meter *meter)
{
    struct xpc_source *src = meter->src;
    uint32_t index[XPC_LOOK_MAX];
    const void *page[XPC_LOOK_MAX];

    if (meter->period == meter->req.nr_periods) {
        meter->finished = true;
        return measure_compress(meter);
    }
    for (;;) {
        uint64_t now = src->ops->now(src);
        size_t nr = due_pages(meter, now, index);

        if (!nr)
            break;
        if (src->ops->look(src, index, nr, page))
            return -1;
        xpc_sample_again(&meter->sample, index, nr, page, now);
    }
    return meter->cursor < meter->sample.nr ? 0 : finish_round(meter);
}

/* ---- dirty-bitmap ---------------------------------------------------- */

static int count_period(struct xpc_meter *meter)
{
    struct xpc_source *src = meter->src;
    struct xpc_measurement *m = &meter->m;
    size_t i = meter->period;
    uint64_t before = src->ops->now(src), after, pages;

    if (src->ops->count(src, &pages))
        return -1;
    after = src->ops->now(src);
    m->cost.peeks++;
    if (after - before > m->cost.peek_max_ns)
        m->cost.peek_max_ns = after - before;
    /* Xen's count includes pages that are not the guest's own, such as
     * shared info. */
    if (pages > m->n_total)
        pages = m->n_total;
    m->period_ns[i] = (before + after) / 2 - meter->start_ns;
    if (i && m->period_ns[i] <= m->period_ns[i - 1])
        m->period_ns[i] = m->period_ns[i - 1] + 1;
    m->n_dirty[i] = pages;
    m->dirty_pages[i] = m->dirty_low[i] = m->dirty_high[i] = pages;
    return finish_period(meter);
}

static void mark_run(void *opaque, uint64_t pfn, uint64_t nr)
{
    xpc_workset_run(opaque, pfn, nr);
}

/* Reads the bitmap of an interval and starts the next one, clean. */
static int end_interval(struct xpc_meter *meter)
{
    struct xpc_source *src = meter->src;

    if (src->ops->read(src, true, mark_run, &meter->workset))
        return -1;
    xpc_workset_end(&meter->workset, src->ops->now(src));
    if (check_source(meter))
        return -1;
    meter->next_ns = meter->workset.start_ns +
                     meter->req.calc_ns / XPC_WORKSET_INTERVALS;
    /* The first interval is the time of the curve. */
    meter->finished = meter->workset.intervals >
                      meter->req.workset_intervals;
    return 0;
}

static int step_tracking(struct xpc_meter *meter)
{
    if (meter->src->ops->now(meter->src) < meter->next_ns)
        return 0;
    if (meter->period < meter->req.nr_periods) {
        if (count_period(meter))
            return -1;
        if (meter->period < meter->req.nr_periods)
            return 0;
        if (meter->compress && measure_compress(meter))
            return -1;
        if (!meter->workset.nr_pfns) {
            meter->finished = true;
            return 0;
        }
    }
    return end_interval(meter);
}

/* ---- stepping and ending --------------------------------------------- */

int xpc_meter_step(struct xpc_meter *meter)
{
    if (meter->finished)
        return 0;
    return meter->req.mode == XPC_MODE_PAGE_SAMPLING ?
           step_sampling(meter) : step_tracking(meter);
}

/* Keeps only the first nr periods, which were finished. */
static void keep_periods(struct xpc_measurement *m, size_t nr)
{
    if (m->nr_periods > nr) {
        m->nr_periods = m->nr_nominal = m->nr_dirty = nr;
        m->nr_dirty_pages = m->nr_dirty_low = m->nr_dirty_high = nr;
    }
}

void xpc_meter_end(struct xpc_meter *meter, bool failed,
                   struct xpc_measurement *m_r)
{
    struct xpc_source *src = meter->src;
    struct xpc_measurement *m = &meter->m;
    char err[XPC_ERR_LEN];

    if (failed) {
        m->status = XPC_MEASURE_FAILED;
        m->error = strdup(src->err);
    } else {
        m->status = meter->finished ? XPC_MEASURE_MEASURED :
                    XPC_MEASURE_CANCELLED;
    }
    if (meter->tracking)
        src->ops->untrack(src);
    src->ops->drop(src);
    if (meter->workset.intervals)
        xpc_workset_result(&meter->workset, &m->workset);
    m->cost.wall_ns = src->ops->now(src) - meter->start_ns;
    m->cost.hashed_bytes += meter->sample.hashed_bytes;
    xpc_workset_dispose(&meter->workset);
    xpc_sample_dispose(&meter->sample);
    xpc_compress_sample_free(meter->compress);
    meter->compress = NULL;
    /* A failed measurement keeps no counts, so that nobody uses them. */
    keep_periods(m, failed ? 0 : meter->period);
    if (!failed && xpc_measurement_complete(m, err)) {
        m->status = XPC_MEASURE_FAILED;
        free(m->error);
        m->error = strdup(err);
    }
    xpc_measurement_dispose(m_r);
    *m_r = *m;
    xpc_measurement_init(m);
}

double xpc_meter_progress(const struct xpc_meter *meter, uint64_t now_ns)
{
    double all = meter->req.calc_ns, at = now_ns - (double)meter->start_ns;

    if (meter->workset.nr_pfns)
        all += (double)meter->req.workset_intervals * meter->req.calc_ns /
               XPC_WORKSET_INTERVALS;
    return meter->finished || at > all ? 1 : at < 0 ? 0 : at / all;
}
