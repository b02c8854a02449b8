/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a downtime, as a bar and as numbers. */
#ifndef XL_MIGRATE_XL_DOWNTIME_H
#define XL_MIGRATE_XL_DOWNTIME_H

#include <stdio.h>

#include <xenprecopy/xenprecopy.h>

/* Prints nothing if the guest was not suspended. */
void downtime_print(FILE *out, const struct xpc_report *report);

#endif
