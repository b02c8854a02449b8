/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include <xenprecopy/predict.h>

#include "core/overhead.h"

#define N XPC_OVERHEAD_COSTS
#define MS 1e6                      /* ns */

/*
 * The priors. Means are the figures in xenprecopy/xenprecopy.h, which say where
 * they come from; those of vCPUs and pfns are 0, as nothing was measured that
 * is not in the time of the bitmap. Scales are a guess of how far targets
 * differ, tuned with make eval-fleet.
 */
static const struct {
    double mean, scale;
} prior[N] = {
    [XPC_OVERHEAD_BASE]         = { XPC_DEFAULT_OVERHEAD_NS / MS, 40 },
    [XPC_OVERHEAD_DEVICE_MODEL] = { (XPC_DEVICE_MODEL_OVERHEAD_NS -
                                     XPC_DEFAULT_OVERHEAD_NS) / MS, 60 },
    [XPC_OVERHEAD_VIF]          = { XPC_DEVICE_OVERHEAD_NS / MS, 20 },
    [XPC_OVERHEAD_DISK]         = { XPC_DEVICE_OVERHEAD_NS / MS, 20 },
    [XPC_OVERHEAD_VCPU]         = { 0, 2 },
    [XPC_OVERHEAD_PFNS]         = { 0, 0.25 },
};
/*
 * Degrees of freedom. Offsets have the heavier tails: one slow guest among
 * others is more likely than a slow target, but two slow guests are less likely
 * than that.
 */
#define NU_COST 3.0
#define NU_OFFSET 1.0
#define OFFSET_SCALE 15.0
/* How many guests' worth of evidence OFFSET_SCALE is. */
#define OFFSET_PSEUDO 4.0
/*
 * Of the offset of a guest without a point: the standard deviation to assume,
 * divided by the scale. A Cauchy distribution has none; this one gives a normal
 * distribution the same 95th percentile.
 */
#define OFFSET_SD 3.84
/* The variance of what a start leaves free. */
#define FREE (1e3 * 1e3)
#define ITERATIONS 40
#define TOLERANCE 1e-4              /* ms */
/* Larger guests than 256 TiB count as such. */
#define PFNS_MAX (UINT64_C(1) << 36)

void overhead_factors(double x[N], const struct xpc_guest *g)
{
    uint64_t kinds = g->vifs + g->disks;
    double rest = g->devices > kinds ? g->devices - kinds : 0;
    uint64_t pfns = g->pfns < PFNS_MAX ? g->pfns : PFNS_MAX;

    x[XPC_OVERHEAD_BASE] = 1;
    x[XPC_OVERHEAD_DEVICE_MODEL] = g->device_model != XPC_DEVICE_MODEL_NO;
    /* Of devices of unknown kind, half are taken for vifs. */
    x[XPC_OVERHEAD_VIF] = g->vifs + rest / 2;
    x[XPC_OVERHEAD_DISK] = g->disks + rest / 2;
    x[XPC_OVERHEAD_VCPU] = g->vcpus ? g->vcpus - 1 : 0;
    x[XPC_OVERHEAD_PFNS] = xpc_predict_bitmap_ns(pfns) / MS;
}

/* ---- six linear equations ---------------------------------------------- */

/* Replaces the lower triangle of a by its Cholesky factor. */
static void factorize(double a[N][N])
{
    for (int j = 0; j < N; j++) {
        for (int i = j; i < N; i++) {
            double sum = a[i][j];

            for (int k = 0; k < j; k++)
                sum -= a[i][k] * a[j][k];
            /* The priors keep it positive; rounding may not. */
            a[i][j] = i == j ? sqrt(fmax(sum, 1e-12)) : sum / a[j][j];
        }
    }
}

/* Solves L L' x = b, in place. */
static void substitute(double l[N][N], double b[N])
{
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < i; k++)
            b[i] -= l[i][k] * b[k];
        b[i] /= l[i][i];
    }
    for (int i = N; i--;) {
        for (int k = i + 1; k < N; k++)
            b[i] -= l[k][i] * b[k];
        b[i] /= l[i][i];
    }
}

/* Removes unknown k from the equations: it is value. */
static void fix_unknown(double a[N][N], double b[N], int k, double value)
{
    for (int i = 0; i < N; i++) {
        b[i] -= a[i][k] * value;
        a[i][k] = a[k][i] = 0;
    }
    a[k][k] = 1;
    b[k] = value;
}

/*
 * Solves a x = b for deviations from the priors such that no cost is negative:
 * while one is, the most negative one is fixed at 0.
 */
