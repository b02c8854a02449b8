/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A model of several migrations at once: each sends at its fair share (max-min)
 * of the source's link, its target's link and its own cap. Times are in seconds
 * since the start, rates in bytes per second.
 *
 * A flow is set up, copies in iterations until `decide` says stop, sends the
 * last pages while its guest is suspended, and is started on the target. What
 * the guests do, and what is started when, is the caller's.
 */
#ifndef CORE_FLUID_H
#define CORE_FLUID_H

#include <stdbool.h>
#include <stddef.h>

#include <xenprecopy/rule.h>

#include <xenprecopy/predict.h>

enum fluid_phase {
    FLUID_IDLE,
    FLUID_SETUP,
    FLUID_COPIES,
    FLUID_SUSPENDED,                /* the last pages are sent */
    FLUID_STARTS,                   /* on the target */
    FLUID_ENDED,
};

struct fluid_flow {
    enum fluid_phase phase;
    size_t target;
    double cap;                     /* of precopy; 0: none */
    double limit;                   /* its own, of these pages; 0: none */
    double rate, left;              /* now; bytes of this phase */
    double until;                   /* the phase ends at the earliest */
    double start, began, clean;     /* of all, of the phase; last clean */
    double window;                  /* from the clean before to that one */
    double share, share_rate;       /* of the pages left, that is sent; at
                                     * this rate. 0: not yet known */
    double bytes;                   /* of this phase */
    double sent;                    /* in all */
    double after;                   /* how long the target takes to start it */
    double held;                    /* since when it waits for its turn; 0: it
                                     * does not */
    bool hurries;                   /* its duration is nearly over */
    struct xpc_rule_state rule;
    double predicted, suspended, end;   /* predicted: the downtime */
    bool moved;                     /* when ended; else aborted */
};

struct fluid;

struct fluid_ops {
    /* The link's share of its rate now, until *until_r. NULL: always 1. */
    double (*share)(struct fluid *f, double *until_r);
    /* Starts flows with fluid_start(). Returns when to ask again. */
    double (*dispatch)(struct fluid *f);
    /*
     * The time of the setup, and the bytes of the first iteration. May set the
     * flow's limit.
     */
    double (*setup)(struct fluid *f, size_t i, double *bytes_r);
    /* Pages dirtied since the clean. */
    double (*dirty)(struct fluid *f, size_t i);
    /* The bytes of dirty pages. May set the flow's limit. */
    double (*bytes)(struct fluid *f, size_t i, double pages);
    /*
     * The share of the pages that this iteration has left, of so many bytes,
     * that is sent at this rate: the others will be dirty again. NULL: all.
     */
    double (*sent)(struct fluid *f, size_t i, double bytes, double rate);
    /* At the end of an iteration. Sets predicted if it stops. */
    enum xpc_action (*decide)(struct fluid *f, size_t i, double dirty,
                              double rate);
    /*
     * The switchover besides these dirty pages: bytes to send, and the time
     * before the last of them has left and afterwards.
     */
    void (*switchover)(struct fluid *f, size_t i, double *bytes_r,
                       double *before_r, double *after_r);
    /* NULL: nothing is to be done. */
    void (*ended)(struct fluid *f, size_t i);
};

struct fluid {
    const struct fluid_ops *ops;
    void *opaque;
    struct fluid_flow *flows;
    size_t nr;
    size_t *active;                 /* room for nr */
    size_t nr_active;
    const double *links;            /* of the targets */
    size_t nr_links;
    double link, stream;            /* stream 0: no limit */
    bool exclusive;                 /* one switchover at a time, until the
                                     * target has started the guest */
    double now;
    unsigned int most;              /* active at once */
};

void fluid_start(struct fluid *f, size_t i, size_t target);
/* Ends an active flow without success. */
void fluid_break(struct fluid *f, size_t i);
/* Runs until nothing is active and dispatch starts nothing more. */
void fluid_run(struct fluid *f);

/*
 * For `sent`: what follows from D(t), if p->skip_dirty says so
 * (xenprecopy/skip.h).
 */
double fluid_sent(const struct fluid_flow *w, double now,
                  const struct xpc_curve *c,
                  const struct xpc_predict_params *p, double bytes,
                  double rate);

/* The rule of a live migration, with the measured rate, for `decide`. */
enum xpc_action fluid_decide(struct fluid_flow *w, double now,
                             const struct xpc_predict_params *p, double dirty,
                             double rate);

#endif
