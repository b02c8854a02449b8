/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "channels/handover.h"
#include "save/context.h"

/*
 * libxenctrl's function for the toolstack's log. It is exported for libxenguest
 * but no public header declares it, so it may be missing one day.
 */
extern void xc_report_error(xc_interface *xch, int code, const char *fmt, ...)
    __attribute__((weak));

uint64_t save_since_start_ns(const struct save_context *ctx)
{
    return clock_now_ns() - ctx->report.start_monotonic_ns;
}

bool save_is_stopped(const struct save_context *ctx)
{
    int flags = fcntl(ctx->io_fd, F_GETFL);

    return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

void save_log(struct save_context *ctx, const char *fmt, ...)
{
    char line[512];
    va_list al;

    va_start(al, fmt);
    vsnprintf(line, sizeof(line), fmt, al);
    va_end(al);
    if (!ctx->ours)
        syslog(LOG_DAEMON | LOG_ERR, "precopy: Domain %"PRIu32": %s",
               ctx->domid, line);
    if (ctx->orphaned)
        return;
    /* libvirt finds the domain by this form, as libxl has it. */
    if (xc_report_error)
        xc_report_error(ctx->xch, XC_ERROR_NONE, "precopy: Domain %"PRIu32
                        ": %s", ctx->domid, line);
    else
        fprintf(stderr, "precopy: Domain %"PRIu32": %s\n", ctx->domid, line);
}

void save_settle_zero_pages(struct xpc_params *p)
{
    if (p->zero_pages == XPC_ZERO_PAGES_AUTO && !channel_handover_env())
        p->zero_pages = XPC_ZERO_PAGES_SEND;
}

void save_set_text(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
}
