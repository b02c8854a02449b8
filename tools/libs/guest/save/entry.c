/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The save plug-in, preloaded into libxl's save helper: from the call of
 * xc_domain_save() to its end.
 *
 * A save that has no parameters in xenstore, or that is not a live migration,
 * is passed on untouched, except for the lock that every save has to take.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/error.h>

#include "base/clock.h"
#include "base/workers.h"
#include "channels/handover.h"
#include "json/migration.h"
#include "save/chain.h"
#include "save/conclude.h"
#include "save/parameters.h"
#include "save/policy.h"
#include "save/session.h"
#include "save/stream/sink_channels.h"
#include "save/stream/sink_fd.h"
#include "save/toolstack_watch.h"
#include "xen/domain.h"
#include "xen/guest.h"
#include "xen/preflight.h"
#include "xen/saver.h"
#include "xen/store.h"

/* Threads that look for zero pages besides the main one. */
#define ZERO_THREADS 1

/* ---- refusals -------------------------------------------------------- */

static void not_begun(struct save_context *ctx, int outcome, const char *reason,
                      const char *text, const char *why)
{
    ctx->report.outcome = outcome;
    ctx->report.reason = strdup(reason);
    ctx->report.text = strdup(text);
    save_log(ctx, "%s, the guest was not touched: %s",
             xpc_outcome_names[outcome], why);
}

static int refuse(struct save_context *ctx, const char *why)
{
    not_begun(ctx, XPC_OUTCOME_REFUSED, "refused", why, why);
    errno = EINVAL;
    return -1;
}

/* The request was in order: another attempt may succeed. */
static int fail_early(struct save_context *ctx, const char *why)
{
    char text[XPC_ERR_LEN + 64];

    snprintf(text, sizeof(text), "failed: before the first copy: %s", why);
    not_begun(ctx, XPC_OUTCOME_FAILED, "error", text, why);
    errno = EPIPE;
    return -1;
}

/*
 * Another save, which does not have the lock, is under way: xenstore is told
 * nothing of ours.
 */
static int refuse_silently(struct save_session *s, const char *why)
{
    save_log(&s->ctx, "refused, the guest was not touched: %s", why);
    xs_close(s->ctx.xs);
    s->ctx.xs = NULL;
    errno = EBUSY;
    return -1;
}

/*
 * Somebody else holds the domain. Its leaves in xenstore are theirs, except the
 * parameters that were left for us.
 */
static int refuse_second(struct save_session *s, const char *why)
{
    struct xs_handle *xs = xs_open(0);
    char err[XPC_ERR_LEN];

    save_log(&s->ctx, "refused, the guest was not touched: %s", why);
    if (xs) {
        xpc_params_init(&s->ctx.params);
        xen_store_take_once(xs, s->ctx.domid, getppid(), &s->ctx.params, err);
        xs_close(xs);
    }
    errno = EBUSY;
    return -1;
}

/* ---- before log-dirty is on ------------------------------------------ */

/* Checks what can be checked of the guest. Returns 1, or -1: refused. */
static int check_guest(struct save_session *s)
{
    struct save_context *ctx = &s->ctx;
    char err[XPC_ERR_LEN];
    xc_domaininfo_t info;

    if (xen_store_has_pci(ctx->xs, ctx->domid))
        return refuse(ctx, "a PCI device is passed through to the domain: "
                      "detach it first");
    save_slow_start(&s->slow);
    if (xpc_params_check(&ctx->params, err, sizeof(err)) ||
        save_chain_check(ctx, &ctx->params, err, sizeof(err)) ||
        save_slow_check(&s->slow, &ctx->params, err, sizeof(err)))
        return refuse(ctx, err);
    if (xen_domain_info(ctx->xch, ctx->domid, &info))
        return refuse(ctx, xen_domain_failure());
    ctx->report.total_pages = info.tot_pages;
    /* Zero pages of a PV guest are not elided: one may become a page table. */
    ctx->hvm = xen_domain_is_hvm(&info);
    if (xen_preflight(ctx->domid, ctx->hvm, &ctx->params, info.tot_pages, err,
                      sizeof(err)))
        return refuse(ctx, err);
    return 1;
}

