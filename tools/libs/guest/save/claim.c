/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One save of a domain at a time.
 *
 * The lock (xen/lock.h) keeps out all who know of it. Stock's save helper does
 * not: it may be at work already, or begin while we are. It then switches
 * log-dirty off and on again, and Xen forgets which pages were dirty without
 * telling anybody: a CLEAN succeeds even when nothing is logged, and finds no
 * dirty page. In turn, each CLEAN of ours would take dirty bits away from the
 * other save.
 *
 * So other helpers are looked for before log-dirty is switched on or off, and
 * before and after each CLEAN. If there is one, our save ends and leaves the
 * log to it. The other's copy is sound: all that it needs has been logged
 * since it switched the log on, and we have not cleaned it since. Only a
 * helper that shows up right after a CLEAN may have lost bits to us, so it is
 * made to fail.
 *
 * What can't be noticed: a helper that came and was killed outright between
 * two looks, that is within one iteration, and left the log on.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "save/session.h"
#include "xen/lock.h"
#include "xen/saver.h"

int save_claim(struct save_ctx *ctx, char err[XPC_ERR_LEN])
{
    char doing[64];

    ctx->lock_fd = xen_lock_inherited(ctx->domid);
    if (ctx->lock_fd < 0) {
        snprintf(doing, sizeof(doing), "the save helper of process %ld",
                 (long)getppid());
        ctx->lock_fd = xen_lock_take(ctx->domid, doing, err);
    }
    return ctx->lock_fd < 0 ? -1 : 0;
}

void save_unclaim(struct save_ctx *ctx)
{
    xen_lock_release(ctx->lock_fd);
}

/* Ours is not to be trusted any more: why is said once. */
__attribute__((format(printf, 2, 3)))
static void lose(struct save_ctx *ctx, const char *fmt, ...)
{
    va_list al;

    if (*ctx->log_lost)
        return;
    va_start(al, fmt);
    vsnprintf(ctx->log_lost, sizeof(ctx->log_lost), fmt, al);
    va_end(al);
}

static pid_t find_other(struct save_ctx *ctx)
{
    pid_t pid = xen_saver_find(ctx->domid);

    if (pid)
        lose(ctx, "process %ld (libxl-save-helper) saves the domain as well",
             (long)pid);
    return pid;
}

bool save_log_may_switch(struct save_ctx *ctx)
{
    return !find_other(ctx);
}

/* For a dying domain Xen ignores the call and returns success. */
static bool is_dying(struct save_ctx *ctx)
{
    xc_domaininfo_t info;

    return xc_domain_getinfolist(ctx->xch, ctx->domid, 1, &info) != 1 ||
           info.domain != ctx->domid || info.flags & XEN_DOMINF_dying;
}

bool save_log_is_ours(struct save_ctx *ctx)
{
    if (*ctx->log_lost || find_other(ctx))
        return false;
    /* While it is on, this is refused and changes nothing. */
    if (!save_real_shadow(ctx, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY) &&
        !is_dying(ctx))
        lose(ctx, "another program has switched off the log of its writes");
    return !*ctx->log_lost;
}

bool save_log_counted(struct save_ctx *ctx, uint64_t pages)
{
    if (pages < ctx->counted)
        lose(ctx, "another program has cleared the log of its writes");
    ctx->counted = pages;
    return !*ctx->log_lost;
}

bool save_log_cleaned(struct save_ctx *ctx, uint64_t pages)
{
    pid_t other = find_other(ctx);

    if (other)
        xen_saver_stop(other);
    save_log_counted(ctx, pages);
    ctx->counted = 0;
    return !*ctx->log_lost;
}
