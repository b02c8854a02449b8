/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A libxl logger that writes to stderr and passes libxl's progress on.
 *
 * Messages that only report our own abort, or are wrong ("domain did not
 * respond to suspend request"), are held back until it is known what happened.
 */
#ifndef XL_MIGRATE_XL_LOGGER_H
#define XL_MIGRATE_XL_LOGGER_H

#include <stdbool.h>

#include <xentoollog.h>

#include "migrate/xl_progress.h"

struct migrate_logger;

/* p must stay valid as long as the logger. NULL: out of memory. */
struct migrate_logger *migrate_logger_open(struct progress *p);
/* Holds all errors back until the next migrate_logger_release(). */
void migrate_logger_hold(struct migrate_logger *l);
/*
 * The last message held back, with the text of its errno: a static string, or
 * NULL when there is none.
 */
const char *migrate_logger_last(const struct migrate_logger *l);
/* Drops the messages held back that contain part. */
void migrate_logger_forget(struct migrate_logger *l, const char *part);
/* Writes the messages held back, or with show false drops them. */
void migrate_logger_release(struct migrate_logger *l, bool show);
/* For libxl_ctx_alloc(). It is freed with l. */
xentoollog_logger *migrate_logger_xtl(struct migrate_logger *l);
/* Writes the messages held back and frees l. NULL is fine. */
void migrate_logger_close(struct migrate_logger *l);

#endif
