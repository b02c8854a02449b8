/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forward simulation: from where a migration stands, what will happen?
 * The live policy, `xl migrate-predict` and the evaluation all ask here.
 *
 * An iteration that sends n pages with data and z zero pages takes
 *   (n (page + header) + z zero_page) / bandwidth + iteration
 * and leaves D of that time dirty. Suspended with n pages dirty the guest is
 * down for
 *   (n + suspend_pages) (page + header) / switchover bandwidth + bitmap
 *   + overhead
 * where bitmap is the time to read the last dirty bitmap and to test its bits.
 * An iteration that is under way, clean since s, with r to go and d dirty by
 * now, leaves d + D(s+r) - D(s). When to stop is xenprecopy/rule.h's business.
 */
#ifndef XENPRECOPY_PREDICT_H
#define XENPRECOPY_PREDICT_H

#include <xenprecopy/curve.h>
#include <xenprecopy/rule.h>

/* A simulation gives up here whatever the rule says. */
#define XPC_PREDICT_ITERATIONS_MAX 20000
#define XPC_PREDICT_TIME_MAX_NS (UINT64_C(366) * 86400 * 1000000000)

/* As xpc_predict_bitmap_ns() has it, of each guest. */
#define XPC_BITMAP_BY_SIZE UINT64_MAX

/* All that a prediction rests on besides the curve. Nothing is owned. */
struct xpc_predict_params {
    uint64_t bandwidth_bytes_per_s; /* 0: nothing ever arrives */
    uint64_t switchover_bytes_per_s;    /* of the stop-and-copy; 0: the
                                     * same */
    uint64_t page_bytes;            /* a page's data */
    uint64_t header_bytes;          /* what a page costs besides */
    uint64_t zero_page_bytes;       /* an all-zero page, in all */
    uint64_t setup_ns;              /* before the first byte is sent */
    uint64_t iteration_ns;          /* each iteration besides sending: the
                                     * bitmap is read and cleaned */
    uint64_t bitmap_ns;             /* the last bitmap, read and searched;
                                     * for xpc_cells also ..._BY_SIZE */
    uint64_t overhead_ns;           /* switchover overhead */
    uint64_t suspend_pages;         /* dirtied by suspending itself */
    struct xpc_rule rule;
    struct xpc_curve_model model;
    /*
     * What is held against the limits is the downtime plus a margin for a
     * confidence: confidence_z standard deviations (0: none) of what the
     * downtime is made of, each varying independently:
     *   z sqrt((data bandwidth_cv)^2 + overhead_sd^2 + (suspend pages' sd,
     *   sent)^2)
     */
    double confidence_z;
    double bandwidth_cv;            /* standard deviation over mean */
    uint64_t overhead_sd_ns;
    double suspend_pages_sd;
};

/* Standard deviations to a one-sided confidence of 50 to 99 percent. */
double xpc_confidence_z(uint64_t percent);

/* What is not known varies by so much. */
#define XPC_UNKNOWN_CV 0.1
/* No link is steadier than this. */
#define XPC_BANDWIDTH_CV_MIN 0.02
/* The live policy's gain, see struct xpc_rule. Tuned by make eval. */
#define XPC_LIVE_GAIN 0.9

/*
 * As the live policy decides with such a confidence: the margin, with unknown
 * variations, and the further rounds that the rule takes.
 */
void xpc_predict_params_live(struct xpc_predict_params *p, uint64_t percent);

/*
 * Where a migration stands.
 *   before it starts   everything to send: xpc_predict_start()
 *   an iteration done  pages 0, dirty_pages what it left
 *   an iteration on    pages still to send, clean since since_clean_ns,
 *                      dirty_pages since then
 */
struct xpc_predict_state {
    uint64_t elapsed_ns;
    uint64_t iterations;            /* finished */
    double pages, zero_pages;       /* of this iteration, still to send */
    double dirty_pages;             /* since the last clean */
    uint64_t since_clean_ns;
    double best_dirty_pages;        /* for the rule, see xpc_rule_state */
    unsigned int stalled;
};

