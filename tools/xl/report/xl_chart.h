/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Charts as SVG: axes in human units, and the legend beside the curves. */
#ifndef XL_REPORT_XL_CHART_H
#define XL_REPORT_XL_CHART_H

#include <stdio.h>

#include "common/xl_axis.h"

enum series_kind {
    SERIES_LINE,
    SERIES_STEP,                    /* y[i] from x[i] to x[i + 1] */
    SERIES_BAND,                    /* from y to y2 */
    SERIES_LEVEL,                   /* y[0] everywhere, dashed */
    SERIES_DOTS,
    SERIES_RINGS,
    SERIES_CROSSES,
};

/* Values that are not finite are left out. */
struct series {
    enum series_kind kind;
    int colour;                     /* 1 to 4 */
    const char *name;               /* short; NULL: no label */
    const double *x, *y, *y2;
    size_t nr;                      /* of y; STEP has one x more */
};

struct chart {
    const char *label;              /* what it shows, one sentence */
    const char *x_name, *y_name;
    struct axis x, y;
    const struct axis_tick *x_ticks;    /* NULL: those of the axis */
    size_t nr_x_ticks;
    const struct series *series;
    size_t nr;
};

#define CHART_SERIES_MAX 6

/*
 * Writes it twice, for wide and for narrow windows. The style sheet of
 * xl_page.c shows one of them.
 */
void chart_draw(FILE *f, const struct chart *c);

#endif
