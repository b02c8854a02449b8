/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/xl_chart.h"
#include "report/xl_svg.h"

#define LABEL_HEIGHT 15
#define LABEL_GAP 8
/* Dots on a line that has at most so many. */
#define DOTS_MAX 40

struct layout {
    const char *class;
    double width, height, left, right, top, bottom;
    size_t x_ticks, y_ticks;
};

static const struct layout wide = {
    "wide", 760, 300, 78, 132, 30, 44, 7, 6
}, narrow = {
    "narrow", 336, 250, 78, 98, 30, 44, 3, 6
};

struct drawing {
    FILE *f;
    const struct chart *c;
    const struct layout *l;
};

static double x_of(const struct drawing *d, double v)
{
    const struct layout *l = d->l;

    return l->left + axis_place(&d->c->x, v) *
                     (l->width - l->left - l->right);
}

static double y_of(const struct drawing *d, double v)
{
    const struct layout *l = d->l;

    return l->height - l->bottom - axis_place(&d->c->y, v) *
                                   (l->height - l->top - l->bottom);
}

/* ---- axes ------------------------------------------------------------ */

static void draw_y_axis(const struct drawing *d)
{
    const struct layout *l = d->l;
    struct axis_tick ticks[AXIS_TICKS_MAX];
    size_t nr = axis_ticks(&d->c->y, l->y_ticks, ticks);

    for (size_t i = 0; i < nr; i++) {
        double y = y_of(d, ticks[i].value);

        svg_line(d->f, "grid", l->left, y, l->width - l->right, y);
        svg_text(d->f, "tick", l->left - 8, y + 4, SVG_END, ticks[i].label);
    }
    svg_text(d->f, "name", 0, 14, SVG_START, d->c->y_name);
}

/* Of given ticks, as many as there is room for. */
static void draw_x_axis(const struct drawing *d)
{
    const struct layout *l = d->l;
    struct axis_tick found[AXIS_TICKS_MAX];
    const struct axis_tick *ticks = d->c->x_ticks;
    size_t nr = d->c->nr_x_ticks, stride;
    double bottom = l->height - l->bottom;

    if (!ticks) {
        nr = axis_ticks(&d->c->x, l->x_ticks, found);
        ticks = found;
    }
    stride = ticks == found ? 1 : (nr + l->x_ticks - 1) / l->x_ticks;
    stride += !stride;
    for (size_t i = 0; i < nr; i += stride) {
        double x = x_of(d, ticks[i].value);

        svg_line(d->f, "axis", x, bottom, x, bottom + 5);
        svg_text(d->f, "tick", x, bottom + 19, SVG_MIDDLE, ticks[i].label);
    }
    svg_line(d->f, "axis", l->left, bottom, l->width - l->right, bottom);
    svg_text(d->f, "name", l->width - l->right, l->height - 6, SVG_END,
             d->c->x_name);
}

/* ---- series ---------------------------------------------------------- */

/* "line c2", for example. */
static const char *class_of(char buf[16], const char *what,
                            const struct series *s)
{
    snprintf(buf, 16, "%.8s c%d", what, s->colour);
    return buf;
}

static bool is_drawn(const struct series *s, size_t i)
{
    return isfinite(s->y[i]) && (!s->x || isfinite(s->x[i])) &&
           (!s->y2 || isfinite(s->y2[i]));
}

static void draw_band(const struct drawing *d, const struct series *s,
                      struct svg_point *p)
{
    char class[16];
    size_t n = 0;

    for (size_t i = 0; i < s->nr; i++) {
        if (is_drawn(s, i))
            p[n++] = (struct svg_point){ x_of(d, s->x[i]),
                                         y_of(d, s->y2[i]) };
    }
    for (size_t i = s->nr; i-- > 0;) {
        if (is_drawn(s, i))
            p[n++] = (struct svg_point){ x_of(d, s->x[i]), y_of(d, s->y[i]) };
    }
    svg_area(d->f, class_of(class, "band", s), p, n);
}

static void draw_line(const struct drawing *d, const struct series *s,
                      struct svg_point *p)
{
    bool step = s->kind == SERIES_STEP;
    char class[16];
    size_t n = 0;

    for (size_t i = 0; i < s->nr; i++) {
        if (!is_drawn(s, i))
            continue;
        p[n++] = (struct svg_point){ x_of(d, s->x[i]), y_of(d, s->y[i]) };
        if (step)
            p[n++] = (struct svg_point){ x_of(d, s->x[i + 1]),
                                         y_of(d, s->y[i]) };
    }
    svg_path(d->f, class_of(class, "line", s), p, n);
    for (size_t i = 0; !step && n <= DOTS_MAX && i < n; i++)
        svg_circle(d->f, class_of(class, "dot", s), p[i].x, p[i].y, 3);
}

