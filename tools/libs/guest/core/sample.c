/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>
#ifdef __x86_64__
/* The fastest XXH3 for this processor, selected once at run time. */
#include <xxh_x86dispatch.h>
#endif
#include <xenprecopy/measure.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/xenprecopy.h>

/*
 * The processor can't predict which page comes next. Prefetching the first
 * bytes of the page after the next made a pass a quarter faster. More bytes, or
 * pages further ahead, made it slower.
 */
#define PREFETCH_BYTES 1024
#define PREFETCH_AHEAD 2

/* ---- drawing --------------------------------------------------------- */

/* splitmix64: good enough to choose pages, and works with any seed. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t xpc_random_below(uint64_t rng[2], uint64_t n)
{
    /* Reject the incomplete range, so that the result is uniform. */
    uint64_t v, end = -n % n;

    do {
        v = mix(&rng[0]);
    } while (v < end);
    return v % n;
}

int xpc_draw_init(struct xpc_draw *d, uint64_t nr_pfns, uint64_t want,
                  uint64_t seed)
{
    size_t size = 1024;

    *d = (struct xpc_draw){ .nr_pfns = nr_pfns, .rng = { seed } };
    /* To draw much of a range, shuffle: random draws would often repeat. */
    d->deck = nr_pfns / 8 <= want;
    while (!d->deck && size < want * 4)
        size *= 2;
    d->size = d->deck ? nr_pfns : size;
    d->table = calloc(d->size ? d->size : 1, sizeof(*d->table));
    if (!d->table)
        return -1;
    for (size_t i = 0; d->deck && i < d->size; i++)
        d->table[i] = i;
    return 0;
}

void xpc_draw_dispose(struct xpc_draw *d)
{
    free(d->table);
    *d = (struct xpc_draw){ 0 };
}

/* Adds pfn to the set, as pfn + 1. Returns false if it was in it already. */
static bool set_add(uint64_t *table, size_t size, uint64_t pfn)
{
    uint64_t state = pfn;
    size_t i = mix(&state) & (size - 1);

    while (table[i]) {
        if (table[i] == pfn + 1)
            return false;
        i = (i + 1) & (size - 1);
    }
    table[i] = pfn + 1;
    return true;
}

static bool set_grow(struct xpc_draw *d)
{
    uint64_t *table = calloc(d->size * 2, sizeof(*table));

    if (!table)
        return false;
    for (size_t i = 0; i < d->size; i++) {
        if (d->table[i])
            set_add(table, d->size * 2, d->table[i] - 1);
    }
    free(d->table);
    d->table = table;
    d->size *= 2;
    return true;
}

bool xpc_draw_next(struct xpc_draw *d, uint64_t *pfn_r)
{
    if (d->drawn >= d->nr_pfns)
        return false;
    if (d->deck) {
        uint64_t i = d->drawn + xpc_random_below(d->rng,
                                                 d->nr_pfns - d->drawn);

        *pfn_r = d->table[i];
        d->table[i] = d->table[d->drawn];
    } else {
        if (d->drawn >= d->size / 2 && !set_grow(d))
            return false;
        do {
            *pfn_r = xpc_random_below(d->rng, d->nr_pfns);
        } while (!set_add(d->table, d->size, *pfn_r));
    }
    d->drawn++;
    return true;
}

uint64_t xpc_sample_want(uint64_t total_pages, uint64_t per_gib)
{
    double want = ceil((double)total_pages * XPC_PAGE_SIZE / 0x1p30 *
                       per_gib);

    if (want < per_gib)
        want = per_gib;
    return want < total_pages ? want : total_pages;
}

/* ---- looking --------------------------------------------------------- */

uint64_t xpc_page_hash(const void *page)
{
    return XXH3_64bits(page, XPC_PAGE_SIZE);
}

/* Almost every non-zero page has data at one of three places: try these. */
bool xpc_page_is_zero(const void *page)
{
    const char *p = page;
    uint64_t v;

    for (size_t at = 0; at < XPC_PAGE_SIZE; at += XPC_PAGE_SIZE / 2 - 8) {
        memcpy(&v, p + at, sizeof(v));
        if (v)
            return false;
    }
    for (size_t at = 0; at < XPC_PAGE_SIZE; at += 64) {
        uint64_t w[8], any = 0;

        memcpy(w, p + at, sizeof(w));
        for (size_t i = 0; i < 8; i++)
            any |= w[i];
        if (any)
            return false;
    }
    return true;
}

int xpc_sample_init(struct xpc_sample *s, size_t nr)
{
    *s = (struct xpc_sample){ .nr = nr };
    s->page = calloc(nr ? nr : 1, sizeof(*s->page));
    return s->page ? 0 : -1;
}

void xpc_sample_dispose(struct xpc_sample *s)
{
    free(s->page);
    *s = (struct xpc_sample){ 0 };
}

static void prefetch(const void *const *page, size_t k, size_t nr)
{
    const char *p = k + PREFETCH_AHEAD < nr ? page[k + PREFETCH_AHEAD] : NULL;

    for (size_t at = 0; p && at < PREFETCH_BYTES; at += 64)
        __builtin_prefetch(p + at);
}

