/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cost of the live policy: a decision, and the plug-in's memory for a guest
 * of 1 TiB. It is the plug-in's code, with a Xen for which every page is dirty.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "bench.h"
#include "save/session.h"
#include "support/fake_xenctrl.h"

#define TIB_PAGES (UINT64_C(1) << 28)
#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define DECISIONS 2000
#define POINTS 32
#define DAY (86400 * XPC_S)

/* ---- the Xen ---------------------------------------------------------- */

long long xc_logdirty_control(xc_interface *xch, uint32_t domid,
                              unsigned int sop, xc_hypercall_buffer_t *bitmap,
                              unsigned long pages, unsigned int mode,
                              xc_shadow_op_stats_t *stats)
{
    (void)xch;
    (void)domid;
    (void)sop;
    (void)bitmap;
    (void)pages;
    (void)mode;
    stats->dirty_count = TIB_PAGES;
    return 0;
}

/* ---- a decision ------------------------------------------------------- */

/* The longest iteration that yields a curve of POINTS points. */
static uint64_t longest_ns(void)
{
    uint64_t ns = 5 * XPC_MS;

    for (int i = 2; i < POINTS; i++)
        ns *= 1.41421356;
    return ns * 1.2;
}

/* One iteration, with as many samples as there can be. */
static int decide(struct xpc_engine *e, uint64_t *now, uint64_t ns,
                  double dirty)
{
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    struct xpc_iteration it;
    struct xpc_observation o = {
        .dirty_pages = dirty, .pages_sent = dirty,
        .bytes_sent = dirty * PAGE_BYTES, .samples = samples,
        .nr_samples = XPC_SAMPLES_MAX, .since_clean_ns = ns,
        .working_set = { TIB_PAGES / 4, 70, 5 },
    };

    for (int i = 0; i < XPC_SAMPLES_MAX; i++) {
        samples[i].t_ns = ns / 40 * (i + 1);
        samples[i].pages = dirty / 40 * (i + 1);
    }
    *now += ns;
    o.now_ns = *now;
    return xpc_engine_decide(e, &o, &it);
}

/*
 * CPU time in us. It depends on whether the limit can be met. Without a
 * duration, a lull of the guest is simulated too.
 */
static double decision_us(uint64_t limit_ns, uint64_t duration_ns,
                          enum xpc_skip_dirty skip_dirty,
                          unsigned int slow_down_percent)
{
    uint64_t now = 0, took = 0, ns = longest_ns(), start;
    struct xpc_params p;
    struct xpc_engine e;
    struct xpc_curve c;

    xpc_params_init(&p);
    p.downtime_ns = limit_ns;
    p.duration_ns = duration_ns;
    p.skip_dirty = skip_dirty;
    p.slow_down_percent = slow_down_percent;
    xpc_engine_init(&e, &p, TIB_PAGES, 0);
    for (int i = 0; i < XPC_LEARN_ITERATIONS; i++)
        decide(&e, &now, ns - i, 20000000 + 10000 * i);
    if (xpc_learn_curve(&e.learn, TIB_PAGES, 0, &c) || c.nr != POINTS)
        abort();
    for (int i = 0; i < DECISIONS; i++) {
        struct xpc_engine again = e;
        uint64_t at = now;

        start = cpu_ns();
        decide(&again, &at, ns, 20000000 + i);
        took += cpu_ns() - start;
    }
    return took / 1e3 / DECISIONS;
}

/* ---- memory ----------------------------------------------------------- */

/* The private memory that this process has written to, in KiB. */
static double private_kib(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    double kib = -1;

    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "Private_Dirty: %lf", &kib);
    if (!f || fclose(f) || kib < 0)
        abort();
    return kib;
}

/*
 * The memory of the plug-in: save_session with the engine and the state of the
 * stream, the sampler with the stack of its thread, and the sketch. The bitmap
 * is libxenguest's, and not included.
 */
static double memory_kib(void)
{
    static struct save_session s;
    xc_hypercall_buffer_t bitmap = { .hbuf = malloc(TIB_PAGES / 8) };
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    double before, kib;
    uint64_t now = 0;

    if (!bitmap.hbuf)
        abort();
    memset(bitmap.hbuf, 0xff, TIB_PAGES / 8);
    xpc_params_init(&s.ctx.params);
    before = private_kib();
    s.sampler = save_sampler_start(0);
    save_workset_start(&s.workset, NULL, 0);
    save_stream_init(&s.flow.stream);
    xpc_engine_init(&s.ctx.engine, &s.ctx.params, TIB_PAGES, 0);
    if (!s.sampler || !s.workset.nr_pfns)
        abort();
    for (int i = 0; i < 10; i++) {
        save_sampler_clean_begins(s.sampler);
        save_sampler_cleaned(s.sampler);
        save_workset_read(&s.workset, &bitmap, TIB_PAGES);
        usleep(30000);
        save_sampler_take(s.sampler, samples);
        decide(&s.ctx.engine, &now, XPC_S, 20000000);
    }
    kib = private_kib() - before;
    save_sampler_stop(s.sampler);
    xpc_workset_dispose(&s.workset);
    free(bitmap.hbuf);
    return kib;
}

int main(void)
{
    double within = decision_us(3600 * XPC_S, DAY, XPC_SKIP_DIRTY_OFF, 0);
    double above = decision_us(XPC_S, DAY, XPC_SKIP_DIRTY_OFF, 0);
    double skipping = decision_us(XPC_S, DAY, XPC_SKIP_DIRTY_ON, 0);
    double hoping = decision_us(XPC_S, 0, XPC_SKIP_DIRTY_ON, 0);
    double slowing = decision_us(XPC_S, DAY, XPC_SKIP_DIRTY_ON, 40);
    double hurried = decision_us(XPC_S, 6000 * XPC_S, XPC_SKIP_DIRTY_ON, 40);

    fake_gpfns = TIB_PAGES;
    figure("policy: a decision at 32 points, above the limit", above, "us",
           50);
    figure("policy: the same, dirty pages left out", skipping, "us", 50);
    figure("policy: and without a duration", hoping, "us", 50);
    figure("policy: with a guest that may be slowed down", slowing, "us",
           50);
    figure("policy: the same when there is little time left", hurried, "us",
           50);
    figure("policy: a decision at 32 points, within the limit", within, "us",
           50);
    figure("policy: the plug-in's memory for 1 TiB (1024 is allowed)",
           memory_kib(), "KiB", 1024);
    figures_end();
    return 0;
}
