/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages that are dirty again are not sent: while an iteration sends its pages,
 * those that the guest has written to since the bitmap was cleaned are left
 * out, because the next iteration, or the stop-and-copy, sends them anyway.
 *
 * Which pages got dirty again is read from Xen's bitmap without cleaning it
 * (PEEK). Xen pauses the guest while it copies the bitmap.
 *
 * How many pages are left out follows from D(t). The pages of an iteration got
 * dirty within a time T before the clean. If every page is written at times of
 * its own, page i at rate l(i), then D(t) = sum(1 - exp(-l(i) t)), and
 *   sum((1 - exp(-l(i) T)) (1 - exp(-l(i) u))) = D(T) + D(u) - D(T + u)
 * of them are dirty again u after the clean, which is the number of pages that
 * two adjacent windows have in common. So a page whose turn comes at u is left
 * out with the chance
 *   q(u) = (D(T) + D(u) - D(T + u)) / D(T)
 * and in the first iteration, which sends all pages, with
 *   q(u) = D(u) / pages
 * A guest that writes to new pages only has a straight D, and q is 0.
 *
 * This assumes that the pages are not sorted by how often they are written. If
 * those that are written most often come first, fewer are left out, and q(u) is
 * multiplied by a scale, which is learned in a migration.
 *
 * No function has side effects.
 */
#ifndef XENPRECOPY_SKIP_H
#define XENPRECOPY_SKIP_H

#include <stdbool.h>
#include <stdint.h>

#include <xenprecopy/curve.h>
#include <xenprecopy/period.h>

/* libxenguest sends pages in records of at most this many. */
#define XPC_BATCH_PAGES 1024

/* Reading the bitmap may take this share of the time, and never more. */
#define XPC_PEEK_SHARE 0.005
/* What it is assumed to take before it was measured: 11 ms for a TiB. */
#define XPC_PEEK_FIXED_NS 50000
#define XPC_PEEK_PFN_PS 40

uint64_t xpc_skip_peek_ns(uint64_t pfns);

/*
 * The time from one PEEK to the next, in ns. A PEEK takes peek_ns, and the
 * share of the pages to send that is dirty again grows by rate per ns. What a
 * bitmap of age a misses is sent in vain: on average rate a / 2 of the time.
 * Together with the cost of the PEEK, this is least at
 *   sqrt(2 peek_ns / rate)
 * limited to XPC_PEEK_SHARE. If rate is 0, it is never worthwhile: INFINITY.
 */
double xpc_skip_period_ns(double peek_ns, double rate);

/* The pages of an iteration. */
struct xpc_skip_window {
    bool first;                 /* all pages of the guest, else ... */
    double ns;                  /* ... those of a window of this length, T; 0:
                                 * unknown, none is left out */
};

/*
 * The expected curve, which is evaluated once at each of its nodes, eight per
 * octave, and is straight between them. It refers to the fit. The guest gets
 * cpu_share of its CPU time (xenprecopy/predict.h), at first all of it; scale
 * is that of q(u), at first 1. The nodes do not depend on them.
 */
#define XPC_SKIP_NODES (62 * 8 + 1)
struct xpc_skip_curve {
    struct xpc_curve_fit *fit;
    double cpu_share;
    double scale;
    /*
     * If not NULL, the guest has regular phases: windows, except those of
     * struct xpc_skip_window, are converted to its busy time, and the bitmap
     * was cleaned at clean_ns.
     */
    const struct xpc_cycle *cycle;
    double clean_ns;
    double pages[XPC_SKIP_NODES];   /* < 0: not yet evaluated */
};

void xpc_skip_curve_init(struct xpc_skip_curve *s, struct xpc_curve_fit *fit);

/* q(u). */
double xpc_skip_chance(struct xpc_skip_curve *s,
                       const struct xpc_skip_window *w, double u_ns);

/*
 * How long an iteration takes to send its pages if those that are dirty again
 * are left out. The first one's turn comes at start_ns after the clean, and
 * all would take plain_ns. The result is the U of
 *   U = (1 + peeks) integral of (1 - q(age(u))) over the pages
 * where age(u) is the time of the bitmap that is known at u: before the batch,
 * and at most xpc_skip_period_ns() old. The share of the pages that is sent is
 * stored in *sent_r.
 */
double xpc_skip_sending_ns(struct xpc_skip_curve *s,
                           const struct xpc_skip_window *w, double pages,
                           double start_ns, double plain_ns, double peek_ns,
                           double *sent_r);

/* ---- when to read the bitmap, in a migration ------------------------- */

struct xpc_skip {
    /*
     * What the last one took, or is assumed; at least XPC_PEEK_FIXED_NS, and at
     * most twice as long as before: one that was interrupted is no measure.
     */
    uint64_t peek_ns;
    bool begun;                 /* there was a clean, ... */
    uint64_t start_ns;          /* ... the first one at that time */
    uint64_t clean_ns, last_ns; /* time of the clean; of the last PEEK or the
                                 * clean */
    uint64_t pages, dropped;    /* looked up since the last PEEK */
    uint64_t peeks, total_ns;   /* in this migration */
};

void xpc_skip_init(struct xpc_skip *s, uint64_t pfns);
/* An iteration begins: the bitmap was cleaned. */
void xpc_skip_clean(struct xpc_skip *s, uint64_t now_ns);
/*
 * Is a PEEK worthwhile before the next batch, and did all of them so far take
 * no more than XPC_PEEK_SHARE of the time?
 */
bool xpc_skip_due(const struct xpc_skip *s, uint64_t now_ns);
/* A PEEK was done, which began at now_ns. */
void xpc_skip_peeked(struct xpc_skip *s, uint64_t now_ns, uint64_t took_ns);
/* Of so many pages of a batch, some were left out. */
void xpc_skip_add(struct xpc_skip *s, uint64_t pages, uint64_t dropped);

#endif
