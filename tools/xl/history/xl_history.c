/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "history/xl_history.h"
#include "libxl_precopy_reports.h"

size_t history_learn(const char *host, const struct xpc_guest *guest,
                     struct xpc_prior *learned,
                     char err[LIBXL_PRECOPY_ERR_LEN])
{
    libxl_precopy_history h;
    size_t nr;

    libxl_precopy_history_init(&h);
    *err = 0;
    libxl_precopy_history_read(NULL, host, &h, err);
    nr = xpc_history_prior(&h, guest, time(NULL), learned);
    libxl_precopy_history_dispose(&h);
    return nr;
}

const char *history_text(char *buf, size_t len, const char *host, size_t nr,
                         const struct xpc_prior *learned)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    if (learned->at_least_ns) {
        snprintf(buf, len, "switchover overhead %s, as a switchover to %.80s "
                 "that took more than %s was broken off",
                 xpc_format_time(a, learned->overhead_ns), host,
                 xpc_format_time(b, learned->at_least_ns));
        return xl_plain(buf);
    }
    snprintf(buf, len, "switchover overhead learned from %zu migration%s to "
             "%.80s: %s +- %s", nr, nr == 1 ? "" : "s", host,
             xpc_format_time(a, learned->overhead_ns),
             xpc_format_time(b, learned->overhead_sd_ns));
    return xl_plain(buf);
}

static void report_problem(FILE *out, int rc, const char *err)
{
    if (rc)
        fprintf(out, "xl migrate: the history is not kept: %s\n", err);
    else if (*err)
        fprintf(out, "xl migrate: the history could not be used: %s\n", err);
}

void history_keep(FILE *out, const char *host, const char *domain,
                  time_t start, const struct xpc_report *report)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    int rc;

    if (!report->total_bytes)
        return;
    rc = libxl_precopy_history_add(NULL, host, report, start, domain, err);
    report_problem(out, rc, err);
}

void history_keep_report(FILE *out, const struct xpc_report *report)
{
    char err[LIBXL_PRECOPY_ERR_LEN];

    if (report->total_bytes && libxl_precopy_report_keep(NULL, report, err))
        fprintf(out, "xl migrate: the report is not kept: %s\n", err);
}

enum history_receiver history_receiver(const char *host, time_t now)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history h;
    enum history_receiver r = RECEIVER_UNKNOWN;

    libxl_precopy_history_init(&h);
    if (!libxl_precopy_history_read(NULL, host, &h, err) && h.stock_s)
        r = xpc_history_is_stock(&h, now) ? RECEIVER_STOCK :
                                            RECEIVER_WAS_STOCK;
    libxl_precopy_history_dispose(&h);
    return r;
}

void history_keep_receiver(FILE *out, const char *host, time_t stock)
{
    char err[LIBXL_PRECOPY_ERR_LEN];

    report_problem(out, libxl_precopy_history_receiver(NULL, host, stock, err),
                   err);
}
