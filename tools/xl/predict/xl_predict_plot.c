/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include <xenprecopy/predict_any.h>
#include <xenprecopy/units.h>

#include "common/xl_gnuplot.h"
#include "predict/xl_predict_plot.h"

#define POINTS 64
#define WIDTH 64
#define HEIGHT 16

struct series {
    double x[POINTS], y[POINTS];
    int nr;
    char mark;                      /* '-': a limit, drawn dashed */
    char name[XPC_UNIT_LEN + 16];
};

struct chart {
    const char *title, *x_name, *y_name;    /* on the terminal */
    bool log_x;
    struct series *series;
    int nr;
    bool band;                      /* the first two series enclose one */
    /* For gnuplot: the finding, and the axes with what 1 stands for. */
    char finding[128];
    const char *x_title, *y_title;
    enum axis_unit x_unit, y_unit;
    double x_size, y_size;
};

/* With the first method, if any was given. */
static void add_compression(struct xpc_predict_params *p,
                            const struct predict_options *o,
                            const struct predict_source *s)
{
    const struct xpc_domain d = { .costs = s->costs, .nr_costs = s->nr_costs };

    p->processors = o->channels;
    if (o->nr_methods)
        xpc_cell_compress(p, &d, &o->methods[0]);
}

/*
 * The least downtime in ms, from half the lowest bandwidth to twice the
 * highest. side: as for xpc_predict_any().
 */
static void compute_downtimes(struct series *out,
                              const struct predict_options *o,
                              const struct predict_source *source,
                              double side)
{
    const struct xpc_curve *c = &source->curve;
    double least = INFINITY, most = 0;
    struct xpc_predict_params p;
    struct xpc_predict_state s;
    struct xpc_prediction r;

    for (size_t i = 0; i < o->nr_bandwidths; i++) {
        least = fmin(least, o->bandwidths[i]);
        most = fmax(most, o->bandwidths[i]);
    }
    least /= 2;
    most *= 2;
    for (int i = 0; i < POINTS; i++) {
        double rate = least * pow(most / least, i / (POINTS - 1.0));

        xpc_cell_params(&p, &o->params, c, rate, 1);
        add_compression(&p, o, source);
        xpc_predict_start(&s, c, &p);
        p.phased = predict_phased(source, o);
        xpc_predict_any(&r, c, &p, &s, side);
        if (r.least_downtime_ns >= UINT64_MAX / 2)
            continue;
        out->x[out->nr] = rate * 8 / 1e6;
        out->y[out->nr++] = r.least_downtime_ns / 1e6;
    }
}

/* A horizontal line. */
static void compute_level(struct series *out, double y, double x1, double x2)
{
    for (int i = 0; i < POINTS; i++, out->nr++) {
        out->x[i] = x1 * pow(x2 / x1, i / (POINTS - 1.0));
        out->y[i] = y;
    }
}

/* The dirty memory in MiB after each iteration at a bandwidth. */
static void compute_rounds(struct series *out, const struct predict_options *o,
                           const struct predict_source *source,
                           uint64_t bandwidth)
{
    const struct xpc_curve *c = &source->curve;
    struct xpc_predict_round r[POINTS];
    struct xpc_predict_trace trace = { r, POINTS, 0 };
    struct xpc_predict_params p;
    struct xpc_predict_state s;
    struct xpc_prediction end;

    xpc_cell_params(&p, &o->params, c, bandwidth, 1);
    add_compression(&p, o, source);
    xpc_predict_start(&s, c, &p);
    xpc_predict_run(&end, c, &p, &s, 0, &trace);
    for (size_t i = 0; i < trace.nr && i < 20; i++, out->nr++) {
        out->x[i] = i + 1;
        out->y[i] = fmax(r[i].dirty_pages * XPC_PAGE_SIZE / 1048576, 0.01);
    }
}

/* ---- on the terminal -------------------------------------------------- */

struct range {
    double low, high;
};

static struct range find_range(const struct chart *c, bool y)
{
    struct range r = { INFINITY, -INFINITY };

    for (int i = 0; i < c->nr; i++) {
        for (int j = 0; j < c->series[i].nr; j++) {
            double v = y ? c->series[i].y[j] : c->series[i].x[j];

            r.low = fmin(r.low, v);
            r.high = fmax(r.high, v);
        }
    }
    if (!(r.high > r.low))
        r.high = r.low * 2;
    return r;
}

/* The cell for a value. */
static int find_cell(double v, struct range r, bool logarithmic, int cells)
{
    double share = logarithmic ? log(v / r.low) / log(r.high / r.low) :
                                 (v - r.low) / (r.high - r.low);

    return fmin(fmax(lround(share * (cells - 1)), 0), cells - 1);
}

