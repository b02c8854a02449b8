/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/cells.h>

void xpc_cells_init(struct xpc_cells *c)
{
    *c = (struct xpc_cells){ .version = 1 };
}

static void dispose_plan(struct xpc_cell_plan *p)
{
    for (size_t i = 0; i < p->nr_steps; i++)
        free(p->steps[i].domain);
    free(p->steps);
}

void xpc_cells_dispose(struct xpc_cells *c)
{
    for (size_t i = 0; i < c->nr_cells; i++) {
        free(c->cells[i].domain);
        free(c->cells[i].compress);
    }
    free(c->cells);
    for (size_t i = 0; i < c->nr_advice; i++) {
        free(c->advice[i].domain);
        free(c->advice[i].compress);
        free(c->advice[i].text);
        free(c->advice[i].options);
    }
    free(c->advice);
    for (size_t i = 0; i < c->nr_plans; i++)
        dispose_plan(&c->plans[i]);
    free(c->plans);
    memset(c, 0, sizeof(*c));
}

void xpc_cell_params(struct xpc_predict_params *out,
                     const struct xpc_predict_params *p,
                     const struct xpc_curve *c,
                     uint64_t bandwidth_bytes_per_s, uint64_t downtime_ns)
{
    *out = *p;
    if (out->bitmap_ns == XPC_BITMAP_BY_SIZE)
        out->bitmap_ns = xpc_predict_bitmap_ns(c->total_pages);
    out->bandwidth_bytes_per_s = bandwidth_bytes_per_s;
    out->rule.downtime_ns = downtime_ns;
    if (!downtime_ns) {
        /* Anything is within the limit: the guest is suspended at once. */
        out->rule.downtime_ns = XPC_NO_LIMIT;
        out->rule.min_iterations = 0;
        out->rule.gain = 0;
    }
    out->rule.max_downtime_ns = out->rule.downtime_ns;
    out->rule.on_timeout = XPC_ON_TIMEOUT_ABORT;
}

static const struct xpc_compress_cost *
find_cost(const struct xpc_domain *d, const struct xpc_compress_method *method)
{
    for (size_t i = 0; i < d->nr_costs; i++) {
        if (xpc_compress_same(&d->costs[i].method, method))
            return &d->costs[i];
    }
    return NULL;
}

/* The best method for either kind of pages, of those that auto has. */
static bool choose_pages(struct xpc_predict_params *p,
                         const struct xpc_domain *d)
{
    const struct xpc_compress_page *first[1 + XPC_COMPRESS_METHODS_MAX];
    const struct xpc_compress_page *later[1 + XPC_COMPRESS_METHODS_MAX];
    const struct xpc_compress_cost *cost;
    struct xpc_compress_cost off;
    size_t nr = 1;

    xpc_compress_cost_off(&off);
    first[0] = &off.first;
    later[0] = &off.later;
    for (size_t i = 0; i < xpc_nr_compress_defaults; i++) {
        cost = find_cost(d, &xpc_compress_defaults[i]);
        if (cost) {
            first[nr] = &cost->first;
            later[nr++] = &cost->later;
        }
    }
    p->first_page = *first[xpc_compress_choose(first, nr,
                                               p->bandwidth_bytes_per_s,
                                               p->processors)];
    p->later_page = *later[xpc_compress_choose(later, nr,
                                               p->bandwidth_bytes_per_s,
                                               p->processors)];
    return nr > 1;
}

bool xpc_cell_compress(struct xpc_predict_params *p,
                       const struct xpc_domain *d,
                       const struct xpc_compress_method *method)
{
    const struct xpc_compress_cost *found = find_cost(d, method);
    struct xpc_compress_cost cost;

    if (method->compress == XPC_COMPRESS_AUTO)
        return choose_pages(p, d);
    xpc_compress_cost_off(&cost);
    if (found)
        cost = *found;
    p->first_page = cost.first;
    p->later_page = cost.later;
    return found || method->compress == XPC_COMPRESS_OFF;
}

/* UINT64_MAX means never, which is 0 in a cell. */
static uint64_t known(uint64_t ns)
{
    return ns == UINT64_MAX ? 0 : ns;
}

