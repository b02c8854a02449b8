/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

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

static void write_script(FILE *f, const struct xpc_measurement *m)
{
    fputs("set title ", f);
    gnuplot_string(f, m->name ? m->name : "guest");
    fputs(" noenhanced\nset xlabel 't (s)'\nset ylabel 'dirty within t (MiB)'"
          "\nset key bottom right\nset xrange [0:]\nset yrange [0:]\n"
          "$d << EOD\n0 0 0 0\n", f);
    for (size_t i = 0; i < m->nr_periods; i++)
        fprintf(f, "%.6f %.6f %.6f %.6f\n", m->period_ns[i] / 1e9,
                MIB(m->dirty_pages[i]), MIB(m->dirty_low[i]),
                MIB(m->dirty_high[i]));
    fputs("EOD\nplot $d using 1:3:4 with filledcurves fc rgb '#bbd5ee' "
          "title '95% interval', $d using 1:2 with linespoints lc rgb "
          "'#1f5fa8' pt 7 ps 0.4 title 'D(t)'", f);
    if (m->workset.intervals)
        fprintf(f, ", %.6f lc rgb '#c04020' dt 2 title 'writable working "
                "set'", MIB(m->workset.union_pages));
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
