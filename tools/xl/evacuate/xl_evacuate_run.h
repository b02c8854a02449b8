/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out an evacuation. */
#ifndef XL_EVACUATE_XL_EVACUATE_RUN_H
#define XL_EVACUATE_XL_EVACUATE_RUN_H

#include <xenprecopy/schedule_pace.h>

#include "evacuate/xl_evacuate_guests.h"
#include "evacuate/xl_evacuate_journal.h"
#include "evacuate/xl_evacuate_meter.h"
#include "evacuate/xl_evacuate_show.h"

struct evacuate_run {
    struct evacuation *e;
    struct journal *j;
    struct evacuate_show *show;
    struct evacuate_forecast plan;
    int interrupt_fd;
    unsigned int interrupts;
    uint64_t begun_ns;              /* monotonic */
    uint64_t deadline_ns;           /* monotonic; 0: none */
    bool deadline_told;
    uint64_t turn;
    uint64_t last_end_ns;           /* of a migration */
    uint64_t steady_ns;             /* since when nothing was started, ended or
                                     * capped otherwise */
    uint64_t end_ns;                /* predicted, since then */
    struct xpc_pace pace;
    bool took_over;                 /* what was running: its forecast is not
                                     * that of a whole migration */
    struct evacuate_meter meter;
    bool failed;                    /* the journal can't be written */
};

/* Forecasts with the low, the expected and the high curves. 0, or -1. */
int evacuate_forecast(struct evacuation *e, struct evacuate_forecast *f_r);
/* Says what would keep the deadline, if it can't be kept. */
void evacuate_check_deadline(struct evacuate_run *r);
/* Runs until all have been moved or left. Returns the exit status. */
int evacuate_run(struct evacuate_run *r);

#endif
