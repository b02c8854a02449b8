/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/xl_axis.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct unit {
    const char *name;
    double size;
};

/* ---- labels ---------------------------------------------------------- */

static const struct unit times[] = {
    { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "min", 60e9 },
    { "h", 3600e9 }, { "days", 86400e9 }, { NULL, 0 },
};
static const struct unit sizes[] = {
    { "bytes", 1 }, { "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 },
    { "TiB", 0x1p40 }, { NULL, 0 },
};
static const struct unit rates[] = {
    { "bit/s", 1 / 8. }, { "kbit/s", 1e3 / 8 }, { "Mbit/s", 1e6 / 8 },
    { "Gbit/s", 1e9 / 8 }, { NULL, 0 },
};
static const struct unit counts[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *units_of(enum axis_unit unit)
{
    static const struct unit *const all[] = {
        [AXIS_COUNT] = counts, [AXIS_TIME] = times, [AXIS_BYTES] = sizes,
        [AXIS_RATE] = rates,
    };

    return all[unit];
}

/* The largest unit in which the value is at least 1. */
static const struct unit *find_unit(enum axis_unit unit, double value)
{
    const struct unit *u = units_of(unit);

    while (u[1].name && value >= u[1].size * 0.9995)
        u++;
    return u;
}

const char *axis_label(char buf[AXIS_LABEL_LEN], enum axis_unit unit,
                       double value)
{
    const struct unit *u = find_unit(unit, value);
    double n = value / u->size;

    /* 71 s, not 1.18 min. */
    while (unit == AXIS_TIME && u->size > 1e9 && fabs(n * 2 - round(n * 2)) >
           1e-6)
        n = value / (--u)->size;
    if (value == 0)
        snprintf(buf, AXIS_LABEL_LEN, "0");
    else
        snprintf(buf, AXIS_LABEL_LEN, "%.*g%s%s",
                 n >= 100 && n < 1e6 ? (int)log10(n) + 1 : 3, n,
                 *u->name ? " " : "", u->name);
    return buf;
}

/* ---- the axis -------------------------------------------------------- */

struct axis axis_for(enum axis_unit unit, bool logarithmic, double low,
                     double high)
{
    struct axis a = { unit, logarithmic, low, high };

    if (!(high > 0))
        a.high = find_unit(unit, 0)->size;
    if (logarithmic) {
        if (!(low > 0))
            a.low = a.high / 1e3;
        a.low /= 1.25;
        a.high *= 1.25;
    } else if (!(a.high > a.low)) {
        a.low = 0;
    }
    return a;
}

double axis_place(const struct axis *a, double value)
{
    double place = a->logarithmic ?
                   log(value / a->low) / log(a->high / a->low) :
                   (value - a->low) / (a->high - a->low);

    return place > 0 ? fmin(place, 1) : 0;
}

/* ---- ticks ----------------------------------------------------------- */

/* Steps that people count in, besides 1, 2 and 5 with zeros. */
static const double time_steps[] = {
    10e9, 15e9, 30e9, 60e9, 120e9, 300e9, 600e9, 900e9, 1800e9, 3600e9,
    7200e9, 4 * 3600e9, 6 * 3600e9, 12 * 3600e9, 86400e9,
};

/* The least of 1, 2, 5, 10, 20 ... times unit that is not below least. */
static double round_step(double least, double unit)
{
    double step = unit * pow(10, floor(log10(least / unit)));

    for (size_t i = 0; step < least * 0.9999; i++)
        step *= i % 3 == 1 ? 2.5 : 2;
    return step;
}

static double find_step(const struct axis *a, size_t nr)
{
    double least = (a->high - a->low) / nr;

    if (a->unit == AXIS_TIME && least > 5e9) {
        for (size_t i = 0; i < ARRAY_SIZE(time_steps); i++) {
            if (time_steps[i] >= least)
                return time_steps[i];
        }
        return round_step(least, 86400e9);
    }
    if (a->unit == AXIS_COUNT && least < 1)
        return 1;
    return round_step(least, find_unit(a->unit, a->high)->size);
}

static size_t linear_ticks(const struct axis *a, size_t nr,
                           struct axis_tick *ticks)
{
    double step = find_step(a, nr), v = ceil(a->low / step - 1e-9) * step;
    size_t n = 0;

    for (; v <= a->high * (1 + 1e-9) && n < AXIS_TICKS_MAX; v += step)
        ticks[n++].value = fabs(v) < step / 2 ? 0 : v;
    return n;
}

/* Values that begin with one of these are ticks, in each unit. */
static const double decimal_heads[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500 };
static const double sixty_heads[] = { 1, 2, 5, 10, 20, 30 };
static const double day_heads[] = { 1, 2, 4, 8, 12 };
static const double binary_heads[] = {
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512,
};

static const double *heads_of(enum axis_unit unit, const struct unit *u,
                              size_t *nr_r)
{
    const double *heads = decimal_heads;

    *nr_r = ARRAY_SIZE(decimal_heads);
    if (unit == AXIS_BYTES) {
        heads = binary_heads;
        *nr_r = ARRAY_SIZE(binary_heads);
    } else if (unit == AXIS_TIME && u[1].name && u[1].size / u->size == 60) {
        heads = sixty_heads;
        *nr_r = ARRAY_SIZE(sixty_heads);
    } else if (unit == AXIS_TIME && u[1].name && u[1].size / u->size == 24) {
        heads = day_heads;
        *nr_r = ARRAY_SIZE(day_heads);
    }
    return heads;
}

/*
 * The values within the axis whose heads have an index that is a multiple of
 * stride. Returns their number, which may be more than there is room for.
 */
static size_t pick_ticks(const struct axis *a, size_t stride, size_t room,
                         struct axis_tick *ticks)
{
    size_t n = 0, nr;

    for (const struct unit *u = units_of(a->unit); u->name; u++) {
        const double *heads = heads_of(a->unit, u, &nr);
        double factor = a->unit == AXIS_BYTES ? 1024 : 1000;
        size_t rounds = u[1].name ? 1 : 6;      /* no larger unit follows */

        for (size_t i = 0; i < nr * rounds; i++) {
            double v = u->size * heads[i % nr] * pow(factor, i / nr);

            if (i % nr % stride || v < a->low * 0.9999 ||
                v > a->high * 1.0001)
                continue;
            if (n < room)
                ticks[n].value = v;
            n++;
        }
    }
    return n;
}

/* Of all of them, evenly chosen ones. */
static size_t pick_evenly(const struct axis *a, size_t nr,
                          struct axis_tick *ticks)
{
    struct axis_tick all[64];
    size_t n = pick_ticks(a, 1, ARRAY_SIZE(all), all);

    n = n < ARRAY_SIZE(all) ? n : ARRAY_SIZE(all);
    for (size_t i = 0; i < nr; i++)
        ticks[i] = all[nr > 1 ? i * (n - 1) / (nr - 1) : 0];
    return nr;
}

static size_t logarithmic_ticks(const struct axis *a, size_t nr,
                                struct axis_tick *ticks)
{
    static const size_t decimal[] = { 1, 3, 9, 0 };
    static const size_t binary[] = { 1, 2, 5, 10, 0 };
    const size_t *stride = a->unit == AXIS_BYTES ? binary : decimal;
    size_t n = 0;

    for (; *stride; stride++) {
        n = pick_ticks(a, *stride, nr, ticks);
        if (n <= nr)
            break;
    }
    return n >= 2 || *stride == 1 ? n < nr ? n : nr :
           pick_evenly(a, nr, ticks);
}

size_t axis_ticks(const struct axis *a, size_t nr,
                  struct axis_tick ticks[AXIS_TICKS_MAX])
{
    size_t n;

    nr = nr < AXIS_TICKS_MAX ? nr : AXIS_TICKS_MAX;
    n = a->logarithmic ? logarithmic_ticks(a, nr, ticks) : 0;
    if (n < 2)
        n = linear_ticks(a, nr, ticks);
    for (size_t i = 0; i < n; i++)
        axis_label(ticks[i].label, a->unit, ticks[i].value);
    return n;
}

/* ---- labels beside curves ----------------------------------------------- */

static int compare_marks(const void *a, const void *b)
{
    const struct axis_mark *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

void axis_spread(struct axis_mark *marks, size_t nr, double gap, double low,
                 double high)
{
    qsort(marks, nr, sizeof(*marks), compare_marks);
    for (size_t i = 0; i < nr; i++) {
        marks[i].at = fmax(marks[i].at, low);
        low = marks[i].at + gap;
    }
    for (size_t i = nr; i-- > 0;) {
        marks[i].at = fmin(marks[i].at, high);
        high = marks[i].at - gap;
    }
}
