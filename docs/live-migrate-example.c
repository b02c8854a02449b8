/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saves a running domain to standard output, suspending it for at most 300 ms,
 * and resumes it: live-migrate-example DOMAIN > FILE
 */
#include <stdio.h>
#include <unistd.h>

#include <libxl_precopy.h>
#include <libxl_utils.h>

int main(int argc, char **argv)
{
    char why[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_params params;
    libxl_precopy_report report;
    xentoollog_logger_stdiostream *log;
    libxl_ctx *ctx;
    uint32_t domid;
    int rc;

    log = xtl_createlogger_stdiostream(stderr, XTL_WARN, 0);
    if (argc != 2 || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, (void *)log) ||
        libxl_domain_qualifier_to_domid(ctx, argv[1], &domid))
        return 2;

    libxl_precopy_params_init(&params);
    params.downtime_ns = 300 * 1000000ull;
    params.duration_ns = 60 * 1000000000ull;
    rc = libxl_domain_live_migrate_check(ctx, domid, &params, why);
    if (rc) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    rc = libxl_domain_live_migrate(ctx, domid, STDOUT_FILENO, 0, &params, NULL);

    libxl_precopy_report_init(&report);
    if (!libxl_domain_precopy_report(ctx, domid, &report) && report.text)
        fprintf(stderr, "%s\n", report.text);
    if (report.suspended_ns)        /* else it was never suspended */
        libxl_domain_resume(ctx, domid, 1, NULL);
    libxl_precopy_report_dispose(&report);
    libxl_domain_precopy_clear(ctx, domid);
    libxl_ctx_free(ctx);
    xtl_logger_destroy((void *)log);
    return rc ? 1 : 0;
}
