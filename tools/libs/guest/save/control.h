/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The running save under control: a cancel and other parameters, through
 * xenstore (xen/store.h). For the main thread, whose xenstore handle it uses.
 */
#ifndef SAVE_CONTROL_H
#define SAVE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "save/context.h"

struct save_control {
    struct save_context *ctx;
    const struct save_slow *slow;
    char *asked;                /* the leaf "current" as last read */
    uint64_t looked_ns;         /* when a cancel was last looked for */
    bool cancelled;             /* there was one: the save must end */
    bool refused;               /* the leaf "refused" is there */
    /*
     * The cap of other parameters that the next decision will adopt: an
     * iteration can take minutes, in which others may need the link.
     */
    bool has_cap;
    uint64_t max_bytes_per_s;   /* 0: none */
};

/* Writes to xenstore that a migration is under way, or that it has ended. */
void save_control_begin(struct save_control *c);
void save_control_end(struct save_control *c);
/* After the report's start has changed. */
void save_control_restart(struct save_control *c);

/*
 * At the end of an iteration: adopts other parameters, and returns whether the
 * save has been cancelled.
 */
bool save_control_read(struct save_control *c);

/*
 * Has the save been cancelled? Reads xenstore at most every 250 ms, so that
 * every write can ask. A cap that has changed is looked for at the same time.
 */
bool save_control_cancelled(struct save_control *c, uint64_t now_ns);

/* The cap of precopy that is in force now; 0: none. */
uint64_t save_control_cap(const struct save_control *c);

/* Has the save been cancelled? Reads xenstore in any case. */
bool save_control_check_cancel(struct save_control *c);

#endif
