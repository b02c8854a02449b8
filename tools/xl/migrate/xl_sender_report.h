/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sender adds to the plug-in's report. */
#ifndef XL_MIGRATE_XL_SENDER_REPORT_H
#define XL_MIGRATE_XL_SENDER_REPORT_H

#include "migrate/xl_sender_io.h"

/*
 * Adds outcome, times of the handover, downtime, and where the plug-in could
 * not know it the reason. status: xl migrate's exit status.
 */
void sender_complete_report(struct sender *s, int status);

#endif
