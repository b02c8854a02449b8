/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forward simulation of a migration from its current state. The live
 * policy, `xl migrate-predict` and the evaluation all use it.
 *
 * An iteration that sends n pages with data and z zero pages takes
 *   (n (page + header) + z zero_page) / bandwidth + iteration
 * and leaves D of that time dirty. If the guest is suspended with n pages
 * dirty, it is down for
 *   (n + suspend_pages) (page + header) / switchover bandwidth + bitmap
 *   + overhead
 * where bitmap is the time to read the last dirty bitmap and to test its bits.
 * An iteration in progress, with the log cleaned s ago, r to go and d pages
 * dirty now, leaves d + D(s+r) - D(s). With skip_dirty, an iteration does not
 * send the pages that are dirty again (xenprecopy/skip.h), and takes as long as
 * sending the others takes. xenprecopy/rule.h says when to stop.
 *
 * With compression, only a share of a page and its header is sent, and the time
 * is at least that of the processors that compress:
 *   pages page_ns / processors
 *
 * A guest that is given a share s of its CPU time does in t what it did in s t:
 * its D(t) is D(s t). This holds for a guest that writes as fast as its CPUs
 * allow. One that waits, for example for requests, is slowed down less, and not
 * at all as long as it uses less than the share. What devices write does not
 * depend on the share.
 *
 * For a guest with regular phases (xenprecopy/period.h), D is that of the busy
 * guest, and t is the busy time of the window. When copying no longer helps, it
 * goes on until the next lull, iteration after iteration like the last one, if
 * one begins within a period and within the duration.
 *
 * D(t) is that of xenprecopy/curve.h. All functions are pure.
 */
#ifndef XENPRECOPY_PREDICT_H
#define XENPRECOPY_PREDICT_H

#include <xenprecopy/compress.h>
#include <xenprecopy/curve.h>
#include <xenprecopy/period.h>
#include <xenprecopy/rule.h>
#include <xenprecopy/skip.h>

/* A simulation ends here, whatever the rule says. */
#define XPC_PREDICT_ITERATIONS_MAX 20000
#define XPC_PREDICT_TIME_MAX_NS (UINT64_C(366) * 86400 * 1000000000)

/* For bitmap_ns: xpc_predict_bitmap_ns() of each guest. */
#define XPC_BITMAP_BY_SIZE UINT64_MAX

/* What a prediction is based on besides the curve. */
struct xpc_predict_params {
    uint64_t bandwidth_bytes_per_s; /* 0: nothing is ever sent */
    uint64_t switchover_bytes_per_s;    /* of the stop-and-copy; 0: the
                                     * same */
    uint64_t page_bytes;            /* data of a page */
    uint64_t header_bytes;          /* sent for a page besides its data */
    uint64_t zero_page_bytes;       /* sent for a page of zeros, in total */
    uint64_t setup_ns;              /* before the first byte is sent */
    uint64_t iteration_ns;          /* of an iteration besides sending: reading
                                     * and cleaning the bitmap */
    uint64_t bitmap_ns;             /* to read and search the last bitmap; for
                                     * xpc_cells also XPC_BITMAP_BY_SIZE */
    uint64_t overhead_ns;           /* switchover overhead */
    uint64_t suspend_pages;         /* dirtied by suspending the guest */
    bool skip_dirty;                /* pages that are dirty again are not
                                     * sent */
    uint64_t peek_ns;               /* then: to read the bitmap (PEEK); 0:
                                     * xpc_skip_peek_ns() of the guest */
    double skip_scale;              /* and the scale of q(u), see struct
                                     * xpc_skip_curve */
    /*
     * Compression: of the pages of the first iteration, and of those that got
     * dirty. All 0: none.
     */
    struct xpc_compress_page first_page, later_page;
    double processors;              /* that compress at the same time */
    /*
     * Of the same curve and model, to keep what was evaluated between
     * simulations; NULL: nothing is kept.
     */
    struct xpc_curve_fit *fit;
    struct xpc_skip_curve *skip_curve;
    double cpu_share;               /* of its CPU time, that the guest gets
                                     * until it is suspended: over 0, up to
                                     * 1 */
    struct xpc_cycle cycle;         /* of the guest; 0: no regular phases */
    const struct xpc_phased *phased;    /* only for xpc_predict_any(); NULL: no
                                     * regular phases */
    struct xpc_rule rule;
    struct xpc_curve_model model;
    /*
     * The downtime is compared with the limits after adding a margin of
     * confidence_z standard deviations (0: none). Its parts are taken as
     * independent:
     *   z sqrt((data bandwidth_cv)^2 + overhead_sd^2 + (time to send
     *   suspend_pages_sd)^2)
     * where data is the time to send the pages.
     */
    double confidence_z;
    double bandwidth_cv;            /* standard deviation / mean */
    uint64_t overhead_sd_ns;
    double suspend_pages_sd;
};

