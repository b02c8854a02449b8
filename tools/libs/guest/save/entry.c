/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The save plug-in, preloaded into libxl's save helper.
 *
 * It stands between the helper and libxenguest's xc_domain_save(), fills the
 * policy callback that libxl leaves empty, and passes everything else on.
 * A save that has no parameters in xenstore, or that is not a live migration,
 * goes through untouched, but for the lock that every save has to take.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/workers.h"
#include "json/migration.h"
#include "save/session.h"
#include "xen/preflight.h"
#include "xen/saver.h"

/* That look for zero pages besides the main one. */
#define ZERO_THREADS 1

typedef int domain_save_fn(xc_interface *, int, uint32_t, uint32_t,
                           struct save_callbacks *, xc_stream_type_t, int);
typedef long long logdirty_fn(xc_interface *, uint32_t, unsigned int,
                        xc_hypercall_buffer_t *, unsigned long, unsigned int,
                        xc_shadow_op_stats_t *);

/*
 * libxenctrl's way to the toolstack's log. It is exported for libxenguest but
 * in no public header, so it may be missing one day.
 */
extern void xc_report_error(xc_interface *xch, int code, const char *fmt, ...)
    __attribute__((weak));

void *save_next(_Atomic(void *) *found, const char *name)
{
    void *fn = atomic_load_explicit(found, memory_order_relaxed);

    if (fn)
        return fn;
    fn = dlsym(RTLD_NEXT, name);
    if (!fn) {
        fprintf(stderr, "precopy plug-in: no %s to pass on to\n", name);
        abort();
    }
    atomic_store_explicit(found, fn, memory_order_relaxed);
    return fn;
}

void save_log(struct save_ctx *ctx, const char *fmt, ...)
{
    char line[512];
    va_list al;

    if (ctx->orphaned)
        return;
    va_start(al, fmt);
    vsnprintf(line, sizeof(line), fmt, al);
    va_end(al);
    if (xc_report_error)
        xc_report_error(ctx->xch, XC_ERROR_NONE, "precopy: %s", line);
    else
        fprintf(stderr, "precopy: %s\n", line);
}

/* ---- the bitmap ------------------------------------------------------ */

/*
 * Sees the bitmap cleaned: D(t) is counted from here, and it tells which pages
 * were dirty. Only the save loop, on the main thread, cleans it; the sampler's
 * thread comes through here with its PEEKs. The last bitmap, with the guest
 * suspended, is left alone: nothing is to be decided any more.
 */
long long xc_logdirty_control(xc_interface *xch, uint32_t domid,
                              unsigned int sop,
                              xc_hypercall_buffer_t *bitmap,
                              unsigned long pages, unsigned int mode,
                              xc_shadow_op_stats_t *stats)
{
    static _Atomic(void *) found;
    logdirty_fn *real = (logdirty_fn *)save_next(&found,
                                                 "xc_logdirty_control");
    struct save_ctx *ctx;
    long long rc;
    int saved;

    if (sop != XEN_DOMCTL_SHADOW_OP_CLEAN || !save_active)
        return real(xch, domid, sop, bitmap, pages, mode, stats);
    ctx = save_active;
    if (!save_log_is_ours(ctx)) {
        errno = EBUSY;
        return -1;
    }
    save_clean_begins(ctx);
    save_bitmap_begins(ctx);
    rc = real(xch, domid, sop, bitmap, pages, mode, stats);
    saved = errno;
    save_cleaned(ctx);
    if (rc >= 0 && stats && !save_log_cleaned(ctx, stats->dirty_count)) {
        errno = EBUSY;
        return -1;
    }
    if (ctx->report.suspended_ns && rc >= 0 && stats)
        save_strict_left(ctx, stats->dirty_count);
    if (rc >= 0 && ctx->live)
        save_workset_read(ctx, bitmap, pages);
    errno = saved;
    return rc;
}

typedef int shadow_fn(xc_interface *, uint32_t, unsigned int, unsigned int *,
                      unsigned int);

