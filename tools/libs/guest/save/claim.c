/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lock (xen/lock.h) excludes everybody who takes it. Stock's save helper
 * does not: it may be running already, or start later. It then switches
 * log-dirty off and on again, and Xen forgets which pages were dirty without
 * reporting it: a CLEAN succeeds even when log-dirty is off, and finds no
 * dirty page. Likewise, each of our CLEANs would clear bits that the other save
 * needs.
 *
 * So we look for other helpers before log-dirty is switched on or off, and
 * before and after each CLEAN. One with the plug-in is not meant: it will be
 * refused, as we hold the lock. If there is another, our save ends and leaves
 * the log to it. The other's copy is complete: the log has recorded all it
 * needs since it switched the log on, and we have not cleaned it since. Only a
 * helper that appears right after a CLEAN may have lost bits to us; it is made
 * to fail.
 *
 * A helper that started and was killed between two checks, that is within one
 * iteration, and left the log on, is noticed by pages that are not dirty any
 * more. Not if it cleared the log before any page was counted, nor if the guest
 * has written to as many others before the next count.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "save/claim.h"
#include "save/interpose.h"
#include "xen/domain.h"
#include "xen/lock.h"
#include "xen/saver.h"

int save_claim_take(struct save_claim *c, char err[XPC_ERR_LEN])
{
    struct save_context *ctx = c->ctx;
    char doing[64];

    c->lock_fd = xen_lock_inherited(ctx->domid);
    if (c->lock_fd < 0) {
        snprintf(doing, sizeof(doing), "the save helper of process %ld",
                 (long)getppid());
        c->lock_fd = xen_lock_take(ctx->domid, doing, err);
    }
    return c->lock_fd < 0 ? -1 : 0;
}

void save_claim_release(struct save_claim *c)
{
    xen_lock_release(c->lock_fd);
}

/* The log can't be trusted any more. The first reason is kept. */
__attribute__((format(printf, 2, 3)))
static void set_lost(struct save_claim *c, const char *fmt, ...)
{
    va_list al;

    if (*c->log_lost)
        return;
    va_start(al, fmt);
    vsnprintf(c->log_lost, sizeof(c->log_lost), fmt, al);
    va_end(al);
}

/* Returns the pid of another helper, 0, or -1 if that can't be told. */
static pid_t find_other(struct save_claim *c)
{
    pid_t pid = xen_saver_find_stock(c->ctx->domid);

    if (pid < 0)
        set_lost(c, "can't tell if another program saves the domain as well: "
                 "/proc: %s", strerror(errno));
    else if (pid)
        set_lost(c, "process %ld (libxl-save-helper) saves the domain as well",
             (long)pid);
    return pid;
}

bool save_claim_may_switch(struct save_claim *c)
{
    return !find_other(c);
}

/* For a dying domain Xen ignores the call and returns success. */
static bool is_dying(const struct save_context *ctx)
{
    xc_domaininfo_t info;

    return xen_domain_info(ctx->xch, ctx->domid, &info) ? errno == ESRCH :
           xen_domain_is_dying(&info);
}

bool save_claim_may_clean(struct save_claim *c)
{
    struct save_context *ctx = c->ctx;

    if (*c->log_lost || find_other(c))
        return false;
    /* While the log is on, Xen refuses this with EINVAL, changing nothing. */
    if (interpose_real_shadow(ctx->xch, ctx->domid,
                              XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY)) {
        if (errno != EINVAL && errno != ESRCH)
            set_lost(c, "can't tell if the log of its writes is on: %s",
                     strerror(errno));
    } else if (!is_dying(ctx)) {
        set_lost(c, "another program has switched off the log of its writes");
    }
    return !*c->log_lost;
}

/*
 * How many pages the guest has given back since the last clean. Since 4.22, Xen
 * takes them out of the log. UINT64_MAX: of a dying domain it counts none.
 */
static uint64_t pages_given_back(const struct save_claim *c)
{
    const struct save_context *ctx = c->ctx;
    uint64_t had = c->tot_pages ? c->tot_pages : ctx->report.total_pages;
    xc_domaininfo_t info;

    if (is_dying(ctx))
        return UINT64_MAX;
    if (xen_domain_info(ctx->xch, ctx->domid, &info) ||
        info.tot_pages >= had)
        return 0;
    return had - info.tot_pages;
}

/* So many pages were dirty and no longer are, but nobody may clean the log. */
static void check_missing(struct save_claim *c, uint64_t pages)
{
    if (pages && pages > pages_given_back(c))
        set_lost(c, "another program has cleared the log of its writes");
}

bool save_claim_counted(struct save_claim *c, uint64_t pages)
{
    if (pages < c->counted) {
        c->missing += c->counted - pages;
        check_missing(c, c->missing);
    }
    c->counted = pages;
    return !*c->log_lost;
}

bool save_claim_cleaned(struct save_claim *c, uint64_t pages, uint64_t lacked)
{
    const struct save_context *ctx = c->ctx;
    pid_t other = find_other(c);
    xc_domaininfo_t info;

    if (other > 0)
        xen_saver_stop(other);
    save_claim_counted(c, pages);
    check_missing(c, lacked);
    c->counted = c->missing = 0;
    if (!xen_domain_info(ctx->xch, ctx->domid, &info))
        c->tot_pages = info.tot_pages;
    return !*c->log_lost;
}
