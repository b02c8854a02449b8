/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate --check. */
#ifndef XL_CHECK_XL_CHECK_H
#define XL_CHECK_XL_CHECK_H

#include "check/xl_check_result.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_sender_io.h"

/*
 * Looks at the target over a connection of its own, which is ended: asks q of
 * the receiver and measures the link. A target whose receiver can't be asked is
 * asked by a shell there, if o names an ssh. *r gets what was found, also if
 * the receiver was not reached or nothing can be asked. Returns 0, or -1 if it
 * was interrupted.
 */
int check_receiver(struct sender *s, char *command,
                   const struct migrate_options *o, const struct question *q,
                   struct check_result *r);

/*
 * Predicts the migration from what is in *r and the parameters in force. A
 * limit that can't be kept is wrong.
 */
void check_predict(const struct migrate_options *o, struct check_result *r);

/*
 * All of it, for s, which has been checked on this host: asks, predicts and
 * prints. Returns the exit status.
 */
int check_run(struct sender *s, char *command,
              const struct migrate_options *o);

/* The same when this host refuses the migration, for the reason why. */
int check_refused(const struct migrate_options *o, const char *why);

#endif
