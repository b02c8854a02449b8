/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Regular phases of a guest. Formulas: xenprecopy/period.h. */
#include <math.h>
#include <string.h>

#include <xenprecopy/period.h>

/* The first class of ages ends here, the others a third of an octave later. */
#define AGE_FIRST_NS 10e6
#define AGES_PER_OCTAVE 3
/* K: counts of fewer pages say little. */
#define FEW_PAGES 16
/* Of the variance, and ln of the ratio between busy and quiet. */
#define EXPLAINED 0.75
#define CONTRAST 1.0986
/* For the division: buckets of x, and its range to either side of 0. */
#define BUCKETS 64
#define RANGE 6
/* The distance of the thresholds for a change from the middle. */
#define HYSTERESIS (1 / 6.0)
/* Bins of the other group that make a change. */
#define CHANGE 2
/* After more bins without a count, nothing is known of the phase. */
#define GAP_MAX 4
/* The beginnings of busy phases that are looked at, the last ones. */
#define BEGINS 9
#define TIMES_MIN 3
#define CHANCE_MAX 0.0002
/* The least deviation of a time, in bins. */
#define ROUNDING 0.3
/* The next busy phase is overdue after so much of the period. */
#define OVERDUE 1.2

/* ---- a guest with regular phases ------------------------------------- */

/* The busy time since busy_from_ns. */
static double active_at(const struct xpc_cycle *c, double ns)
{
    double period = c->period_ns, busy = c->busy_ns;
    double t = ns - c->busy_from_ns, n = floor(t / period);
    double in = t - n * period;

    return n * (busy + c->quiet * (period - busy)) +
           (in < busy ? in : busy + c->quiet * (in - busy));
}

double xpc_cycle_active_ns(const struct xpc_cycle *c, double from, double to)
{
    return c->period_ns ? active_at(c, to) - active_at(c, from) : to - from;
}

/* The time since the last busy phase began. */
static double phase_ns(const struct xpc_cycle *c, double ns)
{
    double t = ns - c->busy_from_ns;

    return t - floor(t / c->period_ns) * c->period_ns;
}

bool xpc_cycle_busy(const struct xpc_cycle *c, double ns)
{
    return !c->period_ns || phase_ns(c, ns) < c->busy_ns;
}

double xpc_cycle_next_lull_ns(const struct xpc_cycle *c, double ns)
{
    double in = phase_ns(c, ns);

    return ns + c->busy_ns - in + (in < c->busy_ns ? 0 : c->period_ns);
}

/* ---- counts ----------------------------------------------------------- */

static unsigned int age_class(double ns)
{
    double octaves = ns > AGE_FIRST_NS ? log2(ns / AGE_FIRST_NS) : 0;
    unsigned int g = ceil(octaves * AGES_PER_OCTAVE - 1e-3);

    return g < XPC_PERIOD_AGES ? g : XPC_PERIOD_AGES - 1;
}

static void merge_pairs(float v[XPC_PERIOD_BINS])
{
    float merged[XPC_PERIOD_BINS / 2];

    for (size_t i = 0; i < XPC_PERIOD_BINS / 2; i++)
        merged[i] = v[2 * i] + v[2 * i + 1];
    memcpy(v, merged, sizeof(merged));
    memset(v + XPC_PERIOD_BINS / 2, 0, sizeof(merged));
}

/* Makes each bin twice as long. */
static void merge_bins(struct xpc_period *p)
{
    for (int g = 0; g < XPC_PERIOD_AGES; g++) {
        /* No iteration reached it. */
        if (!p->age[g].nr)
            continue;
        merge_pairs(p->pages[g]);
        merge_pairs(p->ns[g]);
    }
    p->nr = (p->nr + 1) / 2;
    p->bin_ns *= 2;
    p->searched = 0;
}

/* Adds pages that got dirty evenly from one time to another. */
static void fill_bins(struct xpc_period *p, unsigned int g, double from,
                      double to, double pages)
{
    double rate = pages / (to - from), width = p->bin_ns;

    for (size_t i = from / width; i < XPC_PERIOD_BINS && i * width < to; i++) {
        double part = fmin(to, (i + 1) * width) - fmax(from, i * width);

        if (part <= 0)
            continue;
        p->pages[g][i] += rate * part;
        p->ns[g][i] += part;
    }
}

/* One iteration, while it is recorded. */
struct adding {
    struct xpc_period *p;
    uint64_t start_ns;
    uint64_t t_ns, pages;       /* the last count */
    int age;                    /* its class; -1: none */
    double rate_pages, rate_ns; /* within that class */
    double before;              /* the rate in the class before; < 0: none */
};

/* The class is complete: compares its rate with that of the one before. */
static void end_age(struct adding *a)
{
    double rate = a->rate_ns > 0 ? a->rate_pages / a->rate_ns : 0;

    if (a->age < 0)
        return;
    if (a->before >= 0) {
        a->p->age[a->age].above += rate;
        a->p->age[a->age].below += a->before;
    }
    a->p->age[a->age].nr++;
    a->before = rate;
    a->rate_pages = a->rate_ns = 0;
}

