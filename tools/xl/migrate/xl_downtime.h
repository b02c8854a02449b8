/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a downtime, as a bar and as numbers. */
#ifndef XL_MIGRATE_XL_DOWNTIME_H
#define XL_MIGRATE_XL_DOWNTIME_H

#include <stdio.h>

#include <xenprecopy/xenprecopy.h>

#define DOWNTIME_PARTS_MAX 9

struct downtime_part {
    const char *name;
    const char *words;              /* what happens in it */
    char sign;                      /* drawn in the bar */
    uint64_t ns, bytes;
};

/* Sets the parts in their order. Returns their number, 0: not suspended. */
size_t downtime_parts(const struct xpc_report *report,
                      struct downtime_part parts[DOWNTIME_PARTS_MAX]);

/* Prints nothing if the guest was not suspended. */
void downtime_print(FILE *out, const struct xpc_report *report);

#endif
