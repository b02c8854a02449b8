/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slows the guest down as the policy decides (core/slow.h), with the
 * scheduler's cap (xen/cap.h). A share of its CPU time is that share of what it
 * used before, so that it has an effect on a guest with idle vCPUs too; if that
 * is unknown, of all of its vCPUs, or of the cap that an administrator has set.
 *
 * The cap is lifted before the guest is asked to suspend, and when the save
 * ends. If the helper is killed, whoever cleans up after it gives it back:
 * xl, its guard, the save guard, or else the next migration. For the main
 * thread.
 */
#ifndef SAVE_SLOW_H
#define SAVE_SLOW_H

#include "save/context.h"
#include "xen/cap.h"

struct save_slow {
    struct save_context *ctx;
    struct xen_cap cap;
    char why_not[XPC_ERR_LEN];  /* why there is no cap; "": there is one */
    unsigned int all;           /* of one CPU, that the guest may use */
    unsigned int percent;       /* of it, that it gets */
    uint64_t since_ns, cpu_ns;  /* when the iteration began; the CPU time that
                                 * the guest had used then; 0: unknown */
    double use;                 /* CPU time in a ns, when not slowed down */
    double free_cpu_ns, free_ns;    /* all of that CPU time, and the time */
    bool noted;                 /* the leaf "cap" may be there */
};

/*
 * Gives back what a killed save has taken, and reads the guest's cap. Before
 * log-dirty is on, and with xenstore open.
 */
void save_slow_start(struct save_slow *w);

/* Returns 0 if these parameters are possible, or -1 with one line in err. */
int save_slow_check(const struct save_slow *w, const struct xpc_params *p,
                    char *err, size_t len);

/*
 * An iteration has ended: counts what was taken from the guest in it. Returns
 * the share that it got, in percent.
 */
unsigned int save_slow_iteration(struct save_slow *w);

/*
 * Gives the guest the share of a decision, which is changed if that is
 * impossible.
 */
void save_slow_apply(struct save_slow *w, struct xpc_decision *d);

/* Gives it back all of its time. Does not use xenstore. */
void save_slow_lift(struct save_slow *w);

/* The same, and nothing remains in xenstore. */
void save_slow_end(struct save_slow *w);

#endif