static void draw_chart(FILE *out, const struct chart *c)
{
    struct range x = find_range(c, false), y = find_range(c, true);
    char grid[HEIGHT][WIDTH + 1];

    memset(grid, ' ', sizeof(grid));
    for (int i = 0; i < c->nr; i++) {
        const struct series *s = &c->series[i];

        for (int j = 0; j < s->nr; j++)
            grid[HEIGHT - 1 - find_cell(s->y[j], y, true, HEIGHT)]
                [find_cell(s->x[j], x, c->log_x, WIDTH)] = s->mark;
    }
    fprintf(out, "\n%s\n%10s\n", c->title, c->y_name);
    for (int row = 0; row < HEIGHT; row++) {
        double share = 1 - row / (HEIGHT - 1.0);

        grid[row][WIDTH] = 0;
        if (row % 5 == 0)
            fprintf(out, "%10.4g |%s\n", y.low * pow(y.high / y.low, share),
                    grid[row]);
        else
            fprintf(out, "%10s |%s\n", "", grid[row]);
    }
    fprintf(out, "%10s +", "");
    for (int i = 0; i < WIDTH; i++)
        fputc('-', out);
    fprintf(out, "\n%12s%-*.4g%.4g %s\n", "", WIDTH - 4, x.low, x.high,
            c->x_name);
    for (int i = 0; i < c->nr; i++)
        fprintf(out, "%12s%c %s\n", "", c->series[i].mark,
                c->series[i].name);
}

/* ---- by gnuplot ------------------------------------------------------- */

static void write_points(FILE *g, const struct chart *c,
                         const struct series *s)
{
    for (int j = 0; j < s->nr; j++)
        fprintf(g, "%.9g %.9g\n", s->x[j] * c->x_size, s->y[j] * c->y_size);
}

/* The area between the first two, of which the second may be shorter. */
static void write_band(FILE *g, const struct chart *c)
{
    const struct series *low = &c->series[0], *high = &c->series[1];

    fputs("$band << EOD\n", g);
    for (int j = 0; j < high->nr; j++)
        fprintf(g, "%.9g %.9g %.9g\n", high->x[j] * c->x_size,
                low->y[low->nr - high->nr + j] * c->y_size,
                high->y[j] * c->y_size);
    fputs("EOD\n", g);
}

static bool has_band(const struct chart *c)
{
    return c->band && c->series[1].nr > 1 &&
           c->series[0].nr >= c->series[1].nr;
}

static const char *colour_of(const struct chart *c, int i)
{
    return c->series[i].mark == '-' ? GNUPLOT_RED :
           c->band ? GNUPLOT_BLUE : gnuplot_colour(i);
}

static void write_labels(FILE *g, const struct chart *c, const struct axis *y)
{
    struct gnuplot_label labels[AXIS_TICKS_MAX];
    size_t nr = 0;

    for (int i = c->band ? 2 : 0; i < c->nr && nr < AXIS_TICKS_MAX; i++) {
        const struct series *s = &c->series[i];

        if (s->nr)
            labels[nr++] = (struct gnuplot_label){
                s->name, colour_of(c, i), s->y[s->nr - 1] * c->y_size
            };
    }
    gnuplot_labels(g, y, labels, nr);
}

/* The nth of nr, one below the other. */
static void write_chart(FILE *g, const struct chart *c, int n, int nr)
{
    struct range rx = find_range(c, false), ry = find_range(c, true);
    struct axis x = axis_for(c->x_unit, c->log_x, rx.low * c->x_size,
                             rx.high * c->x_size),
                y = axis_for(c->y_unit, true, ry.low * c->y_size,
                             ry.high * c->y_size);
    const char *sep = "plot ";

    gnuplot_title(g, c->finding);
    fprintf(g, "set size 1,%.3f\nset origin 0,%.3f\n", 1.0 / nr,
            1 - (n + 1.0) / nr);
    gnuplot_axis(g, 'x', &x, c->x_title);
    gnuplot_axis(g, 'y', &y, c->y_title);
    write_labels(g, c, &y);
    if (has_band(c)) {
        write_band(g, c);
        fputs("plot $band using 1:2:3 with filledcurves fc rgb '"
              GNUPLOT_BAND "'", g);
        sep = ", ";
    }
    for (int i = c->band ? 2 : 0; i < c->nr; i++, sep = ", ")
        fprintf(g, "%s'-' with %s lw 2 lc rgb '%s'", sep,
                c->series[i].mark == '-' ? "lines dashtype 2" :
                c->band ? "lines" : "linespoints pt 7 ps 0.5",
                colour_of(c, i));
    fputc('\n', g);
    for (int i = c->band ? 2 : 0; i < c->nr; i++) {
        write_points(g, c, &c->series[i]);
        fputs("e\n", g);
    }
}