/* Standard deviations for a one-sided confidence of 50 to 99 percent. */
double xpc_confidence_z(uint64_t percent);

/* Assumed standard deviation / mean of what is not known. */
#define XPC_UNKNOWN_CV 0.1
/* Lower bound of bandwidth_cv: no link is steadier. */
#define XPC_BANDWIDTH_CV_MIN 0.02
/* The gain of struct xpc_rule in the live policy. Tuned with make eval. */
#define XPC_LIVE_GAIN 0.9

/*
 * Makes p decide like the live policy with this confidence: sets the margin,
 * with XPC_UNKNOWN_CV for all variations, and the rule's gain.
 */
void xpc_predict_params_live(struct xpc_predict_params *p, uint64_t percent);

/*
 * The state of a migration.
 *   not started          everything still to send: xpc_predict_start()
 *   between iterations   pages 0, dirty_pages what the last one left; with
 *                        skip_dirty, since_clean_ns is its length
 *   in an iteration      pages still to send; dirty_pages are dirty since the
 *                        clean, which was since_clean_ns ago; with skip_dirty,
 *                        window_ns is the length of the iteration before, in
 *                        busy time
 */
struct xpc_predict_state {
    uint64_t elapsed_ns;
    uint64_t iterations;            /* finished */
    double pages, zero_pages;       /* of this iteration, still to send */
    double dirty_pages;             /* since the last clean */
    uint64_t since_clean_ns;
    uint64_t window_ns;             /* in which those to send got dirty */
    double best_dirty_pages;        /* these two: see struct xpc_rule_state */
    unsigned int stalled;
};

/* One iteration of a prediction. start_ns is since the migration's start. */
struct xpc_predict_round {
    uint64_t number;                /* from 1 */
    uint64_t start_ns, duration_ns;
    double pages;                   /* really sent, including zero pages */
    double dirty_pages;             /* at its end */
    uint64_t downtime_ns;           /* if suspended at its end */
};

/*
 * Receives the first max iterations, in the caller's array; nr is how many
 * were stored.
 */
struct xpc_predict_trace {
    struct xpc_predict_round *rounds;
    size_t max, nr;
};

/* How a migration ends. */
struct xpc_prediction {
    bool converges;                 /* action is XPC_STOP_AND_COPY */
    enum xpc_action action;         /* the rule's last decision, and why */
    enum xpc_reason reason;
    uint64_t total_time_ns;         /* including stop-and-copy; if aborted:
                                     * until the abort */
    uint64_t downtime_ns;           /* of stop-and-copy; if aborted: the
                                     * lowest that was possible */
    uint64_t iterations;            /* finished, before stop-and-copy */
    uint64_t bytes;                 /* sent since the initial state */
    double dirty_pages;             /* left when it ended */
    uint64_t least_downtime_ns;     /* at the best point to stop, ... */
    uint64_t least_at_ns;           /* ... its time since the start, ... */
    uint64_t least_iteration;       /* ... and the iteration before it */
};