static void add_count(struct adding *a, uint64_t t_ns, uint64_t pages)
{
    double length = t_ns - a->t_ns, nr = pages - a->pages;
    int g = age_class(t_ns);

    if (g != a->age) {
        end_age(a);
        /* The classes that a long interval jumps over have its rate. */
        if (a->age >= 0 && g > a->age + 1)
            a->before = -1;
        a->age = g;
    }
    a->rate_pages += nr;
    a->rate_ns += length;
    fill_bins(a->p, g, a->start_ns + a->t_ns, a->start_ns + t_ns, nr);
    a->t_ns = t_ns;
    a->pages = pages;
}

/* f of each class; 0: unknown. */
static void expect_ages(const struct xpc_period *p, double f[XPC_PERIOD_AGES])
{
    double last = 1;

    for (int g = 0; g < XPC_PERIOD_AGES; g++) {
        if (p->age[g].below > 0)
            last *= fmin(p->age[g].above / p->age[g].below, 1);
        f[g] = p->age[g].nr > 1 ? last : 0;
    }
}

void xpc_period_add(struct xpc_period *p, uint64_t start_ns,
                    const struct xpc_dirty_count *samples, size_t nr,
                    uint64_t length_ns, uint64_t dirty_pages)
{
    struct adding a = { .p = p, .start_ns = start_ns, .age = -1,
                        .before = -1 };
    uint64_t end = start_ns + length_ns;

    if (!length_ns)
        return;
    if (!p->bin_ns)
        p->bin_ns = XPC_PERIOD_BIN_NS;
    while (end / p->bin_ns >= XPC_PERIOD_BINS)
        merge_bins(p);
    for (size_t i = 0; i < nr; i++) {
        if (samples[i].t_ns > a.t_ns && samples[i].t_ns < length_ns &&
            samples[i].pages >= a.pages && samples[i].pages <= dirty_pages)
            add_count(&a, samples[i].t_ns, samples[i].pages);
    }
    add_count(&a, length_ns, dirty_pages);
    end_age(&a);
    if (end / p->bin_ns + 1 > p->nr)
        p->nr = end / p->bin_ns + 1;
}

/* ---- phases ----------------------------------------------------------- */

struct phases {
    size_t nr;                  /* complete bins */
    float x[XPC_PERIOD_BINS];   /* NAN: unknown */
    float pages[XPC_PERIOD_BINS], expected[XPC_PERIOD_BINS];
    double middle, distance;    /* of the two groups */
    /* The beginnings of the last busy phases. */
    double begin[BEGINS];
    size_t nr_begins;
    double busy_bins, busy_runs;        /* of those with a known beginning */
    double counted[2], expecting[2];    /* in lulls, in busy phases */
};

/* The pages of each bin, and those expected of a guest with rate 1. */
static void sum_bins(const struct xpc_period *p, struct phases *s)
{
    double f[XPC_PERIOD_AGES];

    expect_ages(p, f);
    for (int g = 0; g < XPC_PERIOD_AGES; g++) {
        const float *pages = p->pages[g], *ns = p->ns[g];
        float of_age = f[g];

        if (!(of_age > 0))
            continue;
        for (size_t i = 0; i < XPC_PERIOD_BINS; i++)
            s->pages[i] += pages[i];
        for (size_t i = 0; i < XPC_PERIOD_BINS; i++)
            s->expected[i] += of_age * ns[i];
    }
}

static void measure_bins(const struct xpc_period *p, struct phases *s)
{
    double pages = 0, expected = 0, level;

    sum_bins(p, s);
    /* The last bin is not complete. */
    s->nr = p->nr ? p->nr - 1 : 0;
    for (size_t i = 0; i < s->nr; i++) {
        pages += s->pages[i];
        expected += s->expected[i];
    }
    level = expected > 0 ? pages / expected : 0;
    for (size_t i = 0; i < s->nr; i++) {
        float few = FEW_PAGES, mean = s->expected[i] * level;

        s->x[i] = s->expected[i] > 0 ?
                  logf((s->pages[i] + few) / (mean + few)) : NAN;
    }
}

/* Divides the bins into two groups. Returns false if there are none. */
static bool divide(struct phases *s)
{
    size_t nr[BUCKETS] = { 0 }, n = 0, i = 0;
    double in[BUCKETS] = { 0 }, sum = 0, square = 0, low = 0, best = 0;

    for (size_t k = 0; k < s->nr; k++) {
        double x = s->x[k];
        int b;

        if (isnan(x))
            continue;
        b = fmin(fmax((x + RANGE) / (2 * RANGE) * BUCKETS, 0), BUCKETS - 1);
        nr[b]++;
        in[b] += x;
        n++;
        sum += x;
        square += x * x;
    }
    for (int b = 0; b + 1 < BUCKETS; b++) {
        double mean, above, between;

        i += nr[b];
        low += in[b];
        if (!nr[b] || i == n)
            continue;
        mean = low / i;
        above = (sum - low) / (n - i);
        between = (double)i * (n - i) / n * pow(above - mean, 2);
        if (between > best) {
            best = between;
            s->middle = (mean + above) / 2;
            s->distance = above - mean;
        }
    }
    return n && s->distance >= CONTRAST &&
           best >= EXPLAINED * (square - sum * sum / n);
}

