/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking a target whose receiver can't be asked: with a shell there, by the
 * same ssh that the migration would use.
 */
#ifndef XL_CHECK_XL_CHECK_SHELL_H
#define XL_CHECK_XL_CHECK_SHELL_H

#include "channels/question.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_sender.h"

/*
 * Asks by o->ssh_command, which must not be "". Returns 0 with the reply, in
 * which what a shell can't say is unknown, or -1 if there is no answer within
 * a minute, or s->interrupted.
 */
int check_shell(struct sender *s, const struct migrate_options *o,
                const struct question *q, struct reply *r);

/* For tests: the script, malloc()ed, and what is made of its output. */
char *check_shell_script(const struct question *q);
int check_shell_read(const char *output, const struct question *q,
                     struct reply *r);

#endif
