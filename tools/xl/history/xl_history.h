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
 * Reads what was learned from earlier migrations to the host for such a guest.
 * *learned_r is all 0 if there is nothing, or if the history can't be read;
 * then there is one line in err, else err is empty. Returns the number of
 * migrations that it is based on.
 */
size_t history_learn(const char *host, const struct xpc_guest *guest,
                     struct xpc_prior *learned_r,
                     char err[LIBXL_PRECOPY_ERR_LEN]);

/* Formats it as one line of text, without a newline. Returns buf. */
const char *history_text(char *buf, size_t len, const char *host, size_t nr,
                         const struct xpc_prior *learned);

/*
 * Adds a migration to the history, if the guest was touched. Problems with the
 * history are reported on err_file, and are no error of the migration.
 */
void history_keep(FILE *err_file, const char *host, const char *domain,
                  time_t start, const struct xpc_report *report);

/* Keeps the report for xl migrate-report --last, likewise. */
void history_keep_report(FILE *err_file, const struct xpc_report *report);

enum history_receiver {
    RECEIVER_UNKNOWN,
    RECEIVER_STOCK,                 /* it was a stock one not long ago */
    RECEIVER_WAS_STOCK,             /* long ago, so it is to be asked again */
    RECEIVER_OURS,                  /* it answered; history_receiver() never
                                     * returns this */
};

/* The kind of the host's receiver, according to the history. */
enum history_receiver history_receiver(const char *host, time_t now);
/* Stores it. stock: when it was found to be a stock one; 0: it is ours. */
void history_keep_receiver(FILE *err_file, const char *host, time_t stock);

#endif
