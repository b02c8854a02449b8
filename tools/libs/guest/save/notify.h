/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telling a guest that wants to know (xen/notify.h), with the parameter notify,
 * which says how long to wait for it each time. The guest runs meanwhile, and
 * precopy goes on while it is given time before the suspend.
 */
#ifndef SAVE_NOTIFY_H
#define SAVE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "save/context.h"
#include "save/control.h"

struct save_notify {
    struct save_context *ctx;
    struct save_control *control;
    bool told;                  /* of anything */
    uint64_t until_ns;          /* the end of the wait before the suspend; 0:
                                 * the guest was not told of it */
    bool acknowledged;          /* it need not be waited for any longer */
};

/*
 * Before precopy: tells the guest and waits. The migration begins afterwards:
 * its start is set again.
 */
void save_notify_precopy(struct save_notify *n);

/*
 * Called when the guest is to be suspended. The first time it is told. Returns
 * whether precopy is to go on for now: the guest was waited for, a tenth of a
 * second at most, and what it has written meanwhile is to be copied first.
 * at_once: the moment would be missed, so that it is told only.
 */
bool save_notify_suspend(struct save_notify *n, bool at_once);

/*
 * At the save's end: tells a guest that was never suspended that it is over.
 * One that was is told by who resumes it.
 */
void save_notify_end(struct save_notify *n);

#endif