/*
 * Returns 1: make the save with the policy, 0: there are no parameters, pass it
 * on, or -1: refused.
 */
static int prepare(struct save_session *s)
{
    struct save_context *ctx = &s->ctx;
    char err[XPC_ERR_LEN], other[XPC_ERR_LEN];
    bool alone;
    int rc;

    ctx->xs = xs_open(0);
    if (!ctx->xs) {
        snprintf(err, sizeof(err), "can't reach xenstore: %s",
                 strerror(errno));
        return refuse(ctx, err);
    }
    rc = save_read_parameters(s, err);
    if (rc < 0)
        return refuse(ctx, err);
    alone = !xen_saver_check(ctx->domid, other);
    if (!rc)
        return alone ? 0 : refuse_silently(s, other);
    s->find_zero_pages = ctx->params.zero_pages == XPC_ZERO_PAGES_AUTO;
    save_settle_zero_pages(&ctx->params);
    xen_guest_read(ctx->xs, ctx->xch, ctx->domid, &ctx->params.guest);
    ctx->report.params = ctx->params;
    return alone ? check_guest(s) : refuse(ctx, other);
}

/* Returns 0 or -1: refused. */
static int open_sink(struct save_session *s)
{
    const char *env = channel_handover_env();
    char err[XPC_ERR_LEN];
    int r;

    if (!env) {
        if (xpc_params_over_channels(&s->ctx.params))
            return refuse(&s->ctx, "channels and compression are for xl "
                          "migrate, which opens them: leave them out");
        s->writer.sink = save_sink_fd_open(&s->gate, &s->flow);
        return s->writer.sink ? 0 : refuse(&s->ctx, "out of memory");
    }
    r = save_sink_channels_open(&s->writer.sink, env, &s->gate, &s->flow, err,
                                sizeof(err));
    return !r ? 0 : r < 0 ? refuse(&s->ctx, err) : fail_early(&s->ctx, err);
}

/*
 * Our toolstacks take their guests back themselves. Those with a policy of
 * their own shut them down, and do not use libxl.
 */
static bool needs_guard(const struct save_context *ctx)
{
    return !ctx->ours && !save_chain_present(ctx);
}

/* Acquires what the save needs besides xenstore. Returns 0, or -1: refused. */
static int start(struct save_session *s)
{
    struct save_context *ctx = &s->ctx;
    char err[XPC_ERR_LEN];
    xen_pfn_t last = 0;
    bool elide = ctx->params.zero_pages == XPC_ZERO_PAGES_ELIDE && ctx->hvm &&
                 !xc_domain_maximum_gpfn(ctx->xch, ctx->domid, &last);

    if (open_sink(s))
        return -1;
    if (needs_guard(ctx) &&
        save_guard_start(&s->guard, ctx->domid, s->claim.lock_fd, err))
        return refuse(ctx, err);
    s->writer.zero = save_zero_start(elide ? (uint64_t)last + 1 : 0,
                                     workers_spare(ZERO_THREADS));
    s->flow.zero = s->writer.zero;
    if (s->find_zero_pages)
        s->writer.pages = save_pages_start(workers_spare(ZERO_THREADS));
    if (!s->writer.zero || (s->find_zero_pages && !s->writer.pages))
        return refuse(ctx, "out of memory");
    save_stream_init(&s->flow.stream);
    /* Without it the policy has only the counts at the iterations' ends. */
    s->sampler = save_sampler_start(ctx->domid);
    save_skip_start(&s->skip, ctx, s->sampler);
    s->switchover.watchdog = save_watchdog_start(ctx->domid);
    return s->switchover.watchdog ? 0 :
           refuse(ctx, "a thread can't be started");
}

static void stop_threads(struct save_session *s)
{
    struct xpc_report *r = &s->ctx.report;

    if (s->sampler)
        save_sampler_cost(s->sampler, &r->sampler_counts, &r->sampler_ns);
    save_sampler_stop(s->sampler);
    s->sampler = s->skip.sampler = NULL;
    save_watchdog_stop(s->switchover.watchdog);
    s->switchover.watchdog = NULL;
    suspend_time_end(s->suspend_time);
    s->suspend_time = NULL;
}

