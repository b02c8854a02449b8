/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include "common/xl_common.h"
#include "common/xl_gnuplot.h"
#include "common/xl_options.h"
#include "history/xl_history_plot.h"

#define WIDTH 64
#define HEIGHT 20

/* Of both axes, in ms. */
struct range {
    double low, high;
};

struct plot {
    const struct history_targets *t;
    struct range range;
};

static bool has_point(const struct xpc_history_entry *e)
{
    return !isnan(xpc_history_error(e));
}

/* The letter for the nth target. */
static char mark_of(size_t n)
{
    return n < 26 ? 'a' + n : '*';
}

/* Returns false when there is nothing to draw. */
static bool find_range(const struct history_targets *t, struct range *r)
{
    *r = (struct range){ INFINITY, 0 };
    for (size_t i = 0; i < t->nr; i++) {
        const libxl_precopy_history *h = &t->list[i].history;

        for (size_t j = 0; j < h->nr_entries; j++) {
            double predicted = h->entries[j].predicted_downtime_ns / 1e6;
            double actual = h->entries[j].actual_downtime_ns / 1e6;

            if (!has_point(&h->entries[j]))
                continue;
            r->low = fmin(r->low, fmin(predicted, actual));
            r->high = fmax(r->high, fmax(predicted, actual));
        }
    }
    r->low *= 0.8;
    r->high *= 1.25;
    return r->high > 0;
}

/* ---- on the terminal -------------------------------------------------- */

/* The cell for a value. */
static int find_cell(const struct range *r, double ms, int cells)
{
    double share = log(ms / r->low) / log(r->high / r->low);

    return fmin(fmax(lround(share * (cells - 1)), 0), cells - 1);
}

/* The value at a share of the axis. */
static double value_at(const struct range *r, double share)
{
    return r->low * pow(r->high / r->low, share);
}

static void fill_cells(char (*cell)[WIDTH], const struct plot *p)
{
    memset(cell, ' ', HEIGHT * WIDTH);
    for (int x = 0; x < WIDTH; x++)
        cell[find_cell(&p->range, value_at(&p->range, x / (WIDTH - 1.0)),
                   HEIGHT)][x] = '.';
    for (size_t i = 0; i < p->t->nr; i++) {
        const libxl_precopy_history *h = &p->t->list[i].history;

        for (size_t j = 0; j < h->nr_entries; j++) {
            const struct xpc_history_entry *e = &h->entries[j];

            if (has_point(e))
                cell[find_cell(&p->range, e->actual_downtime_ns / 1e6, HEIGHT)]
                    [find_cell(&p->range, e->predicted_downtime_ns / 1e6,
                           WIDTH)] = mark_of(i);
        }
    }
}

static void draw_plot(FILE *out, const struct plot *p)
{
    char cell[HEIGHT][WIDTH], name[XL_NAME_LEN];

    fill_cells(cell, p);
    fputs("\nActual downtime over predicted; . as predicted\n        ms\n",
          out);
    for (int y = HEIGHT - 1; y >= 0; y--) {
        if (y % 5 == 4 || !y)
            fprintf(out, "%10.4g |%.*s\n", value_at(&p->range, y / (HEIGHT - 1.0)),
                    WIDTH, cell[y]);
        else
            fprintf(out, "%10s |%.*s\n", "", WIDTH, cell[y]);
    }
    fprintf(out, "%10s +", "");
    for (int x = 0; x < WIDTH; x++)
        fputc('-', out);
    fprintf(out, "\n%12s%-*.4g%.4g ms\n", "", WIDTH - 6, p->range.low,
            p->range.high);
    for (size_t i = 0; i < p->t->nr; i++)
        fprintf(out, "%12s%c %s\n", "", mark_of(i),
                xl_plain_name(name, p->t->list[i].history.target));
}

/* ---- by gnuplot ------------------------------------------------------- */

static void write_points(FILE *f, const libxl_precopy_history *h)
{
    for (size_t j = 0; j < h->nr_entries; j++) {
        const struct xpc_history_entry *e = &h->entries[j];

        if (has_point(e))
            fprintf(f, "%.17g %.17g\n", (double)e->predicted_downtime_ns,
                    (double)e->actual_downtime_ns);
    }
}

/* gnuplot fails on a data block without points. */
static bool has_points(const struct history_target *t)
{
    return !isnan(t->summary.error_median);
}

/* How many migrations were predicted, and how many took longer. */
static void write_title(FILE *f, const struct history_targets *t)
{
    size_t points = 0, longer = 0;
    char title[128];

    for (size_t i = 0; i < t->nr; i++) {
        const libxl_precopy_history *h = &t->list[i].history;

        for (size_t j = 0; j < h->nr_entries; j++) {
            points += has_point(&h->entries[j]);
            longer += has_point(&h->entries[j]) &&
                      xpc_history_error(&h->entries[j]) > 0.1;
        }
    }
    if (longer)
        snprintf(title, sizeof(title), "%zu of %zu downtimes were more than "
                 "10%% longer than predicted", longer, points);
    else
        snprintf(title, sizeof(title), "No downtime of %zu was more than 10%% "
                 "longer than predicted", points);
    gnuplot_title(f, title);
}

/* Different signs, as there may be more targets than colours. */
static int sign_of(size_t i)
{
    static const int filled[] = { 7, 5, 9, 11, 13 };

    return filled[i / 4 % 5];
}

static void write_script(FILE *f, const struct plot *p)
{
    struct axis a = { AXIS_TIME, true, p->range.low * 1e6,
                      p->range.high * 1e6 };

    write_title(f, p->t);
    gnuplot_axis(f, 'x', &a, "predicted");
    gnuplot_axis(f, 'y', &a, "actual");
    fputs("set grid xtics\nset key outside right top reverse Left\n", f);
    for (size_t i = 0; i < p->t->nr; i++) {
        if (!has_points(&p->t->list[i]))
            continue;
        fprintf(f, "$d%zu << EOD\n", i);
        write_points(f, &p->t->list[i].history);
        fputs("EOD\n", f);
    }
    fputs("plot x with lines dashtype 2 lc rgb '" GNUPLOT_GREY "' title 'as "
          "predicted'", f);
    for (size_t i = 0; i < p->t->nr; i++) {
        if (!has_points(&p->t->list[i]))
            continue;
        fprintf(f, ", $d%zu using 1:2 with points pt %d lc rgb '%s' title ",
                i, sign_of(i), gnuplot_colour(i));
        gnuplot_string(f, p->t->list[i].history.target);
        fputs(" noenhanced", f);
    }
    fputc('\n', f);
}

int history_plot(FILE *out, const char *file,
                 const struct history_targets *t, char err[XPC_ERR_LEN])
{
    struct plot p = { .t = t };
    FILE *g;

    if (!find_range(t, &p.range))
        return xl_bad(err, "--plot: no migration that was predicted has ended "
                      "well: nothing to draw");
    if (!file) {
        draw_plot(out, &p);
        return 0;
    }
    g = gnuplot_open(file, 820, 640, err);
    if (!g)
        return -1;
    write_script(g, &p);
    return gnuplot_close(g, file, err);
}