static shadow_fn *real_shadow(void)
{
    static _Atomic(void *) found;

    return (shadow_fn *)save_next(&found, "xc_shadow_control");
}

int save_real_shadow(struct save_ctx *ctx, unsigned int sop)
{
    return real_shadow()(ctx->xch, ctx->domid, sop, NULL, 0);
}

/*
 * Log-dirty is switched on and off by the main thread, at the save's start
 * and end: not while it is somebody else's.
 */
int xc_shadow_control(xc_interface *xch, uint32_t domid, unsigned int sop,
                      unsigned int *mb, unsigned int mode)
{
    if ((sop == XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY ||
         sop == XEN_DOMCTL_SHADOW_OP_OFF) && save_active &&
        !save_log_may_switch(save_active)) {
        errno = EBUSY;
        return -1;
    }
    return real_shadow()(xch, domid, sop, mb, mode);
}

/* ---- the save -------------------------------------------------------- */

static void not_begun(struct save_ctx *ctx, int outcome, const char *reason,
                      const char *text, const char *why)
{
    ctx->report.outcome = outcome;
    ctx->report.reason = strdup(reason);
    ctx->report.text = strdup(text);
    save_log(ctx, "%s, the guest was not touched: %s",
             xpc_outcome_names[outcome], why);
}

static int refuse(struct save_ctx *ctx, const char *why)
{
    not_begun(ctx, XPC_OUTCOME_REFUSED, "refused", why, why);
    errno = EINVAL;
    return -1;
}

/* It is nothing that was asked for: another try may do. */
static int fail_early(struct save_ctx *ctx, const char *why)
{
    char text[XPC_ERR_LEN + 64];

    snprintf(text, sizeof(text), "failed: before the first copy: %s", why);
    not_begun(ctx, XPC_OUTCOME_FAILED, "error", text, why);
    errno = EPIPE;
    return -1;
}

/*
 * Those that our toolstack has left for this save, else an administrator's
 * for all. Returns 1, 0: there are none, or -1 with one line in err.
 */
static int read_params(struct save_ctx *ctx, char err[XPC_ERR_LEN])
{
    int rc;

    xpc_params_init(&ctx->params);
    rc = xen_store_take_once(ctx->xs, ctx->domid, getppid(), &ctx->params,
                             err);
    if (rc >= 0 || errno != ENOENT)
        return rc;
    if (xen_store_read(ctx->xs, ctx->domid, "params", &xpc_params_type,
                       &ctx->params, err))
        return errno == ENOENT ? 0 : -1;
    ctx->standing = true;
    return 1;
}

/* There is a save without the lock: in xenstore nothing is told of ours. */
static int refuse_silently(struct save_ctx *ctx, const char *why)
{
    save_log(ctx, "refused, the guest was not touched: %s", why);
    xs_close(ctx->xs);
    ctx->xs = NULL;
    errno = EBUSY;
    return -1;
}

/*
 * Everything that can be known before log-dirty is on. Returns 1: go on with
 * the policy, 0: no parameters, leave the save alone, -1: refused.
 */
