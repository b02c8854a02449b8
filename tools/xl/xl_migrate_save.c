/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sender needs of libxl, with libxl behind it.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <libxl_event.h>

#include "libxl_precopy.h"
#include "xen_logdirty.h"
#include "xen_store.h"
#include "xl_migrate.h"
#include "xpc_types.h"

/* A libxl operation and what else is waited for meanwhile. */
struct save {
    struct sender *s;
    struct xs_handle *xs;           /* NULL: no progress */
    libxl_asyncop_how how;
    uint64_t looked_ns;             /* when the guest was last looked at */
    bool given_up;                  /* it has ended */
    bool done;
    int rc;
};

#define LOOK_NS UINT64_C(1000000000)

/* ---- the guest --------------------------------------------------------- */

/* How a guest ends, in words that follow "the guest". */
static const char *end_text(const libxl_dominfo *info)
{
    if (!info->shutdown)
        return "is gone from this host";
    switch (info->shutdown_reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF:    return "has shut down";
    case LIBXL_SHUTDOWN_REASON_REBOOT:      return "is rebooting";
    case LIBXL_SHUTDOWN_REASON_CRASH:       return "has crashed";
    default:                                return "has ended";
    }
}

/*
 * Returns 1 when it is suspended, 0 when not, or a libxl error. s->ended is
 * set when it is none of the two.
 */
static int is_suspended(struct sender *s)
{
    libxl_dominfo info;
    bool suspended;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(s->ctx, &info, s->domid);
    suspended = !rc && info.shutdown &&
                info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
    if (rc == ERROR_DOMAIN_NOTFOUND ||
        (!rc && !suspended && (info.shutdown || info.dying))) {
        s->ended = end_text(&info);
        rc = 0;
    }
    libxl_dominfo_dispose(&info);
    return rc ? rc : suspended;
}

/* ---- progress --------------------------------------------------------- */

static void watch_open(struct save *v)
{
    char path[XPC_STORE_PATH_LEN];

    v->xs = xs_open(0);
    if (!v->xs)
        return;
    libxl_domain_precopy_path(v->s->domid, path, sizeof(path));
    if (!xs_watch(v->xs, path, "precopy")) {
        xs_close(v->xs);
        v->xs = NULL;
    }
}

/* Several iterations may have ended since the last look. */
static void show_iterations(struct save *v)
{
    struct progress *p = v->s->progress;
    struct xpc_iteration it = { 0 };
    char leaf[64], err[XPC_ERR_LEN];
    uint64_t last, n;

    if (xpc_store_read(v->xs, v->s->domid, "progress", &xpc_iteration_type,
                       &it, err))
        return;
    last = it.number;
    n = last > XPC_STORE_ITERATIONS ? last - XPC_STORE_ITERATIONS : 0;
    for (n = n > p->shown ? n + 1 : p->shown + 1; n <= last; n++) {
        snprintf(leaf, sizeof(leaf), "iteration/%"PRIu64, n);
        if (!xpc_store_read(v->xs, v->s->domid, leaf, &xpc_iteration_type,
                            &it, err))
            progress_iteration(p, &it);
    }
}

/* The plug-in's watchdog: the guest lets the suspend request lie. */
static void look_overdue(struct save *v)
{
    char path[XPC_STORE_PATH_LEN];
    void *value = xs_read(v->xs, XBT_NULL, xpc_store_path(path, v->s->domid,
                                                          "overdue"), NULL);

    if (value && !v->s->broken) {
        progress_break(v->s->progress);
        sender_break(v->s, XPC_REASON_NO_ANSWER);
        migrate_logger_hold(v->s->logger);
        libxl_ao_abort(v->s->ctx, &v->how);
    }
    free(value);
}

static void watch_fired(struct save *v)
{
    libxl_precopy_active active;
    bool any = false;
    char **event;

    while ((event = xs_check_watch(v->xs))) {
        free(event);
        any = true;
    }
    if (!any)
        return;
    if (!libxl_domain_precopy_active(v->s->ctx, v->s->domid, &active))
        progress_params(v->s->progress, &active.params);
    show_iterations(v);
    look_overdue(v);
}

