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
#include "core/phase_watch.h"
#include "core/take.h"

/*
 * Pages that are due within a 100th of their period of each other are looked at
 * together, because waking up costs more than looking. Their own intervals
 * account for the delay.
 */
#define COALESCE 100
/* The sample from which zero pages are estimated in dirty-bitmap mode. */
#define ZERO_PAGES_PER_GIB 512u

/* ---- taking the sample ----------------------------------------------- */

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
    struct xpc_take take = {
        .want = xpc_sample_want(src->total_pages, per_gib),
        .seed = meter->req.seed, .compress = meter->compress,
    };
    size_t nr;

    if (!src->ops->take)
        return xpc_source_fail(src, EOPNOTSUPP, "%s: its pages can't be "
                               "looked at: page-sampling is not possible",
                               src->name);
    if (xpc_take_pages(src, &take, &nr))
        return -1;
    meter->m.n_holes += take.holes;
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

/* A count, in the middle of the time that it took. */
struct counted {
    uint64_t pages, at_ns, now_ns, took_ns;
};

static int count(struct xpc_meter *meter, struct counted *c)
{
    struct xpc_measure_cost *cost = &meter->m.cost;
    struct xpc_source *src = meter->src;
    uint64_t before = src->ops->now(src);

    if (src->ops->count(src, &c->pages))
        return -1;
    c->now_ns = src->ops->now(src);
    c->took_ns = c->now_ns - before;
    c->at_ns = before + c->took_ns / 2;
    cost->peeks++;
    if (c->took_ns > cost->peek_max_ns)
        cost->peek_max_ns = c->took_ns;
    /* Xen's count includes pages that are not the guest's own, such as
     * shared info. */
    if (c->pages > meter->m.n_total)
        c->pages = meter->m.n_total;
    return 0;
}

static int count_period(struct xpc_meter *meter)
{
    struct xpc_measurement *m = &meter->m;
    size_t i = meter->period;
    struct counted c;

    if (count(meter, &c))
        return -1;
    m->period_ns[i] = c.at_ns - meter->start_ns;
    if (i && m->period_ns[i] <= m->period_ns[i - 1])
        m->period_ns[i] = m->period_ns[i - 1] + 1;
    m->n_dirty[i] = c.pages;
    m->dirty_pages[i] = m->dirty_low[i] = m->dirty_high[i] = c.pages;
    return finish_period(meter);
}

/* ---- dirty-bitmap: the working set and phases ------------------------ */

static uint64_t interval_ns(const struct xpc_meter *meter)
{
    return meter->req.calc_ns / XPC_WORKSET_INTERVALS;
}

static uint64_t interval_end(const struct xpc_meter *meter)
{
    return meter->workset.start_ns + interval_ns(meter);
}

static int start_watch(struct xpc_meter *meter)
{
    meter->phases = calloc(1, sizeof(*meter->phases));
    if (!meter->phases)
        return xpc_source_fail(meter->src, ENOMEM, "out of memory");
    meter->phases->longest_ns = interval_ns(meter);
    meter->phases->rarely = meter->src->clean_is_costly;
    return 0;
}

static int watch_count(struct xpc_meter *meter)
{
    struct counted c;

    if (count(meter, &c))
        return -1;
    xpc_phase_watch_count(meter->phases, c.now_ns, c.took_ns, c.pages);
    return 0;
}

static void mark_run(void *opaque, uint64_t pfn, uint64_t nr)
{
    xpc_workset_run(opaque, pfn, nr);
}

/* Reads the bitmap, and cleans it. */
static int clean(struct xpc_meter *meter)
{
    struct xpc_source *src = meter->src;
    struct counted c;
    uint64_t now;

    if (count(meter, &c) ||
        src->ops->read(src, true, mark_run, &meter->workset))
        return -1;
    now = src->ops->now(src);
    xpc_phase_watch_clean(meter->phases, now, now - c.now_ns, c.pages);
    return 0;
}

static void plan_next(struct xpc_meter *meter)
{
    const struct xpc_phase_watch *w = meter->phases;
    uint64_t next = w->count_due_ns < w->clean_due_ns ? w->count_due_ns :
                                                        w->clean_due_ns;

    meter->next_ns = interval_end(meter);
    if (next + XPC_PERIOD_BIN_NS < meter->next_ns)
        meter->next_ns = next;
}

/* Ends an interval of the working set. */
static int end_interval(struct xpc_meter *meter)
{
    if (clean(meter))
        return -1;
    xpc_workset_end(&meter->workset, meter->src->ops->now(meter->src));
    if (check_source(meter))
        return -1;
    /* The first interval is the time of the curve. */
    meter->finished = meter->workset.intervals >
                      meter->req.workset_intervals;
    plan_next(meter);
    return 0;
}

static int step_watch(struct xpc_meter *meter, uint64_t now_ns)
{
    if (now_ns >= interval_end(meter))
        return end_interval(meter);
    if (now_ns >= meter->phases->clean_due_ns ? clean(meter) :
                                                watch_count(meter))
        return -1;
    plan_next(meter);
    return 0;
}

/* The curve is complete. */
static int end_curve(struct xpc_meter *meter)
{
    if (meter->compress && measure_compress(meter))
        return -1;
    if (!meter->workset.nr_pfns) {
        meter->finished = true;
        return 0;
    }
    return start_watch(meter) ? -1 : end_interval(meter);
}

static int step_tracking(struct xpc_meter *meter)
{
    uint64_t now = meter->src->ops->now(meter->src);

    if (now < meter->next_ns)
        return 0;
    if (meter->period == meter->req.nr_periods)
        return step_watch(meter, now);
    if (count_period(meter))
        return -1;
    return meter->period < meter->req.nr_periods ? 0 : end_curve(meter);
}

/* Keeps what was found, and frees what was needed for it. */
static void end_tracking(struct xpc_meter *meter)
{
    struct xpc_measured_phases *found = &meter->m.phases;

    if (meter->workset.intervals)
        xpc_workset_result(&meter->workset, &meter->m.workset);
    if (meter->phases && xpc_phase_watch_find(meter->phases, meter->start_ns,
                                              &found->cycle))
        found->version = XPC_PHASES_VERSION;
    xpc_workset_dispose(&meter->workset);
    free(meter->phases);
    meter->phases = NULL;
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
    end_tracking(meter);
    m->cost.wall_ns = src->ops->now(src) - meter->start_ns;
    m->cost.hashed_bytes += meter->sample.hashed_bytes;
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