enum state { UNKNOWN, QUIET, BUSY };

/* A busy phase or a lull, from one bin to another, has ended. */
static void end_phase(struct phases *s, enum state state, size_t from,
                      size_t to, bool known)
{
    if (state == UNKNOWN)
        return;
    for (size_t i = from; i < to; i++) {
        if (isnan(s->x[i]))
            continue;
        s->counted[state == BUSY] += s->pages[i];
        s->expecting[state == BUSY] += s->expected[i];
    }
    if (state == BUSY && known) {
        s->busy_bins += to - from;
        s->busy_runs++;
    }
}

static void begin_busy(struct phases *s, size_t bin)
{
    if (s->nr_begins == BEGINS) {
        memmove(s->begin, s->begin + 1, (BEGINS - 1) * sizeof(s->begin[0]));
        s->nr_begins--;
    }
    s->begin[s->nr_begins++] = bin;
}

static enum state group_of(const struct phases *s, size_t i)
{
    double x = (s->x[i] - s->middle) / s->distance;

    return x > HYSTERESIS ? BUSY : x < -HYSTERESIS ? QUIET : UNKNOWN;
}

/* Goes through the bins and finds the phases. */
static void find_phases(struct phases *s)
{
    enum state state = UNKNOWN, other = UNKNOWN;
    size_t from = 0, others = 0, missing = 0;
    bool known = false;

    for (size_t i = 0; i < s->nr; i++) {
        if (isnan(s->x[i])) {
            if (++missing <= GAP_MAX)
                continue;
            end_phase(s, state, from, i + 1 - missing, false);
            state = other = UNKNOWN;
            s->nr_begins = others = 0;
            continue;
        }
        missing = 0;
        if (group_of(s, i) == UNKNOWN || group_of(s, i) == state) {
            others = 0;
            continue;
        }
        others = group_of(s, i) == other ? others + 1 : 1;
        other = group_of(s, i);
        if (others < CHANGE)
            continue;
        end_phase(s, state, from, i + 1 - CHANGE, known);
        known = state != UNKNOWN;
        from = i + 1 - CHANGE;
        if (other == BUSY && known)
            begin_busy(s, from);
        state = other;
        others = 0;
    }
    end_phase(s, state, from, s->nr, false);
}

double xpc_period_chance(size_t n, double cv)
{
    double m = n - 1.0;

    if (n < 2 || cv * cv > 1 / m)
        return 1;
    return fmin(tgamma(n) / sqrt(n) / tgamma((n + 1) / 2.0) *
                pow(M_PI * cv * cv / n, m / 2), 1);
}

/*
 * Are the last beginnings regular? The more of them, the better; but a guest
 * whose phases were different before has its new period.
 */
static bool regular(const struct phases *s, double busy, double *first_r,
                    double *period_r)
{
    const double *b = s->begin;

    for (size_t n = s->nr_begins; n-- > TIMES_MIN;) {
        size_t first = s->nr_begins - 1 - n;
        double mean = (b[s->nr_begins - 1] - b[first]) / n, square = 0, shift;

        for (size_t i = first; i + 1 < s->nr_begins; i++)
            square += pow(b[i + 1] - b[i] - mean, 2);
        /* A busy phase does not begin within another. */
        if (mean - busy <= CHANGE ||
            xpc_period_chance(n, fmax(sqrt(square / n), ROUNDING) /
                              (mean - busy - CHANGE)) > CHANCE_MAX)
            continue;
        /* All beginnings say where the phase is. */
        shift = 0;
        for (size_t i = first; i < s->nr_begins; i++)
            shift += b[i] - b[first] - (i - first) * mean;
        *first_r = b[first] + shift / (n + 1);
        *period_r = mean;
        return true;
    }
    return false;
}

static bool search(const struct xpc_period *p, struct xpc_cycle *c)
{
    struct phases s = { 0 };
    double first, period, busy, quiet;

    *c = (struct xpc_cycle){ 0 };
    measure_bins(p, &s);
    if (!divide(&s))
        return false;
    find_phases(&s);
    if (s.nr_begins < TIMES_MIN + 1 || !s.busy_runs)
        return false;
    busy = s.busy_bins / s.busy_runs;
    if (!regular(&s, busy, &first, &period) ||
        s.nr - s.begin[s.nr_begins - 1] > OVERDUE * period)
        return false;
    quiet = s.counted[0] * s.expecting[1] /
            fmax(s.counted[1] * s.expecting[0], 1);
    *c = (struct xpc_cycle){
        .period_ns = period * p->bin_ns, .busy_ns = busy * p->bin_ns,
        .busy_from_ns = first * p->bin_ns,
        .quiet = fmin(quiet, 1 / exp(CONTRAST)),
    };
    return true;
}

bool xpc_period_find(struct xpc_period *p, struct xpc_cycle *cycle_r)
{
    if (p->searched != p->nr) {
        search(p, &p->found);
        p->searched = p->nr;
    }
    *cycle_r = p->found;
    return cycle_r->period_ns;
}
