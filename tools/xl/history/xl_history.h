/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xl migrate learns from the history of migrations, and adds to it.
 */
#ifndef XL_HISTORY_XL_HISTORY_H
#define XL_HISTORY_XL_HISTORY_H

#include <stdio.h>
#include <time.h>

#include "libxl_precopy_history.h"

/*
 * What earlier migrations to the host have taught for such a guest; all 0 when
 * that is nothing, or can't be read, with one line in err: no migration fails
 * for it. Returns on how many migrations it rests.
 */
size_t history_learn(const char *host, const struct xpc_guest *guest,
                     struct xpc_prior *learned_r,
                     char err[LIBXL_PRECOPY_ERR_LEN]);

/* One line for people, without its end. Returns buf. */
const char *history_text(char *buf, size_t len, const char *host, size_t nr,
                         const struct xpc_prior *learned);

/*
 * Keeps what happened, if the guest was touched. Whatever is wrong with the
 * history is one line on err_file.
 */
void history_keep(FILE *err_file, const char *host, const char *domain,
                  time_t start, const struct xpc_report *report);

enum history_receiver {
    RECEIVER_UNKNOWN,               /* ask it */
    RECEIVER_STOCK,                 /* it was one, not long ago */
    RECEIVER_WAS_STOCK,             /* it was one: ask it again */
    RECEIVER_OURS,                  /* the history does not say so */
};

/* What the host's receiver was found to be. */
enum history_receiver history_receiver(const char *host, time_t now);
/* Keeps it: stock is when it was found to be a stock one, 0: it is ours. */
void history_keep_receiver(FILE *err_file, const char *host, time_t stock);

#endif
