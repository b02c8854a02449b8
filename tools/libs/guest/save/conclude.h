/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a save: its outcome and its report. */
#ifndef SAVE_CONCLUDE_H
#define SAVE_CONCLUDE_H

#include "save/session.h"

/*
 * Puts the outcome into the report. rc and errnoval are how xc_domain_save()
 * ended.
 */
void save_conclude(struct save_session *s, int rc, int errnoval);

/* Writes the report, and removes what was for this save alone. */
void save_finish(struct save_session *s);

/*
 * The process exits in the middle of a save: switches log-dirty off, reports,
 * and deactivates the plug-in's hooks. Does nothing when no save is under way.
 */
void save_abandon(void);

#endif