static void solve(double a[N][N], double b[N], double x[N])
{
    unsigned int free_ones = (1u << N) - 1;
    double l[N][N];

    for (;;) {
        double least = -1e-9;
        int worst = -1;

        memcpy(l, a, sizeof(l));
        memcpy(x, b, N * sizeof(*x));
        factorize(l);
        substitute(l, x);
        for (int k = 0; k < N; k++) {
            if ((free_ones >> k & 1) && prior[k].mean + x[k] < least) {
                least = prior[k].mean + x[k];
                worst = k;
            }
        }
        if (worst < 0)
            break;
        fix_unknown(a, b, worst, -prior[worst].mean);
        free_ones &= ~(1u << worst);
    }
}

static void invert(double a[N][N], double inverse[N][N])
{
    double l[N][N];

    memcpy(l, a, sizeof(l));
    factorize(l);
    for (int k = 0; k < N; k++) {
        double e[N] = { 0 };

        e[k] = 1;
        substitute(l, e);
        for (int i = 0; i < N; i++)
            inverse[i][k] = e[i];
    }
}

/* ---- the fit ------------------------------------------------------------ */

static double dot(const double a[N], const double b[N])
{
    double sum = 0;

    for (int i = 0; i < N; i++)
        sum += a[i] * b[i];
    return sum;
}

/* What the solution gives for a point. */
static double solution_of(const struct overhead_model *m,
                          const struct overhead_point *p)
{
    double y = dot(p->x, m->dev) + m->offset[p->guest];

    for (int i = 0; i < N; i++)
        y += p->x[i] * prior[i].mean;
    return y;
}

/* A lower bound says nothing when it is met, unless by too much. */
static bool counts(const struct overhead_model *m,
                   const struct overhead_point *p)
{
    double y = p->at_least ? solution_of(m, p) : 0;

    return !p->at_least || y < p->ms || y > p->most;
}

/* What a point that counts says. */
static double value_of(const struct overhead_model *m,
                       const struct overhead_point *p)
{
    return p->at_least && solution_of(m, p) > p->most ? p->most : p->ms;
}

/* The same minus what the costs' priors give. */
static double target_of(const struct overhead_model *m,
                        const struct overhead_point *p)
{
    double y = value_of(m, p);

    for (int i = 0; i < N; i++)
        y -= p->x[i] * prior[i].mean;
    return y;
}

/* What a guest's points say, without the costs. */
struct guest_sum {
    double prec, x[N], y;           /* sums of 1 / var, and times x and y */
};

static void sum_guests(const struct overhead_model *m,
                       struct guest_sum sums[XPC_HISTORY_MAX])
{
    memset(sums, 0, m->nr_guests * sizeof(*sums));
    for (size_t i = 0; i < m->nr; i++) {
        const struct overhead_point *p = &m->points[i];
        struct guest_sum *s = &sums[p->guest];

        if (!counts(m, p))
            continue;
        s->prec += 1 / p->var;
        s->y += target_of(m, p) / p->var;
        for (int k = 0; k < N; k++)
            s->x[k] += p->x[k] / p->var;
    }
}

/* Adds the points of all guests, and takes their offsets out. */
static void add_points(const struct overhead_model *m,
                       const struct guest_sum *sums, double a[N][N],
                       double b[N])
{
    for (size_t i = 0; i < m->nr; i++) {
        const struct overhead_point *p = &m->points[i];

        if (!counts(m, p))
            continue;
        for (int j = 0; j < N; j++) {
            b[j] += p->x[j] * target_of(m, p) / p->var;
            for (int k = 0; k < N; k++)
                a[j][k] += p->x[j] * p->x[k] / p->var;
        }
    }
    for (size_t g = 0; g < m->nr_guests; g++) {
        const struct guest_sum *s = &sums[g];
        double prec = s->prec + m->offset_prec[g];

        for (int j = 0; j < N; j++) {
            b[j] -= s->x[j] * s->y / prec;
            for (int k = 0; k < N; k++)
                a[j][k] -= s->x[j] * s->x[k] / prec;
        }
    }
}

/* The precision of a normal prior that stands for a t-distribution. */
static double precision_of(double nu, double scale, double deviation)
{
    return (nu + 1) / (nu * scale * scale + deviation * deviation);
}

/* Moves the scale of offsets towards the one that explains them. */
static void learn_scale(struct overhead_model *m, const double var[])
{
    double sum = OFFSET_PSEUDO * OFFSET_SCALE * OFFSET_SCALE;

    for (size_t g = 0; g < m->nr_guests; g++) {
        double square = m->offset[g] * m->offset[g] + var[g];

        sum += square * (NU_OFFSET + 1) /
               (NU_OFFSET + square / (m->scale * m->scale));
    }
    m->scale = sqrt(sum / (OFFSET_PSEUDO + m->nr_guests));
}

