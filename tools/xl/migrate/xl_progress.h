/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl migrate shows while the guest is being copied. */
#ifndef XL_MIGRATE_XL_PROGRESS_H
#define XL_MIGRATE_XL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "migrate/xl_migrate_options.h"

/* Times are ns of CLOCK_MONOTONIC. */
struct progress {
    int mode;                       /* enum progress_mode, never AUTO */
    bool redraw;                    /* one line, redrawn with \r */
    bool open;                      /* such a line has not been ended yet */
    struct xpc_params params;
    uint64_t begun_ns;
    uint64_t shown;                 /* number of the last iteration shown */
    uint64_t iteration;             /* being sent */
    uint64_t done, total;           /* frames of it, counted by libxenguest */
    uint64_t total_bytes;           /* size of the whole domain when sent */
    uint64_t last_ns;               /* when something was last shown */
    /* Set by the caller: */
    bool suspended;                 /* stop-and-copy */
    uint64_t asked_ns;              /* the guest was asked to suspend, */
    uint64_t acknowledged_ns;       /* and has acknowledged it; 0: not yet */
};

void progress_init(struct progress *p, const struct migrate_options *o);
/* Takes libxl's progress: frames sent, of how many, of an iteration from 1. */
void progress_set_frames(struct progress *p, uint64_t iteration,
                         uint64_t done, uint64_t total);
void progress_show_iteration(struct progress *p,
                             const struct xpc_iteration *it);
/* Takes the parameters in force, and shows how they differ from the last. */
void progress_set_params(struct progress *p, const struct xpc_params *params);
/* Whether it is time for a line about an iteration that takes long. */
bool progress_due(const struct progress *p);
/*
 * Shows such a line if it is due. transport: the child of this process that is
 * not the save helper.
 */
void progress_tick(struct progress *p, pid_t transport);
/* The same while waiting for a guest that is late to suspend. */
void progress_show_wait(struct progress *p, uint64_t waited_ns,
                        uint64_t left_ns);
/* The same while waiting for an hour, until_s since 1970. */
void progress_show_until(struct progress *p, const char *domain,
                         uint64_t until_s, uint64_t left_s);
/* Ends a redrawn line. Call it before writing anything else to stderr. */
void progress_break(struct progress *p);

#endif
