/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source's side of xl's migration protocol. */
#ifndef XL_MIGRATE_XL_SENDER_H
#define XL_MIGRATE_XL_SENDER_H

#include "migrate/xl_sender_io.h"

/*
 * Migrates over a transport that has been started, from the receiver's banner
 * on, and ends the transport. Returns the exit status; the report is then
 * complete.
 */
int sender_run(struct sender *s);

/* Ends a migration whose connection could not be set up. The same result. */
int sender_give_up(struct sender *s);

/*
 * Ends a migration that the target can't take, before the guest is touched.
 * why: one line, malloc()ed, which is taken over. The same result.
 */
int sender_refuse(struct sender *s, char *why);

/*
 * The guard's work after xl was killed; message: xl's last one (enum
 * guard_message). s is as it was before sender_run(), with away_name set if
 * the domain is renamed. Returns what xl's exit status should have been.
 */
int sender_stand_in(struct sender *s, int message);

#endif