/* Releases what start() has acquired, all or part of it. */
static void stop(struct save_session *s)
{
    stop_threads(s);
    save_skip_stop(&s->skip);
    xpc_workset_dispose(&s->workset);
    if (s->writer.sink)
        s->writer.sink->ops->close(s->writer.sink);
    save_pages_stop(s->writer.pages);
    save_zero_stop(s->writer.zero);
}

/* ---- the save -------------------------------------------------------- */

static int save_with_policy(struct save_session *s, uint32_t flags,
                            const struct save_callbacks *stock, int recv_fd)
{
    struct save_context *ctx = &s->ctx;
    struct save_callbacks callbacks;
    int rc, saved;

    /*
     * libxl starts the helper with the default action for SIGPIPE: a receiver
     * that dies would kill it, and log-dirty would stay on. Let the write fail
     * instead, so that libxenguest cleans up. The toolstack handles Ctrl-C.
     */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    save_policy_callbacks(&callbacks, stock);
    save_control_begin(&s->control);
    /* With a policy of its own it is no save helper, and ends by itself. */
    if (save_chain_present(ctx))
        atexit(save_abandon);
    else
        save_toolstack_watch(save_abandon);
    interpose_begin(&save_policy_hooks, s, ctx->io_fd);
    /* The guest may take a minute: a cancel, or the toolstack's end, counts. */
    save_notify_precopy(&s->notify);
    save_workset_start(&s->workset, ctx->xch, ctx->domid);
    rc = interpose_real_save(ctx->xch, ctx->io_fd, ctx->domid, flags,
                             &callbacks, XC_STREAM_PLAIN, recv_fd);
    saved = errno;
    if (!rc && save_sink_finish(s->writer.sink)) {
        rc = -1;
        saved = errno;
    }
    interpose_end();
    stop_threads(s);
    save_conclude(s, rc, saved);
    errno = saved;
    return rc;
}

static int save_live(struct save_session *s, uint32_t flags,
                     struct save_callbacks *stock, int recv_fd)
{
    struct save_context *ctx = &s->ctx;
    int rc, saved;

    xpc_report_init(&ctx->report);
    ctx->report.domid = ctx->domid;
    ctx->report.start_monotonic_ns = clock_now_ns();
    ctx->stock = stock;
    rc = prepare(s);
    if (!rc) {
        rc = interpose_real_save(ctx->xch, ctx->io_fd, ctx->domid, flags,
                                 stock, XC_STREAM_PLAIN, recv_fd);
        saved = errno;
    } else {
        rc = rc > 0 && !start(s) ?
             save_with_policy(s, flags, stock, recv_fd) : -1;
        saved = errno;
        stop(s);
        /*
         * libvirt-precopy.so resumes the guest if the report says that all was
         * sent, and the guard unless it was told so. Never both of them, also
         * if this process is killed between the two.
         */
        if (!rc)
            save_guard_end(&s->guard, rc);
        save_finish(s);
        if (rc)
            save_guard_end(&s->guard, rc);
    }
    if (ctx->xs)
        xs_close(ctx->xs);
    xpc_report_dispose(&ctx->report);
    errno = saved;
    return rc;
}

static int save_domain(xc_interface *xch, int io_fd, uint32_t domid,
                       uint32_t flags, struct save_callbacks *callbacks,
                       xc_stream_type_t stream_type, int recv_fd)
{
    struct save_session s;
    char err[XPC_ERR_LEN];
    int rc, saved;

    save_session_init(&s, xch, io_fd, domid);
    if (save_claim_take(&s.claim, err))
        rc = refuse_second(&s, err);
    else if (flags & XCFLAGS_LIVE && stream_type == XC_STREAM_PLAIN)
        rc = save_live(&s, flags, callbacks, recv_fd);
    else
        rc = interpose_real_save(xch, io_fd, domid, flags, callbacks,
                                 stream_type, recv_fd);
    saved = errno;
    save_claim_release(&s.claim);
    errno = saved;
    return rc;
}

__attribute__((constructor))
static void register_save(void)
{
    interpose_on_save(save_domain);
}