static int prepare(struct save_ctx *ctx)
{
    char err[XPC_ERR_LEN], other[XPC_ERR_LEN];
    xc_dominfo_t info;
    xen_pfn_t last;
    bool alone;
    int rc;

    ctx->xs = xs_open(0);
    if (!ctx->xs) {
        snprintf(err, sizeof(err), "can't reach xenstore: %s",
                 strerror(errno));
        return refuse(ctx, err);
    }
    rc = read_params(ctx, err);
    if (rc < 0)
        return refuse(ctx, err);
    alone = !xen_saver_check(ctx->domid, other);
    if (!rc)
        return alone ? 0 : refuse_silently(ctx, other);
    ctx->auto_asked = ctx->params.zero_pages == XPC_ZERO_PAGES_AUTO;
    save_channels_settle(&ctx->params);
    xen_store_guest(ctx->xs, ctx->domid, &ctx->params.guest);
    if (!xc_domain_maximum_gpfn(ctx->xch, ctx->domid, &last))
        ctx->params.guest.pfns = last + 1;
    ctx->report.params = ctx->params;
    if (!alone)
        return refuse(ctx, other);
    if (xen_store_has_pci(ctx->xs, ctx->domid))
        return refuse(ctx, "a PCI device is passed through to the domain: "
                      "detach it first");
    if (xpc_params_check(&ctx->params, err, sizeof(err)))
        return refuse(ctx, err);
    if (xc_domain_getinfo(ctx->xch, ctx->domid, 1, &info) != 1 ||
        info.domid != ctx->domid)
        return refuse(ctx, "there is no such domain");
    ctx->report.total_pages = info.nr_pages;
    /* Of a PV guest, a page may become a page table. */
    ctx->hvm = info.hvm;
    if (xen_preflight(ctx->domid, ctx->hvm, &ctx->params, info.nr_pages, err,
                      sizeof(err)))
        return refuse(ctx, err);
    return 1;
}

