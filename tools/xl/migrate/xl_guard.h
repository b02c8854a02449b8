/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a child of xl migrate that finishes or undoes the migration if xl
 * is killed.
 */
#ifndef XL_MIGRATE_XL_GUARD_H
#define XL_MIGRATE_XL_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

#include "migrate/xl_transport.h"

/* What xl tells the guard: which side owns the guest, and what is left. */
enum guard_message {
    GUARD_UNTOUCHED = 'u',          /* runs here, nothing has been changed */
    GUARD_HERE = 'h',               /* the source owns it, whatever its name
                                     * and state */
    GUARD_ASKED = 'a',              /* the same, and the guest was asked to
                                     * suspend */
    GUARD_LATE = 'l',               /* the source owns it and it may still
                                     * suspend; the guard waits for that and
                                     * resumes it */
    GUARD_GO = 'g',                 /* unknown: "go" may have been sent */
    GUARD_REPORTED = 'r',           /* the same: of the target's answer, the
                                     * report was read, and not the status */
    GUARD_FAILED = 'f',             /* the target has failed: it has to permit
                                     * yet that the source resumes */
    GUARD_THERE = 't',              /* runs on the target */
    GUARD_DONE = 'd',               /* nothing is left to do */
};

struct guard {
    pid_t pid;                      /* 0: there is none */
    int fd;                         /* -1: closed */
    bool late;                      /* GUARD_LATE was sent */
};

#define GUARD_INIT { .fd = -1 }

/*
 * Forks the guard. In the parent it returns 1, or -1 with errno.
 *
 * In the guard it blocks, and returns 0 with the last message (enum
 * guard_message) in *message_r once the parent and its save helper have ended
 * without guard_end(), or at once after GUARD_LATE. The guard has the parent's
 * memory as it was at the fork and, of the transport t (NULL: none), the
 * receiving end. It never returns after guard_end(): it exits. The caller is
 * to exit when it has done the guard's work.
 */
int guard_start(struct guard *g, struct transport *t, int *message_r);

/*
 * Sends a message. Call it before the step that it announces, so that it holds
 * even if xl is killed right afterwards, and at once when something was read
 * that the guard then can't read. Returns 0, or -1 if there is no guard
 * (any more).
 */
int guard_tell(struct guard *g, enum guard_message message);

/*
 * Whether children started from now on keep the guard waiting until they have
 * ended, as the save helper must.
 */
void guard_set_inherit(struct guard *g, bool inherit);

/*
 * Sends GUARD_DONE and waits for the guard to exit; after GUARD_LATE it is
 * left running. Does nothing if there is no guard.
 */
void guard_end(struct guard *g);

#endif
