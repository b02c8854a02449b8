/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The history of migrations: what xl migrate learns and keeps, and what xl
 * migrate-history shows of it.
 */
#ifndef XL_HISTORY_H
#define XL_HISTORY_H

#include "libxl_precopy_history.h"
#include "xl.h"

/* ---- learning and keeping: xl_history.c ------------------------------- */

/*
 * What earlier migrations to the host have taught; all 0 when that is
 * nothing, or can't be read: no migration fails for it. Returns on how many
 * migrations it rests.
 */
size_t history_learn(const char *host, struct xpc_prior *learned_r);

/* One line for people, without its end. Returns buf. */
const char *history_text(char *buf, size_t len, const char *host, size_t nr,
                         const struct xpc_prior *learned);

/*
 * Keeps what happened, if the guest was touched. Whatever is wrong with the
 * history is one line on err_file.
 */
void history_keep(FILE *err_file, const char *host, const char *domain,
                  time_t start, const struct xpc_report *report);

#endif
