/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The evacuation of a host: which target each guest goes to, in which order
 * they are migrated, how many at once, and when each of them will be there.
 *
 * All migrations leave over the link of this host, and arrive over that of
 * their target. A link that is full does not get faster by more migrations;
 * they only dirty more pages. So the next one is started
 * - while the links are not full, because a single migration can't fill them,
 * - or so early that its setup ends when one that runs is about to be
 *   suspended,
 * and only if those that run keep the bandwidth that they need. That is the
 * least bandwidth at which a guest is predicted to meet its limit. What a
 * migration gets beside those that were started before it is capped
 * accordingly. One that is about to be suspended keeps all that it has, because
 * its downtime was predicted with it.
 *
 * On a host with one processor, a setup delays a switchover by as much as it
 * takes. If a switchover has less than that to spare until its maximum, no
 * setup goes on meanwhile: it ends half a second before, or begins when the
 * guest has been started on the target, or taken back. Until then, what was
 * started later keeps its cap, too. Nothing waits longer than
 * XPC_SCHEDULE_HOLD_NS for a suspend that is near and does not come.
 *
 * The caller tells what happened (state, left_ns), and asks again. The forecast
 * uses the same rule. All functions are pure.
 *
 *   xpc_schedule_plan(&s);               sets target, need_bytes_per_s etc.
 *   xpc_schedule_forecast(&s, &f, 0);    sets start_ns and so on
 *   while ((i = xpc_schedule_next(&s, &wake_ns)) >= 0)
 *       ... start moves[i], state = XPC_MOVE_RUNS, turn
 *   xpc_schedule_caps(&s);               sets cap_bytes_per_s
 */
#ifndef XENPRECOPY_SCHEDULE_H
#define XENPRECOPY_SCHEDULE_H

#include <sys/types.h>

#include <xenprecopy/predict.h>

#define XPC_SCHEDULE_MOVES_MAX 4096
#define XPC_SCHEDULE_TARGETS_MAX 64
#define XPC_SCHEDULE_CONCURRENCY_MAX 32

/* How long the start of a migration is held back for a switchover. */
#define XPC_SCHEDULE_HOLD_NS UINT64_C(10000000000)

#define XPC_NO_TARGET (-1)

struct xpc_schedule_target {
    uint64_t free_bytes;            /* for guests that are not there yet;
                                     * UINT64_MAX: unknown */
    uint64_t link_bytes_per_s;      /* 0: not slower than the source's */
    double weight;                  /* relative share of the guests' memory;
                                     * 0: as 1 */
    bool out;                       /* nothing may be sent there any more */
};

/* A pair of guests, indices of moves. Otherwise they are to be apart. */
struct xpc_affinity {
    size_t a, b;
    bool together;
};

enum xpc_move_state {
    XPC_MOVE_WAITS,
    XPC_MOVE_RUNS,
    XPC_MOVE_MOVED,
    XPC_MOVE_LEFT,                  /* it stays here */
};

/* Why there is no target for a guest. */
enum xpc_unplaced {
    XPC_PLACED,
    XPC_UNPLACED_MEMORY,            /* none has enough free memory */
    XPC_UNPLACED_AFFINITY,          /* nor none that its affinity allows */
    XPC_UNPLACED_TARGETS,           /* no target is left */
};

/* One guest. */
struct xpc_move {
    /* Given. */
    const struct xpc_curve *curve;  /* not owned */
    struct xpc_predict_params params;   /* its bandwidth is not used */
    uint64_t memory_bytes;          /* that the target needs for it */
    int rank;                       /* lower ones are started first */
    bool must_be_sure;              /* it is not possible unless it is sure */
    uint64_t own_bytes_per_s;       /* its precopy must not send more; 0: no
                                     * limit. What it sends suspended is in
                                     * params */
    uint64_t not_on;                /* targets that it must not go to, as
                                     * bits */
    enum xpc_move_state state;
    uint64_t left_ns;               /* while it runs: until its suspend;
                                     * UINT64_MAX: it has not sent anything */
    uint64_t setup_left_ns;         /* then: until it does */
    uint64_t left_bytes;            /* until its suspend; 0: what left_ns is at
                                     * the best rate */
    uint64_t turn;                  /* while it runs: when it was started, as
                                     * a number that increases */
    bool sent;                      /* all of it: it is being started */
    uint64_t near_ns;               /* while it runs: for how long its suspend
                                     * has been near */
    /* Given unless it waits, or if it has to be this one; else placed. */
    int target;
    enum xpc_unplaced unplaced;

    /* Predicted. */
    bool possible;                  /* within its limit, if alone */
    bool sure;                      /* also if it writes as much as the
                                     * uncertainty of the curve allows */
    uint64_t need_bytes_per_s;      /* for that */
    uint64_t alone_ns;              /* if alone: total time, */
    uint64_t alone_bytes;           /* and bytes */
    uint64_t alone_downtime_ns;     /* the least downtime if not possible */
    uint64_t cap_bytes_per_s;       /* 0: none */

    /* Forecast, since now. */
    bool moved;
    uint64_t start_ns, end_ns, downtime_ns;
};

struct xpc_schedule {
    struct xpc_move *moves;
    size_t nr_moves;
    struct xpc_schedule_target *targets;
    size_t nr_targets;
    const struct xpc_affinity *affinities;
    size_t nr_affinities;
    uint64_t link_bytes_per_s;      /* of this host */
    uint64_t stream_bytes_per_s;    /* the highest rate of one migration; 0:
                                     * it can fill the link */
    unsigned int concurrency;       /* at most so many at once; 0:
                                     * XPC_SCHEDULE_CONCURRENCY_MAX */
    double pace;                    /* the times of the forecast are multiplied
                                     * by it; 0: as 1 */
    /*
     * For xpc_schedule_plan(): sets what of moves[i] depends on its target, of
     * which it may have none. NULL: nothing does.
     */
    void (*prepare)(void *opaque, size_t i);
    void *opaque;
};

/* Predicts each move that waits or runs. */
void xpc_schedule_predict(struct xpc_schedule *s);

/*
 * The move to start now, one that is possible, or -1. *wake_ns_r: when to ask
 * again at the latest, from now on, if none ends before; UINT64_MAX: when one
 * has ended.
 */
ssize_t xpc_schedule_next(struct xpc_schedule *s, uint64_t *wake_ns_r);
/*
 * Whether the suspend of one that runs is near: a setup that begins now would
 * not be over before.
 */
bool xpc_schedule_is_near(const struct xpc_move *m);
/* Sets the caps of those that run. */
void xpc_schedule_caps(struct xpc_schedule *s);

/*
 * How long a migration copies until it can be suspended, with pages of this
 * iteration left to send, since_clean_ns after it began, at this rate.
 */
uint64_t xpc_schedule_left(const struct xpc_move *m, double pages,
                           uint64_t since_clean_ns, double bytes_per_s);

#endif
