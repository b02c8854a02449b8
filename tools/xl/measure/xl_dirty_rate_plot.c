/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "common/xl_gnuplot.h"
#include "common/xl_options.h"
#include "measure/xl_dirty_rate_plot.h"

#define WIDTH 64
#define HEIGHT 16

#define MIB(pages) ((pages) * XPC_PAGE_SIZE / 0x1p20)

/* D(t) at t_ns, interpolated linearly between the periods and from 0. */
static double interpolate(const struct xpc_measurement *m,
                          const double *pages, double t_ns)
{
    double t0 = 0, v0 = 0;

    for (size_t i = 0; i < m->nr_periods; i++) {
        if (t_ns <= m->period_ns[i])
            return v0 + (pages[i] - v0) * (t_ns - t0) /
                        (m->period_ns[i] - t0);
        t0 = m->period_ns[i];
        v0 = pages[i];
    }
    return v0;
}

static int row_of(double v, double top)
{
    return fmin(fmax(lround(v / top * (HEIGHT - 1)), 0), HEIGHT - 1);
}

/* Draws the confidence interval, and the estimate on top of it. */
static void draw_column(char (*cell)[WIDTH], int x,
                        const struct xpc_measurement *m, double top)
{
    double t = m->period_ns[m->nr_periods - 1] * (x + 0.5) / WIDTH;

    for (int y = row_of(interpolate(m, m->dirty_low, t), top);
         y <= row_of(interpolate(m, m->dirty_high, t), top); y++)
        cell[y][x] = ':';
    cell[row_of(interpolate(m, m->dirty_pages, t), top)][x] = '*';
}

void dirty_rate_plot_ascii(FILE *out, const struct xpc_measurement *m)
{
    const struct xpc_workset_result *w = &m->workset;
    char cell[HEIGHT][WIDTH];
    double top;

    if (!m->nr_periods)
        return;
    top = m->dirty_high[m->nr_periods - 1];
    if (w->intervals && w->union_pages > top)
        top = w->union_pages;
    if (top <= 0)
        top = 1;
    memset(cell, ' ', sizeof(cell));
    for (int x = 0; w->intervals && x < WIDTH; x++)
        cell[row_of(w->union_pages, top)][x] = '-';
    for (int x = 0; x < WIDTH; x++)
        draw_column(cell, x, m, top);
    fputs("       MiB dirty within t: * estimate, : 95% interval", out);
    fputs(w->intervals ? ", - working set\n" : "\n", out);
    for (int y = HEIGHT - 1; y >= 0; y--)
        fprintf(out, "%10.1f |%.*s\n", MIB(top) * y / (HEIGHT - 1), WIDTH,
                cell[y]);
    fprintf(out, "%10s +", "");
    for (int x = 0; x < WIDTH; x++)
        fputc('-', out);
    fprintf(out, "\n%12s%-*d%.*f s\n", "", WIDTH - 6, 0, 3,
            m->period_ns[m->nr_periods - 1] / 1e9);
}

/* ---- gnuplot ---------------------------------------------------------- */

#define BYTES(pages) ((double)(pages) * XPC_PAGE_SIZE)

static void write_title(FILE *f, const struct xpc_measurement *m)
{
    size_t last = m->nr_periods - 1;
    char b[XPC_UNIT_LEN], t[XPC_UNIT_LEN], title[256];

    snprintf(title, sizeof(title), "%.32s%s dirties %s within %s",
             m->name ? m->name : "The guest",
             m->name && strlen(m->name) > 32 ? "..." : "",
             xpc_format_bytes(b, BYTES(m->dirty_pages[last])),
             xpc_format_time(t, m->period_ns[last]));
    gnuplot_title(f, title);
}

static void write_script(FILE *f, const struct xpc_measurement *m)
{
    size_t last = m->nr_periods - 1;
    double top = BYTES(m->dirty_high[last]),
           set = BYTES(m->workset.union_pages);
    struct axis x = axis_for(AXIS_TIME, false, 0, m->period_ns[last]),
                y = axis_for(AXIS_BYTES, false, 0, fmax(top, set) * 1.05);
    struct gnuplot_label labels[3] = {
        { "D(t)", GNUPLOT_BLUE, BYTES(m->dirty_pages[last]) },
    };
    size_t nr = 1;

    if (top > labels[0].y * 1.02)
        labels[nr++] = (struct gnuplot_label){
            "95% interval", GNUPLOT_BLUE, top
        };
    if (m->workset.intervals)
        labels[nr++] = (struct gnuplot_label){
            "writable working set", GNUPLOT_RED, set
        };
    write_title(f, m);
    gnuplot_axis(f, 'x', &x, "t");
    gnuplot_axis(f, 'y', &y, "dirtied within t");
    gnuplot_labels(f, &y, labels, nr);
    fputs("$d << EOD\n0 0 0 0\n", f);
    for (size_t i = 0; i < m->nr_periods; i++)
        fprintf(f, "%.17g %.17g %.17g %.17g\n", (double)m->period_ns[i],
                BYTES(m->dirty_pages[i]), BYTES(m->dirty_low[i]),
                BYTES(m->dirty_high[i]));
    fputs("EOD\nplot $d using 1:3:4 with filledcurves fc rgb '" GNUPLOT_BAND
          "', $d using 1:2 with linespoints lw 2 lc rgb '" GNUPLOT_BLUE
          "' pt 7 ps 0.4", f);
    if (m->workset.intervals)
        fprintf(f, ", %.17g lw 2 lc rgb '" GNUPLOT_RED "' dt 2", set);
    fputc('\n', f);
}

int dirty_rate_plot_file(const char *file, const struct xpc_measurement *m,
                         char err[XPC_ERR_LEN])
{
    FILE *g;

    if (!m->nr_periods)
        return xl_bad(err, "%.100s: nothing to draw", file);
    g = gnuplot_open(file, 800, 500, err);
    if (!g)
        return -1;
    write_script(g, m);
    return gnuplot_close(g, file, err);
}