/* One step. Returns by how much a cost or an offset has changed at most. */
static double improve(struct overhead_model *m, double prec[N])
{
    double a[N][N] = { { 0 } }, b[N] = { 0 }, dev[N], most = 0;
    struct guest_sum sums[XPC_HISTORY_MAX];
    double var[XPC_HISTORY_MAX];

    for (int k = 0; k < N; k++)
        a[k][k] = prec[k];
    sum_guests(m, sums);
    add_points(m, sums, a, b);
    /* A cost that is fixed at 0 is not certain: it keeps its variance. */
    invert(a, m->cov);
    solve(a, b, dev);
    for (size_t g = 0; g < m->nr_guests; g++) {
        double p = sums[g].prec + m->offset_prec[g];
        double offset = (sums[g].y - dot(sums[g].x, dev)) / p;

        most = fmax(most, fabs(offset - m->offset[g]));
        m->offset[g] = offset;
        var[g] = 1 / p;
    }
    for (int k = 0; k < N; k++) {
        most = fmax(most, fabs(dev[k] - m->dev[k]));
        m->dev[k] = dev[k];
        prec[k] = precision_of(NU_COST, prior[k].scale, dev[k]);
    }
    learn_scale(m, var);
    for (size_t g = 0; g < m->nr_guests; g++)
        m->offset_prec[g] = precision_of(NU_OFFSET, m->scale, m->offset[g]);
    return most;
}

/* How unlikely a value is: minus the logarithm of its t-density. */
static double surprise(double nu, double scale, double deviation)
{
    double z = deviation / scale;

    return (nu + 1) / 2 * log1p(z * z / nu);
}

static double surprise_of_all(const struct overhead_model *m)
{
    double ratio = OFFSET_SCALE / m->scale;
    double sum = (OFFSET_PSEUDO + m->nr_guests) * log(m->scale) +
                 OFFSET_PSEUDO / 2 * ratio * ratio;

    for (size_t i = 0; i < m->nr; i++) {
        const struct overhead_point *p = &m->points[i];
        double off = value_of(m, p) - solution_of(m, p);

        if (counts(m, p))
            sum += off * off / p->var / 2;
    }
    for (int k = 0; k < N; k++)
        sum += surprise(NU_COST, prior[k].scale, m->dev[k]);
    for (size_t g = 0; g < m->nr_guests; g++)
        sum += surprise(NU_OFFSET, m->scale, m->offset[g]);
    return sum;
}

/* Solves, starting with one cost free, or with start N the offsets. */
static double fit_from(struct overhead_model *m, int start)
{
    double prec[N];

    memset(m->dev, 0, sizeof(m->dev));
    memset(m->offset, 0, sizeof(m->offset));
    m->scale = OFFSET_SCALE;
    for (int k = 0; k < N; k++)
        prec[k] = k == start ? 1 / FREE :
                               precision_of(NU_COST, prior[k].scale, 0);
    for (size_t g = 0; g < m->nr_guests; g++)
        m->offset_prec[g] = start == N ? 1 / FREE :
                            precision_of(NU_OFFSET, OFFSET_SCALE, 0);
    for (int i = 0; i < ITERATIONS; i++) {
        if (improve(m, prec) < TOLERANCE && i)
            break;
    }
    return surprise_of_all(m);
}

static bool any_has(const struct overhead_model *m, int k)
{
    for (size_t i = 0; i < m->nr; i++) {
        if (m->points[i].x[k] > 0)
            return true;
    }
    return false;
}

void overhead_fit(struct overhead_model *m,
                  const struct overhead_point *points, size_t nr)
{
    struct overhead_model trial = { .points = points, .nr = nr };
    double least = INFINITY, surprised;

    for (size_t i = 0; i < nr; i++) {
        if (points[i].guest >= trial.nr_guests)
            trial.nr_guests = points[i].guest + 1;
    }
    for (int start = N; start >= 0; start--) {
        if (start < N && !any_has(&trial, start))
            continue;
        surprised = fit_from(&trial, start);
        if (start == N || surprised < least) {
            least = surprised;
            *m = trial;
        }
    }
}

double overhead_cost(const struct overhead_model *m, int i)
{
    return prior[i].mean + m->dev[i];
}

void overhead_predict(const struct overhead_model *m, const double x[N],
                      size_t guest, double *ms, double *var)
{
    struct guest_sum sums[XPC_HISTORY_MAX];
    double rest[N], spread, offset = 0;

    memcpy(rest, x, sizeof(rest));
    spread = pow(OFFSET_SD * m->scale, 2);
    if (guest != OVERHEAD_GUEST_NONE) {
        double prec;

        sum_guests(m, sums);
        prec = sums[guest].prec + m->offset_prec[guest];
        offset = m->offset[guest];
        spread = 1 / prec;
        /* The offset makes up for what is wrong with the costs. */
        for (int k = 0; k < N; k++)
            rest[k] -= sums[guest].x[k] / prec;
    }
    *ms = offset;
    *var = spread;
    for (int k = 0; k < N; k++) {
        *ms += x[k] * overhead_cost(m, k);
        *var += rest[k] * dot(m->cov[k], rest);
    }
}