static int plot_file(const char *file, const struct chart *charts, int nr,
                     char err[XPC_ERR_LEN])
{
    FILE *g = gnuplot_open(file, 900, 1000, err);

    if (!g)
        return -1;
    fputs("set multiplot\n", g);
    for (int i = 0; i < nr; i++)
        write_chart(g, &charts[i], i, nr);
    fputs("unset multiplot\n", g);
    return gnuplot_close(g, file, err);
}

/* The least downtime with the highest bandwidth that was given. */
static void find_downtime(struct chart *c, const struct series *expected,
                          const struct predict_options *o)
{
    char rate[XPC_UNIT_LEN], time[XPC_UNIT_LEN];
    uint64_t most = 0;
    int best = 0;

    for (size_t i = 0; i < o->nr_bandwidths; i++)
        most = o->bandwidths[i] > most ? o->bandwidths[i] : most;
    for (int i = 1; i < expected->nr; i++) {
        if (fabs(log(expected->x[i] * 125e3 / most)) <
            fabs(log(expected->x[best] * 125e3 / most)))
            best = i;
    }
    xpc_format_bandwidth(rate, most);
    if (expected->nr)
        snprintf(c->finding, sizeof(c->finding), "At %s, a downtime of %s can "
                 "be reached", rate,
                 xpc_format_time(time, expected->y[best] * 1e6));
    else
        snprintf(c->finding, sizeof(c->finding), "At %s, copying does not "
                 "end", rate);
}

/* What is left with the last bandwidth. */
static void find_rest(struct chart *c, const struct predict_options *o)
{
    const struct series *s = &c->series[c->nr - 1];
    char rate[XPC_UNIT_LEN], bytes[XPC_UNIT_LEN];

    xpc_format_bandwidth(rate, o->bandwidths[c->nr - 1]);
    if (s->nr)
        snprintf(c->finding, sizeof(c->finding), "At %s, %d iteration%s leave "
                 "%s to be copied", rate, s->nr, s->nr == 1 ? "" : "s",
                 xpc_format_bytes(bytes, s->y[s->nr - 1] * 0x1p20));
}

/* ---- both ------------------------------------------------------------- */

int predict_plot(FILE *out, const struct predict_options *o,
                 const struct predict_source *s, char err[XPC_ERR_LEN])
{
    static struct series downtime[PREDICT_LIST_MAX + 3];
    static struct series left[PREDICT_LIST_MAX];
    struct chart charts[] = {
        { .title = "Least downtime over bandwidth", .x_name = "Mbit/s",
          .y_name = "ms", .log_x = true, .series = downtime, .band = true,
          .x_title = "bandwidth", .y_title = "least downtime",
          .x_unit = AXIS_RATE, .x_size = 125e3,
          .y_unit = AXIS_TIME, .y_size = 1e6 },
        { .title = "Dirty after each iteration, by bandwidth",
          .x_name = "iteration", .y_name = "MiB", .series = left,
          .x_title = "iteration", .y_title = "dirty after it",
          .x_unit = AXIS_COUNT, .x_size = 1,
          .y_unit = AXIS_BYTES, .y_size = 0x1p20 },
    };
    struct series *d = downtime;
    char text[XPC_UNIT_LEN];

    memset(downtime, 0, sizeof(downtime));
    memset(left, 0, sizeof(left));
    for (int side = -1; side <= 1; side += 2, d++) {
        d->mark = '.';
        strcpy(d->name, side < 0 ? "low" : "high");
        compute_downtimes(d, o, s, side);
    }
    for (size_t i = 0; i < o->nr_downtimes; i++) {
        if (!o->downtimes[i] || !downtime[0].nr)
            continue;
        d->mark = '-';
        snprintf(d->name, sizeof(d->name), "limit %s",
                 xpc_format_time(text, o->downtimes[i]));
        compute_level(d++, o->downtimes[i] / 1e6, downtime[0].x[0],
                      downtime[0].x[downtime[0].nr - 1]);
    }
    d->mark = '*';
    strcpy(d->name, "expected");
    compute_downtimes(d++, o, s, 0);
    charts[0].nr = d - downtime;
    for (size_t i = 0; i < o->nr_bandwidths; i++) {
        left[i].mark = i < 26 ? 'a' + i : '*';
        snprintf(left[i].name, sizeof(left[i].name), "%s",
                 xpc_format_bandwidth(text, o->bandwidths[i]));
        compute_rounds(&left[i], o, s, o->bandwidths[i]);
    }
    charts[1].nr = o->nr_bandwidths;
    find_downtime(&charts[0], d - 1, o);
    find_rest(&charts[1], o);
    if (o->plot_file)
        return plot_file(o->plot_file, charts, 2, err);
    draw_chart(out, &charts[0]);
    draw_chart(out, &charts[1]);
    return 0;
}