/* One iteration of a prediction. Times are since the migration's start. */
struct xpc_predict_round {
    uint64_t number;                /* from 1 */
    uint64_t start_ns, duration_ns;
    double pages;                   /* sent, zero pages with them */
    double dirty_pages;             /* at its end */
    uint64_t downtime_ns;           /* if suspended at its end */
};

/* Where the caller wants the iterations: the first max ones are stored. */
struct xpc_predict_trace {
    struct xpc_predict_round *rounds;
    size_t max, nr;
};

/* How it ends. */
struct xpc_prediction {
    bool converges;                 /* action is XPC_STOP_AND_COPY */
    enum xpc_action action;         /* the rule's last decision, and why */
    enum xpc_reason reason;
    uint64_t total_time_ns;         /* stop-and-copy included; when aborted:
                                     * until then */
    uint64_t downtime_ns;           /* of the stop-and-copy; when aborted:
                                     * the least there was */
    uint64_t iterations;            /* finished, before stop-and-copy */
    uint64_t bytes;                 /* sent from here on */
    double dirty_pages;             /* left when it ended */
    uint64_t least_downtime_ns;     /* the best point to have stopped at... */
    uint64_t least_at_ns;           /* ... when ... */
    uint64_t least_iteration;       /* ... and after which iteration */
};

/*
 * The same for the curve's band. marginal: the measurement's uncertainty
 * could flip the verdict. The interval is ordered: low is the curve's low
 * side for a verdict that low and expected share, else the expected.
 */
struct xpc_forecast {
    struct xpc_prediction expected, low, high;
    bool marginal;
};

/* Xen's page and header, 100 ms of overhead, zero pages for a header. */
void xpc_predict_params_init(struct xpc_predict_params *p,
                             uint64_t bandwidth_bytes_per_s,
                             uint64_t downtime_ns);

/* A migration that has not begun. */
void xpc_predict_start(struct xpc_predict_state *s,
                       const struct xpc_curve *c,
                       const struct xpc_predict_params *p);

/* What a dirty bitmap of so many pfns is assumed to take. */
uint64_t xpc_predict_bitmap_ns(uint64_t pfns);

/*
 * How much of what was measured, from reading the bitmap to the first page, is
 * the bitmap's: at most four times what is assumed (0.7 s for a TiB were seen
 * on a loaded machine, where 0.2 s are assumed). The rest, such as mapping the
 * first pages, does not grow with the guest: it is overhead.
 */
uint64_t xpc_predict_bitmap_part(uint64_t measured_ns, uint64_t pfns);

/* The downtime if the guest were suspended with so many pages to send. */
uint64_t xpc_predict_switchover(const struct xpc_predict_params *p,
                                double pages, double zero_pages);

/* The same with the margin: not passed with the confidence. */
uint64_t xpc_predict_cautious(const struct xpc_predict_params *p,
                              double pages, double zero_pages);

/* How long an iteration takes that sends so many pages with data. */
uint64_t xpc_predict_send_ns(const struct xpc_predict_params *p,
                             double pages);

/*
 * Simulates on one curve of the band (side as in xpc_curve_pages()). trace
 * may be NULL.
 */
void xpc_predict_run(struct xpc_prediction *r, const struct xpc_curve *c,
                     const struct xpc_predict_params *p,
                     const struct xpc_predict_state *s, double side,
                     struct xpc_predict_trace *trace);

/*
 * The least downtime, with the margin, that copying on from there reaches: as
 * long as it helps and the duration and the iterations last, whatever limit
 * there is. What is there already counts, too. side as above.
 */
uint64_t xpc_predict_least(const struct xpc_curve *c,
                           const struct xpc_predict_params *p,
                           const struct xpc_predict_state *s, double side);

/* Simulates on the low, the expected and the high curve. */
void xpc_predict_band(struct xpc_forecast *f, const struct xpc_curve *c,
                      const struct xpc_predict_params *p,
                      const struct xpc_predict_state *s);

#endif
