/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asked before each write: may anything be sent, and how fast?
 */
#ifndef SAVE_STREAM_GATE_H
#define SAVE_STREAM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "save/context.h"
#include "save/control.h"
#include "save/switchover.h"

struct save_gate {
    struct save_context *ctx;
    struct save_control *control;
    struct save_switchover *switchover;
    uint64_t deadline_ns;       /* no write begins after it; 0: none */
    bool out_of_time;           /* a write was refused for that reason */
};

/*
 * No: the duration of precopy is over, the user has cancelled, or the
 * switchover would exceed the maximum downtime. errno is ECANCELED then. pages:
 * is page data to be written?
 */
bool save_gate_may_write(struct save_gate *g, bool pages);

/* The rate limit in force, in bytes per second; 0: none. */
uint64_t save_gate_rate(const struct save_gate *g);

/* Sets the deadline from the parameters, which may have changed. */
void save_gate_update(struct save_gate *g);

#endif