/* ---- the loop --------------------------------------------------------- */

static void save_done(libxl_ctx *ctx, int rc, void *user)
{
    struct save *v = user;

    (void)ctx;
    v->rc = rc;
    v->done = true;
}

static void on_signal(struct save *v)
{
    while (interrupt_take(v->s->interrupt_fd)) {
        progress_break(v->s->progress);
        if (!sender_signal(v->s))
            continue;
        migrate_logger_hold(v->s->logger);
        /* Not found: it is done, and so taken back afterwards. */
        libxl_ao_abort(v->s->ctx, &v->how);
    }
}

/*
 * What Xen says of the guest: are these the last pages? And a guest that has
 * ended will never suspend, for which libxl would wait a minute.
 */
static void look_after_guest(struct save *v)
{
    struct sender *s = v->s;

    if (xl_now_ns() - v->looked_ns < LOOK_NS && !progress_due(s->progress))
        return;
    v->looked_ns = xl_now_ns();
    s->progress->suspended = is_suspended(s) == 1;
    if (s->ended && !v->given_up) {
        v->given_up = true;
        progress_break(s->progress);
        migrate_logger_hold(s->logger);
        libxl_ao_abort(s->ctx, &v->how);
    }
}

#define OWN_FDS 2
/* By then libxl has started its helper: see transport_start(). */
#define START_NS (2 * UINT64_C(1000000000))

/*
 * One round: waits for libxl, a signal or news of the progress. *fds grows
 * as libxl wants. Returns 0 or a libxl error.
 */
static int poll_once(struct save *v, struct pollfd **fds, int *room)
{
    struct timeval now;
    int nr, timeout, rc, r;

    do {
        nr = *room - OWN_FDS;
        timeout = 500;
        gettimeofday(&now, NULL);
        rc = libxl_osevent_beforepoll(v->s->ctx, &nr, *fds + OWN_FDS,
                                      &timeout, now);
        if (rc == ERROR_BUFFERFULL) {
            struct pollfd *grown = realloc(*fds, (nr + OWN_FDS) *
                                                 sizeof(**fds));
            if (!grown)
                return ERROR_NOMEM;
            *fds = grown;
            *room = nr + OWN_FDS;
        }
    } while (rc == ERROR_BUFFERFULL);
    if (rc) return rc;

    (*fds)[0] = (struct pollfd){ .fd = v->s->interrupt_fd, .events = POLLIN };
    (*fds)[1] = (struct pollfd){ .fd = v->xs ? xs_fileno(v->xs) : -1,
                                 .events = POLLIN };
    r = poll(*fds, nr + OWN_FDS, timeout);
    if (r < 0 && errno != EINTR)
        return ERROR_FAIL;
    if (r <= 0) {
        for (int i = 0; i < nr + OWN_FDS; i++)
            (*fds)[i].revents = 0;
    }
    gettimeofday(&now, NULL);
    libxl_osevent_afterpoll(v->s->ctx, nr, *fds + OWN_FDS, now);
    if ((*fds)[0].revents)
        on_signal(v);
    if ((*fds)[1].revents)
        watch_fired(v);
    look_after_guest(v);
    progress_tick(v->s->progress, v->s->t.pid);
    return 0;
}

