/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The targets whose history is shown. */
#ifndef XL_HISTORY_XL_HISTORY_TARGETS_H
#define XL_HISTORY_XL_HISTORY_TARGETS_H

#include "history/xl_history_print.h"

/*
 * Reads the histories of the hosts named, or for nr_hosts 0 of all. *t must be
 * zero. Errors are messages of the command. Returns 0, or 1 after an error;
 * what could be read is there in both cases.
 */
int history_targets_read(struct history_targets *t, char *const *hosts,
                         size_t nr_hosts, const char *command);
void history_targets_dispose(struct history_targets *t);

#endif
