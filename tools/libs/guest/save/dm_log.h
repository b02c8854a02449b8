/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device model's dirty log during a save.
 */
#ifndef SAVE_DM_LOG_H
#define SAVE_DM_LOG_H

#include <stdbool.h>

#include "save/context.h"

struct save_dm_log {
    struct save_context *ctx;
    bool on;
};

/* Passes libxl's callback on, and keeps track of the log's state. */
int save_dm_log_switch(struct save_dm_log *d, uint32_t domid,
                       unsigned int enable, void *data);

/* Switches the log off after libxl can no longer be asked to. */
void save_dm_log_end(struct save_dm_log *d);

#endif
