/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "common/xl_common.h"
#include "measure/xl_dirty_rate_print.h"

#define BAR 40

static const char *pages_text(char buf[XPC_UNIT_LEN], double pages)
{
    return xpc_format_bytes(buf, pages * XPC_PAGE_SIZE);
}

static void print_head(FILE *out, const struct xpc_measurement *m)
{
    char size[XPC_UNIT_LEN], zero[XPC_UNIT_LEN], name[XL_NAME_LEN];

    fprintf(out, "%s: %s of memory, %s of it zero; %s",
            xl_plain_name(name, m->name ? m->name : "guest"),
            pages_text(size, m->n_total), pages_text(zero, m->zero_pages),
            xpc_measure_mode_names[m->mode]);
    if (m->mode == XPC_MODE_PAGE_SAMPLING)
        fprintf(out, ", %"PRIu64" pages", m->n_sampled);
    fputc('\n', out);
}

static void print_periods(FILE *out, const struct xpc_measurement *m)
{
    bool exact = m->mode != XPC_MODE_PAGE_SAMPLING;

    fprintf(out, "%12s %14s %25s %10s\n", "within", "dirty pages",
            exact ? "" : "95% interval", "MiB/s");
    for (size_t i = 0; i < m->nr_periods; i++) {
        char interval[64] = "";

        if (!exact)
            snprintf(interval, sizeof(interval), "%.0f .. %.0f",
                     m->dirty_low[i], m->dirty_high[i]);
        fprintf(out, "%9.1f ms %14.0f %25s %10.1f\n", m->period_ns[i] / 1e6,
                m->dirty_pages[i], interval,
                xpc_dirty_rate_mib(m->dirty_pages[i], m->period_ns[i]));
    }
}

static void print_workset(FILE *out, const struct xpc_workset_result *w)
{
    char size[XPC_UNIT_LEN], growth[XPC_UNIT_LEN];

    if (!w->intervals)
        return;
    fprintf(out, "writable working set: %s after %"PRIu64" intervals, ",
            pages_text(size, w->union_pages), w->intervals);
    if (w->converged)
        fputs("converged", out);
    else
        fprintf(out, "still growing by %s/s",
                pages_text(growth, w->growth_pages_per_s));
    fprintf(out, "; successive ones overlap by %.0f%%\n", w->jaccard * 100);
}

static void print_phases(FILE *out, const struct xpc_measured_phases *p)
{
    const struct xpc_cycle *c = &p->cycle;
    char busy[XPC_UNIT_LEN], period[XPC_UNIT_LEN];

    if (p->version)
        fprintf(out, "regular phases: busy for %s of every %s; in a lull it "
                "writes %.0f%% as much\n", xpc_format_time(busy, c->busy_ns),
                xpc_format_time(period, c->period_ns), c->quiet * 100);
}

static void print_fit(FILE *out, const struct xpc_compress_fit *f)
{
    char interval[32];

    if (!f->pages) {
        fprintf(out, " %26s", "no pages");
        return;
    }
    snprintf(interval, sizeof(interval), "(%.0f..%.0f%%)", 100 * f->share_low,
             100 * f->share_high);
    fprintf(out, " %4.0f%% %10s %6.1f us", 100 * f->share, interval,
            f->page_ns / 1000);
}

static void print_compress(FILE *out, const struct xpc_measurement *m)
{
    char name[XPC_UNIT_LEN];

    if (!m->nr_compress)
        return;
    fprintf(out, "%12s %26s %26s\n", "compressed", "unchanged pages, each",
            "changed pages, each");
    for (size_t i = 0; i < m->nr_compress; i++) {
        const struct xpc_compress_result *r = &m->compress[i];
        const struct xpc_compress_method method = { r->compress, r->level };

        fprintf(out, "%12s", xpc_compress_text(name, &method));
        print_fit(out, &r->kept);
        print_fit(out, &r->changed);
        fputc('\n', out);
    }
}

static void print_warnings(FILE *out, const struct xpc_measurement *m)
{
    if (m->ballooned)
        fputs("beware: the guest's memory grew or shrank meanwhile\n", out);
    if (m->paused)
        fputs("beware: the guest was paused for a part of the time\n", out);
    if (m->late)
        fputs("beware: a period came over 10% late, this machine is busy\n",
              out);
}

static void print_cost(FILE *out, const struct xpc_measurement *m)
{
    const struct xpc_measure_cost *c = &m->cost;
    char cpu[XPC_UNIT_LEN], peek[XPC_UNIT_LEN];

    fprintf(out, "cost: %s of one CPU (%.2f%%)", xpc_format_time(cpu,
            c->cpu_ns), c->wall_ns ? 100.0 * c->cpu_ns / c->wall_ns : 0);
    if (c->peeks)
        fprintf(out, ", %"PRIu64" counts, the slowest %s", c->peeks,
                xpc_format_time(peek, c->peek_max_ns));
    fputc('\n', out);
}

void dirty_rate_print(FILE *out, const struct xpc_measurement *m)
{
    print_head(out, m);
    print_periods(out, m);
    print_workset(out, &m->workset);
    print_phases(out, &m->phases);
    print_compress(out, m);
    print_warnings(out, m);
    print_cost(out, m);
    if (m->status == XPC_MEASURE_CANCELLED)
        fputs("interrupted: the longer periods are missing\n", out);
}

void dirty_rate_progress(FILE *out, double progress, uint64_t calc_ns,
                         bool done)
{
    char bar[BAR + 1], time[XPC_UNIT_LEN];
    int n = progress * BAR;

    memset(bar, '.', BAR);
    memset(bar, '#', n < BAR ? n : BAR);
    bar[BAR] = 0;
    if (done)
        fputs("\r\033[K", out);
    else
        fprintf(out, "\r[%s] %3.0f%% of %s\033[K", bar, progress * 100,
                xpc_format_time(time, calc_ns));
    fflush(out);
}