void xpc_sample_first(struct xpc_sample *s, const uint32_t *index, size_t nr,
                      const void *const *page, uint64_t now_ns)
{
    /* Identify zero pages by their hash, to avoid a second pass. */
    static const char zero[XPC_PAGE_SIZE];
    const uint64_t zero_hash = xpc_page_hash(zero);

    for (size_t k = 0; k < nr; k++) {
        struct xpc_sample_page *p = &s->page[index[k]];

        *p = (struct xpc_sample_page){ .first_ns = now_ns };
        prefetch(page, k, nr);
        if (!page[k]) {
            /* The page disappeared after it was chosen. */
            p->dirty = true;
            s->n_dirty++;
            continue;
        }
        p->hash = xpc_page_hash(page[k]);
        s->hashed_bytes += XPC_PAGE_SIZE;
        s->n_zero += p->hash == zero_hash && xpc_page_is_zero(page[k]);
    }
}

void xpc_sample_again(struct xpc_sample *s, const uint32_t *index, size_t nr,
                      const void *const *page, uint64_t now_ns)
{
    for (size_t k = 0; k < nr; k++) {
        struct xpc_sample_page *p = &s->page[index[k]];

        if (p->dirty)
            continue;
        prefetch(page, k, nr);
        p->now_ns = now_ns - p->first_ns;
        p->looked = true;
        s->hashed_bytes += page[k] ? XPC_PAGE_SIZE : 0;
        if (!page[k] || xpc_page_hash(page[k]) != p->hash) {
            p->dirty = p->newly = true;
            s->n_dirty++;
        }
    }
}

/* ---- estimating ------------------------------------------------------ */

/* Sums over the pages of a round, for the likelihood of the hazard. */
struct exposure {
    size_t looked, newly;
    double clean_ns;        /* intervals of the pages that are still clean */
    double all_ns;          /* intervals of all pages */
    double until_ns;        /* times since the first look */
};

static struct exposure sum_exposure(const struct xpc_sample *s)
{
    struct exposure e = { 0 };

    for (size_t i = 0; i < s->nr; i++) {
        const struct xpc_sample_page *p = &s->page[i];
        double d = p->now_ns - (double)p->last_ns;

        if (!p->looked)
            continue;
        e.looked++;
        e.newly += p->newly;
        e.all_ns += d;
        e.clean_ns += p->newly ? 0 : d;
        e.until_ns += p->now_ns;
    }
    return e;
}

/*
 * The hazard that a clean page is written, per ns, assumed constant within a
 * round: the maximum-likelihood estimate from each page's own interval.
 * Newton's method, starting from the solution for equal intervals, which is
 * close.
 */
static double hazard(const struct xpc_sample *s, const struct exposure *e)
{
    double mean = e->all_ns / e->looked, h;

    if (!e->newly || mean <= 0)
        return 0;
    if (e->newly == e->looked)
        return INFINITY;
    h = -log1p(-(double)e->newly / e->looked) / mean;
    for (int step = 0; step < 8; step++) {
        double f = -e->clean_ns, df = 0, next;

        for (size_t i = 0; i < s->nr; i++) {
            const struct xpc_sample_page *p = &s->page[i];
            double d = p->now_ns - (double)p->last_ns, q;

            if (!p->looked || !p->newly || d <= 0)
                continue;
            q = expm1(h * d);
            f += d / q;
            df -= d * d * (q + 1) / (q * q);
        }
        next = df ? h - f / df : h;
        if (!(next > 0) || !isfinite(next))
            break;
        if (fabs(next - h) < 1e-9 * h)
            return next;
        h = next;
    }
    return h;
}

/* Starts the next round: pages that are clean were clean until now. */
static void next_round(struct xpc_sample *s)
{
    for (size_t i = 0; i < s->nr; i++) {
        struct xpc_sample_page *p = &s->page[i];

        if (p->looked)
            p->last_ns = p->now_ns;
        p->looked = p->newly = false;
    }
}

/*
 * The interval of the uncorrected count, moved by the same correction as the
 * estimate, on the scale of that correction.
 */
static void correct_interval(const struct xpc_sample *s, uint64_t total,
                             struct xpc_sample_round *r)
{
    double raw = (double)s->n_dirty / s->nr, ratio = 1, low, high;

    xpc_interval(s->n_dirty, s->nr, total, &low, &high);
    low /= total;
    high /= total;
    if (raw > 0 && raw < 1 && isfinite(s->log_clean))
        ratio = s->log_clean / log1p(-raw);
    r->low = low < 1 ? 0 - expm1(ratio * log1p(-low)) : 1;
    r->high = high < 1 ? 0 - expm1(ratio * log1p(-high)) : 1;
    r->low = fmin(r->low, r->share);
    r->high = fmax(r->high, r->share);
}

void xpc_sample_round(struct xpc_sample *s, uint64_t nominal_ns,
                      uint64_t total, struct xpc_sample_round *round_r)
{
    struct exposure e = sum_exposure(s);
    double at = nominal_ns, h = 0;

    if (e.looked) {
        at = e.until_ns / e.looked;
        h = hazard(s, &e);
    }
    /* The period is a mean over pages, and must still increase. */
    if (at < s->at_ns + 1)
        at = s->at_ns + 1;
    s->log_clean -= h ? h * (at - s->at_ns) : 0;
    s->at_ns = at;
    *round_r = (struct xpc_sample_round){
        .period_ns = at,
        .n_dirty = s->n_dirty,
        /* 0 - x rather than -x: with nothing dirty the result is 0, not -0. */
        .share = s->n_dirty == s->nr ? 1 : 0 - expm1(s->log_clean),
    };
    correct_interval(s, total, round_r);
    next_round(s);
}