/*
 * Defaults: Xen's page and header, 100 ms overhead, a header per zero page, all
 * of its CPU time for the guest, and a scale of 1.
 */
void xpc_predict_params_init(struct xpc_predict_params *p,
                             uint64_t bandwidth_bytes_per_s,
                             uint64_t downtime_ns);

/* The state of a migration that has not begun. */
void xpc_predict_start(struct xpc_predict_state *s,
                       const struct xpc_curve *c,
                       const struct xpc_predict_params *p);

/* The assumed time to read and search a dirty bitmap of this size. */
uint64_t xpc_predict_bitmap_ns(uint64_t pfns);

/*
 * How much of a measured time, from reading the bitmap to sending the first
 * page, is due to the bitmap: at most four times xpc_predict_bitmap_ns(). (On a
 * loaded machine 0.7 s for a TiB were seen; 0.2 s are assumed.) The rest, such
 * as mapping the first pages, does not grow with the guest and is overhead.
 */
uint64_t xpc_predict_bitmap_part(uint64_t measured_ns, uint64_t pfns);

/* The downtime if the guest is suspended with these pages to send. */
uint64_t xpc_predict_switchover(const struct xpc_predict_params *p,
                                double pages, double zero_pages);

/* The same plus the margin for the confidence. */
uint64_t xpc_predict_cautious(const struct xpc_predict_params *p,
                              double pages, double zero_pages);

/*
 * What is sent for a page with data of a kind, first_page or later_page, and
 * the highest rate at which the processors can make it; 0: no limit.
 */
double xpc_predict_page_bytes(const struct xpc_predict_params *p,
                              const struct xpc_compress_page *kind);
double xpc_predict_page_limit(const struct xpc_predict_params *p,
                              const struct xpc_compress_page *kind);

/* How long an iteration takes that sends this many pages with data. */
uint64_t xpc_predict_send_ns(const struct xpc_predict_params *p,
                             double pages);

/*
 * The least bandwidth with which the first iteration, of so many pages with
 * data, ends within the duration; 0: there is none.
 */
double xpc_predict_first_rate(const struct xpc_predict_params *p,
                              double pages);

/*
 * How long the next iteration takes from a state between iterations:
 * xpc_predict_send_ns(), unless pages that are dirty again are not sent.
 */
uint64_t xpc_predict_next_ns(const struct xpc_curve *c,
                             const struct xpc_predict_params *p,
                             const struct xpc_predict_state *s);

/*
 * Simulates with one curve of the band, side as in xpc_curve_pages(). trace may
 * be NULL.
 */
void xpc_predict_run(struct xpc_prediction *r, const struct xpc_curve *c,
                     const struct xpc_predict_params *p,
                     const struct xpc_predict_state *s, double side,
                     struct xpc_predict_trace *trace);

/*
 * The lowest downtime, including the margin, that copying can reach from state
 * s, whatever the limit: it continues while it helps, without waiting for a
 * lull, and while the duration and the iterations last. The current downtime
 * counts too. side as above.
 */
uint64_t xpc_predict_least(const struct xpc_curve *c,
                           const struct xpc_predict_params *p,
                           const struct xpc_predict_state *s, double side);

/* Is the lowest downtime at or under this one? Ends when it is known. */
bool xpc_predict_reaches(const struct xpc_curve *c,
                         const struct xpc_predict_params *p,
                         const struct xpc_predict_state *s, double side,
                         uint64_t downtime_ns);

/*
 * xpc_predict_least() if a guest with regular phases is waited for: within a
 * period from now. *at_ns_r, which may be NULL, is when, since the start.
 */
uint64_t xpc_predict_lull(const struct xpc_curve *c,
                          const struct xpc_predict_params *p,
                          const struct xpc_predict_state *s, double side,
                          uint64_t *at_ns_r);

#endif