static uint64_t total_of(const struct xpc_prediction *p)
{
    return p->converges ? known(p->total_time_ns) : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void xpc_cell_compute(struct xpc_cell *cell, const struct xpc_curve *c,
                      const struct xpc_predict_params *params,
                      uint64_t bandwidth_bytes_per_s, uint64_t downtime_ns)
{
    struct xpc_predict_params p;
    struct xpc_predict_state s;
    struct xpc_forecast f;
    uint64_t e, l, h;

    xpc_cell_params(&p, params, c, bandwidth_bytes_per_s, downtime_ns);
    xpc_predict_start(&s, c, &p);
    xpc_predict_band(&f, c, &p, &s);
    e = f.expected.downtime_ns;
    l = f.low.downtime_ns;
    h = f.high.downtime_ns;
    *cell = (struct xpc_cell){
        .domain = cell->domain,
        .compress = cell->compress,
        .bandwidth_bits_per_s = bandwidth_bytes_per_s * 8,
        .downtime_ns = downtime_ns,
        .converges = f.expected.converges && known(e),
        .marginal = f.marginal,
        .reason = f.expected.reason,
        .total_ns = total_of(&f.expected),
        .total_low_ns = total_of(&f.low),
        .total_high_ns = total_of(&f.high),
        .iterations = f.expected.iterations,
        .bytes = f.expected.bytes,
        .predicted_ns = known(e),
        .predicted_low_ns = known(least(e, least(l, h))),
        .predicted_high_ns = known(most(e, most(l, h))),
    };
}

/* What is computed for a domain, and the method; NULL: none was asked for. */
struct question {
    const struct xpc_cells_request *r;
    const struct xpc_domain *d;
    const struct xpc_compress_method *method;
    uint64_t bandwidth, downtime;
};

static uint64_t channels_of(const struct xpc_cells_request *r)
{
    return r->channels ? r->channels : 1;
}

/* The parameters of the request with the compression. */
static struct xpc_predict_params params_of(const struct question *q)
{
    struct xpc_predict_params p = q->r->params;

    p.phased = q->d->phased;
    if (!q->method)
        return p;
    p.bandwidth_bytes_per_s = q->bandwidth;
    p.processors = channels_of(q->r);
    xpc_cell_compress(&p, q->d, q->method);
    return p;
}

/* Sets *text_r, to be freed. Returns 0, or -1 if out of memory. */
static int add_method(char **text_r, const struct xpc_compress_method *method)
{
    char buf[XPC_UNIT_LEN];

    if (!method)
        return 0;
    *text_r = strdup(xpc_compress_text(buf, method));
    return *text_r ? 0 : -1;
}

/* Fills in *out. Returns 0, or -1 if out of memory. */
static int compute_advice(struct xpc_cell_advice *out,
                          const struct question *q)
{
    struct xpc_predict_params params = params_of(q), p;
    const struct xpc_domain *d = q->d;
    struct xpc_predict_state s;
    struct xpc_advice a;
    char text[XPC_ADVICE_LEN];

    xpc_cell_params(&p, &params, d->curve, q->bandwidth, q->downtime);
    xpc_predict_start(&s, d->curve, &p);
    xpc_advise(&a, d->curve, &p, &s);
    a.params.channels = channels_of(q->r);
    if (q->method) {
        a.params.compress = q->method->compress;
        a.params.compress_level = q->method->level;
    }
    *out = (struct xpc_cell_advice){
        .domain = strdup(d->name),
        .bandwidth_bits_per_s = q->bandwidth * 8,
        .downtime_ns = q->downtime,
        .converges = a.as_asked.expected.converges,
        .marginal = a.as_asked.marginal,
        .least_downtime_ns = a.least_downtime_ns == UINT64_MAX ? 0 :
                             a.least_downtime_ns,
        .least_bandwidth_bits_per_s = a.least_bandwidth_bytes_per_s * 8,
        .cpu_percent = a.cpu_share * 100,
        .text = strdup(xpc_advice_text(&a, &p, text)),
    };
    if (add_method(&out->compress, q->method))
        return -1;
    if (*xpc_advice_options(&a.params, text)) {
        out->options = strdup(text);
        if (!out->options)
            return -1;
    }
    return out->domain && out->text ? 0 : -1;
}

/* ---- evacuation ----------------------------------------------------- */

static int fill_step(struct xpc_cell_step *out,
                     const struct xpc_evacuation_step *s,
                     const struct xpc_domain *d, uint64_t downtime)
{
    *out = (struct xpc_cell_step){
        .domain = strdup(d->name),
        .possible = s->possible,
        .start_ns = s->start_ns,
        .end_ns = s->end_ns,
        .concurrency = s->concurrency,
        .bandwidth_bits_per_s = s->bandwidth_bytes_per_s * 8,
        .downtime_ns = downtime,
        .predicted_ns = s->prediction.downtime_ns,
        .at_once_converges = s->all_at_once.converges,
        .at_once_ns = s->all_at_once.downtime_ns,
    };
    return out->domain ? 0 : -1;
}

static int fill_plan(struct xpc_cell_plan *plan,
                     const struct xpc_cells_request *r,
                     const struct xpc_evacuation *e,
                     const struct xpc_evacuation_step *steps)
{
    plan->concurrency = e->concurrency;
    plan->total_ns = e->total_time_ns;
    plan->at_once_total_ns = e->at_once_total_time_ns;
    plan->at_once_over_limit = e->at_once_over_limit;
    plan->steps = calloc(r->nr_domains, sizeof(*plan->steps));
    if (!plan->steps)
        return -1;
    for (size_t i = 0; i < r->nr_domains; i++) {
        plan->at_once_sum_ns += steps[i].all_at_once.downtime_ns;
        plan->nr_steps++;
        if (fill_step(&plan->steps[i], &steps[i],
                      &r->domains[steps[i].domain], plan->downtime_ns))
            return -1;
    }
    return 0;
}

static int compute_plan(struct xpc_cell_plan *plan,
                        const struct xpc_cells_request *r,
                        uint64_t bandwidth, uint64_t downtime)
{
    struct xpc_evacuate_params p = r->evacuate_params;
    struct xpc_evacuation_step *steps = NULL;
    struct xpc_evacuee *domains = NULL;
    struct xpc_evacuation e;
    int rc = -1;

    *plan = (struct xpc_cell_plan){
        .bandwidth_bits_per_s = bandwidth * 8, .downtime_ns = downtime,
    };
    p.link_bytes_per_s = bandwidth;
    steps = calloc(r->nr_domains, sizeof(*steps));
    domains = calloc(r->nr_domains, sizeof(*domains));
    if (!steps || !domains)
        goto out;
    for (size_t i = 0; i < r->nr_domains; i++) {
        const struct question q = {
            r, &r->domains[i], r->nr_methods ? r->methods : NULL,
            bandwidth, downtime
        };
        struct xpc_predict_params params = params_of(&q);

        domains[i].curve = r->domains[i].curve;
        xpc_cell_params(&domains[i].params, &params, domains[i].curve,
                        bandwidth, downtime);
    }
    if (xpc_evacuate(&e, steps, domains, r->nr_domains, &p))
        goto out;
    rc = fill_plan(plan, r, &e, steps);

 out:
    free(steps);
    free(domains);
    return rc;
}

/* ---- everything ----------------------------------------------------- */

static int compute_cell(struct xpc_cells *c, const struct question *q)
{
    struct xpc_predict_params params = params_of(q);
    struct xpc_cell *cell = &c->cells[c->nr_cells++];

    cell->domain = strdup(q->d->name);
    if (!cell->domain || add_method(&cell->compress, q->method))
        return -1;
    xpc_cell_compute(cell, q->d->curve, &params, q->bandwidth, q->downtime);
    return q->r->advice && q->downtime ?
           compute_advice(&c->advice[c->nr_advice++], q) : 0;
}

static int compute_table(struct xpc_cells *c,
                         const struct xpc_cells_request *r,
                         const struct xpc_domain *d,
                         const struct xpc_compress_method *method)
{
    for (size_t i = 0; i < r->nr_bandwidths * r->nr_downtimes; i++) {
        const struct question q = {
            r, d, method, r->bandwidths[i / r->nr_downtimes],
            r->downtimes[i % r->nr_downtimes]
        };

        if (compute_cell(c, &q))
            return -1;
    }
    return 0;
}

static int compute_domain(struct xpc_cells *c,
                          const struct xpc_cells_request *r,
                          const struct xpc_domain *d)
{
    if (!r->nr_methods)
        return compute_table(c, r, d, NULL);
    for (size_t i = 0; i < r->nr_methods; i++) {
        if (compute_table(c, r, d, &r->methods[i]))
            return -1;
    }
    return 0;
}

static int compute_plans(struct xpc_cells *c,
                         const struct xpc_cells_request *r)
{
    for (size_t i = 0; i < r->nr_bandwidths * r->nr_downtimes; i++) {
        uint64_t downtime = r->downtimes[i % r->nr_downtimes];

        if (downtime &&
            compute_plan(&c->plans[c->nr_plans++], r,
                         r->bandwidths[i / r->nr_downtimes], downtime))
            return -1;
    }
    return 0;
}

static int compute_all(struct xpc_cells *c, const struct xpc_cells_request *r)
{
    size_t table = r->nr_bandwidths * r->nr_downtimes;
    size_t tables = r->nr_domains * (r->nr_methods ? r->nr_methods : 1);

    c->cells = calloc(table * tables, sizeof(*c->cells));
    c->advice = calloc(table * tables, sizeof(*c->advice));
    c->plans = calloc(table, sizeof(*c->plans));
    if (!c->cells || !c->advice || !c->plans)
        return -1;
    for (size_t i = 0; i < r->nr_domains; i++) {
        if (compute_domain(c, r, &r->domains[i]))
            return -1;
    }
    return r->evacuate ? compute_plans(c, r) : 0;
}

int xpc_cells_compute(struct xpc_cells *c, const struct xpc_cells_request *r)
{
    xpc_cells_dispose(c);
    xpc_cells_init(c);
    if (!r->nr_domains || !r->nr_bandwidths || !r->nr_downtimes ||
        r->nr_domains > XPC_EVACUATE_MAX ||
        r->nr_bandwidths > XPC_CELLS_MAX || r->nr_downtimes > XPC_CELLS_MAX ||
        r->nr_methods > XPC_COMPRESS_METHODS_MAX ||
        (r->evacuate && r->nr_methods > 1)) {
        errno = EINVAL;
        return -1;
    }
    if (compute_all(c, r)) {
        xpc_cells_dispose(c);
        xpc_cells_init(c);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
