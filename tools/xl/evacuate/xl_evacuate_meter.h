/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures guests that wait, one at a time, while others move. */
#ifndef XL_EVACUATE_XL_EVACUATE_METER_H
#define XL_EVACUATE_XL_EVACUATE_METER_H

#include "evacuate/xl_evacuate_guests.h"

/* A measurement of one that waits, while others move. */
struct evacuate_meter {
    pid_t pid;                      /* 0: none */
    int fd;
    size_t guest;
    char *text;
    size_t len;
};

/* Starts the next one if none runs: one that does not fit comes first. */
void evacuate_meter_start(struct evacuate_meter *m, struct evacuation *e,
                          uint64_t last_end_ns);
/* Returns whether a curve was measured. */
bool evacuate_meter_step(struct evacuate_meter *m, struct evacuation *e,
                         uint64_t now_ns);
void evacuate_meter_stop(struct evacuate_meter *m);

#endif