static int save(struct sender *s)
{
    const struct timespec step = { .tv_nsec = 50 * 1000 * 1000 };
    struct save v = {
        .s = s,
        .how = { .callback = save_done, .u.for_callback = &v },
    };
    int room = OWN_FDS + 8;
    struct pollfd *fds = calloc(room, sizeof(*fds));
    uint64_t begun_ns = xl_now_ns();
    int rc;

    if (!fds)
        return ERROR_NOMEM;
    rc = libxl_domain_live_migrate(s->ctx, s->domid, s->t.send_fd,
                                   s->suspend_flags, &s->progress->params,
                                   &v.how);
    if (rc) goto out;
    watch_open(&v);
    while (!v.done) {
        /*
         * Out of memory, it can only be: the operation goes on without us and
         * can't be left alone, so try again.
         */
        if (poll_once(&v, &fds, &room))
            nanosleep(&step, NULL);
        if (xl_now_ns() - begun_ns > START_NS)
            transport_let_go(&s->t);
    }
    rc = v.rc;
    if (v.xs && rc)
        show_iterations(&v);

 out:
    transport_let_go(&s->t);
    progress_break(s->progress);
    if (v.xs)
        xs_close(v.xs);
    free(fds);
    return rc;
}

/* ---- the other operations --------------------------------------------- */

static int read_report(struct sender *s)
{
    int rc;

    if (s->report_read)
        return 0;
    rc = libxl_domain_precopy_report(s->ctx, s->domid, s->report);
    s->report_read = !rc;
    return rc;
}

static int rename_domain(struct sender *s, const char *from, const char *to)
{
    return libxl_domain_rename(s->ctx, s->domid, from, to);
}

static void look(struct sender *s)
{
    is_suspended(s);
}

/*
 * An interruption may come between libxl asking the guest to suspend and the
 * guest taking notice; libxl then leaves the request standing. Returns true
 * when it was there and is withdrawn.
 */
static bool withdraw_suspend(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);
    bool pending = false, done = false;
    xs_transaction_t t;
    char path[64];
    char *asked;

    snprintf(path, sizeof(path), "/local/domain/%"PRIu32"/control/shutdown",
             domid);
    while (xs && !done) {
        t = xs_transaction_start(xs);
        if (t == XBT_NULL)
            break;
        asked = xs_read(xs, t, path, NULL);
        pending = asked && !strcmp(asked, "suspend");
        free(asked);
        if (pending)
            xs_write(xs, t, path, "", 0);
        done = xs_transaction_end(xs, t, !pending);
        if (!done && errno != EAGAIN) {
            pending = false;
            break;
        }
    }
    if (xs)
        xs_close(xs);
    return pending;
}

/*
 * A helper that ended without a report was killed, and libxenguest could not
 * clean up: Xen still logs the guest's writes, and whether the guest was asked
 * to suspend is not known.
 */
static void after_killed_helper(struct sender *s)
{
    if (xpc_logdirty_off(s->domid))
        fprintf(stderr, "migration sender: can't switch off the log of the "
                "guest's writes: %s: it is slower until it is migrated or "
                "started anew\n", strerror(errno));
}

/*
 * A guest that has taken notice of the request to suspend does so, though the
 * migration is broken off: give it time to.
 */
static int take_back(struct sender *s)
{
    const struct timespec step = { .tv_nsec = 50 * 1000 * 1000 };
    const struct xpc_report *r = s->report;
    int tries = 1, rc;

    rc = is_suspended(s);
    if (s->ended || rc < 0)
        return rc;
    if (!s->report_read)
        after_killed_helper(s);
    if (!rc && (!s->report_read || (r->suspend_asked_ns && !r->suspended_ns)))
        tries = withdraw_suspend(s->domid) ? 10 : 200;
    if (tries == 200 && !s->report_read)
        fprintf(stderr, "migration sender: waiting ten seconds in case the "
                "guest has been asked to suspend.\n");
    while (!rc && !s->ended && --tries) {
        nanosleep(&step, NULL);
        rc = is_suspended(s);
    }
    if (rc <= 0)
        return rc;
    return libxl_domain_resume(s->ctx, s->domid, 1, NULL);
}

static int destroy(struct sender *s)
{
    return libxl_domain_destroy(s->ctx, s->domid, NULL);
}

const struct sender_ops libxl_sender_ops = {
    .look           = look,
    .save           = save,
    .read_report    = read_report,
    .rename         = rename_domain,
    .take_back      = take_back,
    .destroy        = destroy,
};
