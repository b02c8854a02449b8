/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lessons.c needs to know of a history, too. */
#ifndef CORE_HISTORY_H
#define CORE_HISTORY_H

#include <xenprecopy/history.h>

/* Is the overhead of this entry known? */
bool history_has_overhead(const struct xpc_history_entry *e);

/* Does it have a lower bound that is in effect at now_s? */
bool history_has_bound(const struct xpc_history_entry *e, uint64_t now_s);

/*
 * Are these entries' guests the same one? Guests of unknown id are, if they are
 * of the same kind and have as many devices.
 */
bool history_same_guest(const struct xpc_guest *a, const struct xpc_guest *b);

#endif