static void draw_mark(const struct drawing *d, const struct series *s,
                      double x, double y)
{
    char class[16];

    if (s->kind == SERIES_DOTS) {
        svg_circle(d->f, class_of(class, "dot", s), x, y, 4.5);
    } else if (s->kind == SERIES_RINGS) {
        svg_circle(d->f, class_of(class, "ring", s), x, y, 5);
    } else {
        class_of(class, "line", s);
        svg_line(d->f, class, x - 4, y - 4, x + 4, y + 4);
        svg_line(d->f, class, x - 4, y + 4, x + 4, y - 4);
    }
}

static void draw_level(const struct drawing *d, const struct series *s)
{
    double y = y_of(d, s->y[0]);
    char class[16];

    svg_line(d->f, class_of(class, "level", s), d->l->left, y,
             d->l->width - d->l->right, y);
}

static void draw_series(const struct drawing *d, const struct series *s,
                        struct svg_point *room)
{
    switch (s->kind) {
    case SERIES_BAND:
        draw_band(d, s, room);
        break;
    case SERIES_LINE:
    case SERIES_STEP:
        draw_line(d, s, room);
        break;
    case SERIES_LEVEL:
        draw_level(d, s);
        break;
    default:
        for (size_t i = 0; i < s->nr; i++) {
            if (is_drawn(s, i))
                draw_mark(d, s, x_of(d, s->x[i]), y_of(d, s->y[i]));
        }
    }
}

/* ---- labels ---------------------------------------------------------- */

/* Where a curve ends. */
struct end {
    const struct series *s;
    double x, y;
};

static bool find_end(const struct drawing *d, const struct series *s,
                     struct end *end)
{
    *end = (struct end){ .s = s, .x = d->l->width - d->l->right };
    if (!s->name)
        return false;
    for (size_t i = s->nr; i-- > 0;) {
        if (!is_drawn(s, i))
            continue;
        if (s->kind != SERIES_LEVEL)
            end->x = x_of(d, s->x[s->kind == SERIES_STEP ? i + 1 : i]);
        end->y = y_of(d, s->kind == SERIES_BAND ?
                         sqrt(s->y[i] * s->y2[i]) : s->y[i]);
        return true;
    }
    return false;
}

static void draw_labels(const struct drawing *d)
{
    const struct layout *l = d->l;
    struct end ends[CHART_SERIES_MAX];
    struct axis_mark marks[CHART_SERIES_MAX];
    double right = l->width - l->right;
    char class[16];
    size_t nr = 0;

    for (size_t i = 0; i < d->c->nr && nr < CHART_SERIES_MAX; i++) {
        if (!find_end(d, &d->c->series[i], &ends[nr]))
            continue;
        marks[nr] = (struct axis_mark){ ends[nr].y, &ends[nr] };
        nr++;
    }
    axis_spread(marks, nr, LABEL_HEIGHT, l->top, l->height - l->bottom);
    for (size_t i = 0; i < nr; i++) {
        const struct end *e = marks[i].what;

        /* Only if it is not obvious which curve is meant. */
        if (e->x < right - LABEL_GAP || fabs(marks[i].at - e->y) > 3)
            svg_line(d->f, class_of(class, "lead", e->s), e->x + 5, e->y,
                     right + LABEL_GAP - 2, marks[i].at);
        svg_text(d->f, class_of(class, "mark", e->s), right + LABEL_GAP,
                 marks[i].at + 4, SVG_START, e->s->name);
    }
}

/* --------------------------------------------------------------------- */

static void draw(FILE *f, const struct chart *c, const struct layout *l,
                 struct svg_point *room)
{
    struct drawing d = { f, c, l };

    svg_begin(f, l->class, l->width, l->height, c->label);
    draw_y_axis(&d);
    for (size_t i = 0; i < c->nr; i++)
        draw_series(&d, &c->series[i], room);
    draw_x_axis(&d);
    draw_labels(&d);
    svg_end(f);
}

void chart_draw(FILE *f, const struct chart *c)
{
    struct svg_point *room;
    size_t most = 1;

    for (size_t i = 0; i < c->nr; i++)
        most = c->series[i].nr > most ? c->series[i].nr : most;
    room = calloc(most, 2 * sizeof(*room));
    if (!room)
        return;
    draw(f, c, &wide, room);
    draw(f, c, &narrow, room);
    free(room);
}
