/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <xenprecopy/schedule_pace.h>

#include "common/xl_common.h"
#include "evacuate/xl_evacuate_pace.h"
#include "libxl_precopy_history.h"

#define COMMAND "evacuate"

static double read_pace(const char *host, uint64_t now_s)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history h;
    double pace = 0;

    libxl_precopy_history_init(&h);
    if (!libxl_precopy_history_read(NULL, host, &h, err))
        pace = xpc_history_pace(&h, now_s);
    else if (*err)
        xl_message(COMMAND, "the forecast is without the pace of earlier "
                   "evacuations: %s", err);
    libxl_precopy_history_dispose(&h);
    return pace;
}

void evacuate_recall_pace(struct evacuation *e, uint64_t now_s)
{
    double paces[XPC_SCHEDULE_TARGETS_MAX], bytes = 0, paced = 0;
    struct xpc_pace p = { 0 };
    bool known = false;

    for (size_t t = 0; t < e->s.nr_targets; t++)
        paces[t] = read_pace(e->targets[t].host, now_s);
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct xpc_move *m = &e->s.moves[i];
        double pace;

        if (m->target < 0 || !m->possible)
            continue;
        pace = paces[m->target];
        known |= pace > 0;
        bytes += m->alone_bytes;
        paced += m->alone_bytes * (pace > 0 ? pace : 1);
    }
    if (known && bytes > 0)
        p.before = paced / bytes;
    /* One that is close to 1 is not used. */
    e->s.pace = xpc_pace(&p);
    e->earlier_pace = e->s.pace == 1 ? 0 : e->s.pace;
}

static bool has_moved_to(const struct evacuation *e, int target)
{
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (e->s.moves[i].state == XPC_MOVE_MOVED &&
            e->s.moves[i].target == target)
            return true;
    }
    return false;
}

void evacuate_keep_pace(const struct evacuation *e, double pace,
                        uint64_t now_s)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    int rc = 0;

    for (size_t t = 0; pace > 0 && !rc && t < e->s.nr_targets; t++) {
        if (!has_moved_to(e, t))
            continue;
        rc = libxl_precopy_history_evacuated(NULL, e->targets[t].host, pace,
                                             now_s, err);
        if (rc)
            xl_message(COMMAND, "the pace is not kept for the next "
                       "evacuation: %s", err);
        else if (*err)
            xl_message(COMMAND, "the history could not be used: %s", err);
    }
}
