/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an evacuation prints: the plan, its progress, and how it ended. */
#ifndef XL_EVACUATE_XL_EVACUATE_SHOW_H
#define XL_EVACUATE_XL_EVACUATE_SHOW_H

#include <xenprecopy/schedule_forecast.h>

#include "evacuate/xl_evacuate_guests.h"

/* The forecast with the low, the expected and the high curves. */
struct evacuate_forecast {
    struct xpc_schedule_forecast low, expected, high;
};

struct evacuate_show {
    bool json, redraw;
    unsigned int lines;             /* of the table that was drawn last */
    unsigned int columns, rows;     /* of the terminal; 0: unknown */
    uint64_t last_ns;
};

void show_plan(const struct evacuate_show *show, const struct evacuation *e,
               const struct evacuate_forecast *f);
/* Says what would keep a deadline that can't be kept. */
void show_deadline(struct evacuate_show *show, const struct evacuation *e,
                   uint64_t deadline_ns, const bool *leave, ssize_t nr,
                   const struct xpc_schedule_forecast *now);
/* One line about a guest or a target: an event of the JSON form. */
__attribute__((format(printf, 5, 6)))
void show_event(struct evacuate_show *show, const char *event,
                const char *domain, const char *target, const char *fmt, ...);
/* The table, if it is due; end_ns: the predicted end, from now. */
void show_table(struct evacuate_show *show, const struct evacuation *e,
                uint64_t now_ns, uint64_t end_ns);
void show_end(struct evacuate_show *show, const struct evacuation *e,
              const struct evacuate_forecast *plan, uint64_t total_ns,
              int status);
/* The report as JSON, malloc()ed. */
char *evacuate_report(const struct evacuation *e,
                      const struct evacuate_forecast *plan, uint64_t start_s,
                      uint64_t total_ns, int status);

#endif