/* See stock's helper. */
bool save_stopped(const struct save_ctx *ctx)
{
    int flags = fcntl(ctx->io_fd, F_GETFL);

    return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

void save_finish(struct save_ctx *ctx)
{
    struct xpc_report *r = &ctx->report;

    if (r->outcome == XPC_OUTCOME_FAILED && save_stopped(ctx)) {
        r->outcome = XPC_OUTCOME_INTERRUPTED;
        free(r->text);
        r->text = strdup("interrupted by the toolstack");
    }
    if (r->outcome == XPC_OUTCOME_ABORTED || ctx->control.cancelled)
        save_log(ctx, "%s; the guest %s here", r->text, r->suspended_ns ?
                 "is to be resumed" :
                 r->decision.reason == XPC_REASON_PAUSED ? "stays paused" :
                 "keeps running");
    if (!ctx->xs)
        return;
    if (xen_store_write(ctx->xs, ctx->domid, "report", &xpc_report_head_type,
                        r))
        save_log(ctx, "can't write the report: %s", strerror(errno));
    if (ctx->params.once && ctx->standing)
        xen_store_remove(ctx->xs, ctx->domid, "params");
    save_control_end(ctx);
}

/* What this needs besides xenstore. Returns 0, or -1: refused. */
static int start(struct save_ctx *ctx)
{
    xen_pfn_t last = 0;
    bool elide = ctx->params.zero_pages == XPC_ZERO_PAGES_ELIDE && ctx->hvm &&
                 !xc_domain_maximum_gpfn(ctx->xch, ctx->domid, &last);
    char err[XPC_ERR_LEN];
    int r = save_channels_start(ctx, err, sizeof(err));

    if (r)
        return r < 0 ? refuse(ctx, err) : fail_early(ctx, err);
    ctx->zero = save_zero_start(elide ? (uint64_t)last + 1 : 0,
                                workers_spare(ZERO_THREADS));
    if (ctx->auto_asked)
        ctx->pages = save_pages_start(workers_spare(ZERO_THREADS));
    if (!ctx->zero || (ctx->auto_asked && !ctx->pages))
        return refuse(ctx, "out of memory");
    save_stream_init(&ctx->stream);
    /* Without it the policy knows the iterations' ends alone. */
    ctx->sampler = save_sampler_start(ctx->domid);
    ctx->watchdog = save_watchdog_start(ctx->domid);
    return ctx->watchdog ? 0 : refuse(ctx, "a thread can't be started");
}

static int save_with_policy(struct save_ctx *ctx, domain_save_fn *real,
                            uint32_t flags, struct save_callbacks *stock,
                            int recv_fd)
{
    struct save_callbacks callbacks = *stock;
    int rc, saved;

    /*
     * libxl starts the helper with SIGPIPE deadly: a receiver that dies would
     * take it along, and log-dirty would stay on. Let the write fail instead,
     * so that libxenguest cleans up. A terminal's Ctrl-C is the toolstack's.
     */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    callbacks.precopy_policy = save_policy;
    callbacks.suspend = save_suspend;
    if (stock->switch_qemu_logdirty)
        callbacks.switch_qemu_logdirty = save_dm_log_switch;
    ctx->stock = stock;
    save_workset_start(ctx);
    save_control_begin(ctx);
    save_toolstack_watch();
    save_activate(ctx);
    rc = real(ctx->xch, ctx->io_fd, ctx->domid, flags, &callbacks,
              XC_STREAM_PLAIN, recv_fd);
    saved = errno;
    if (!rc && save_channels_give_back(ctx)) {
        rc = -1;
        saved = errno;
    }
    save_activate(NULL);
    if (ctx->sampler)
        save_sampler_cost(ctx->sampler, &ctx->report.sampler_counts,
                          &ctx->report.sampler_ns);
    save_sampler_stop(ctx->sampler);
    save_watchdog_stop(ctx->watchdog);
    xpc_workset_dispose(&ctx->workset);
    save_conclude(ctx, rc, saved);
    save_channels_stop(ctx);
    save_pages_stop(ctx->pages);
    save_zero_stop(ctx->zero);
    errno = saved;
    return rc;
}

static int save_live(struct save_ctx *ctx, domain_save_fn *real,
                     uint32_t flags, struct save_callbacks *callbacks,
                     int recv_fd)
{
    int rc, saved;

    xpc_report_init(&ctx->report);
    ctx->report.domid = ctx->domid;
    ctx->report.start_monotonic_ns = clock_now_ns();
    rc = prepare(ctx);
    if (rc > 0 && start(ctx))
        rc = -1;
    if (rc > 0)
        rc = save_with_policy(ctx, real, flags, callbacks, recv_fd);
    else if (!rc)
        rc = real(ctx->xch, ctx->io_fd, ctx->domid, flags, callbacks,
                  XC_STREAM_PLAIN, recv_fd);
    else
        goto done;
    if (!ctx->stock)
        goto out;       /* no policy, no report */
 done:
    saved = errno;
    save_finish(ctx);
    errno = saved;
 out:
    saved = errno;
    if (ctx->xs)
        xs_close(ctx->xs);
    xpc_report_dispose(&ctx->report);
    errno = saved;
    return rc;
}

/*
 * Somebody else holds the domain. What xenstore has of it is theirs, but for
 * the parameters that were left for us.
 */
static int refuse_second(struct save_ctx *ctx, const char *why)
{
    struct xs_handle *xs = xs_open(0);
    char err[XPC_ERR_LEN];

    save_log(ctx, "refused, the guest was not touched: %s", why);
    if (xs) {
        xpc_params_init(&ctx->params);
        xen_store_take_once(xs, ctx->domid, getppid(), &ctx->params, err);
        xs_close(xs);
    }
    errno = EBUSY;
    return -1;
}

int xc_domain_save(xc_interface *xch, int io_fd, uint32_t domid,
                   uint32_t flags, struct save_callbacks *callbacks,
                   xc_stream_type_t stream_type, int recv_fd)
{
    static _Atomic(void *) found;
    domain_save_fn *real = (domain_save_fn *)save_next(&found,
                                                       "xc_domain_save");
    struct save_ctx ctx = { .xch = xch, .domid = domid, .io_fd = io_fd };
    char err[XPC_ERR_LEN];
    int rc, saved;

    if (save_claim(&ctx, err))
        rc = refuse_second(&ctx, err);
    else if (flags & XCFLAGS_LIVE && stream_type == XC_STREAM_PLAIN)
        rc = save_live(&ctx, real, flags, callbacks, recv_fd);
    else
        rc = real(xch, io_fd, domid, flags, callbacks, stream_type, recv_fd);
    saved = errno;
    save_unclaim(&ctx);
    errno = saved;
    return rc;
}
