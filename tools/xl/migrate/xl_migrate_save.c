/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <libxl_event.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "json/migration.h"
#include "libxl_precopy.h"
#include "migrate/xl_migrate_save.h"
#include "migrate/xl_protocol.h"
#include "migrate/xl_take_back.h"
#include "xen/saver.h"
#include "xen/store.h"
#include "xen/suspend.h"

/* A libxl_domain_suspend() under way. */
struct save {
    struct sender *s;
    struct xs_handle *xs;           /* with watches; NULL: no progress */
    libxl_asyncop_how how;
    uint64_t checked_ns;            /* last check of the guest's state */
    bool given_up;                  /* aborted because the guest has ended */
    bool aborted;                   /* because of xl migrate-cancel */
    unsigned int request_events;
    bool other_request;             /* the pending request is to shut down */
    bool in_force;                  /* the plug-in is active, or not needed */
    bool done;
    int rc;
};

#define CHECK_NS UINT64_C(1000000000)
/* Token of the watch on the suspend request. */
#define REQUEST "request"

static int read_report(struct sender *s)
{
    int rc;

    if (s->report_read)
        return 0;
    rc = libxl_domain_precopy_report(s->ctx, s->domid, s->report);
    s->report_read = !rc;
    return rc;
}

/* ---- progress --------------------------------------------------------- */

static void open_watches(struct save *v)
{
    char path[XEN_STORE_PATH_LEN], request[XEN_SUSPEND_PATH_LEN];

    v->xs = xs_open(0);
    if (!v->xs)
        return;
    libxl_domain_precopy_path(v->s->domid, path, sizeof(path));
    if (!xs_watch(v->xs, path, "precopy") ||
        !xs_watch(v->xs, xen_suspend_path(request, v->s->domid),
                  REQUEST)) {
        xs_close(v->xs);
        v->xs = NULL;
    }
}

/* Several iterations may have ended since the last call. */
static void show_iterations(struct save *v)
{
    struct progress *p = v->s->progress;
    struct xpc_iteration latest = { 0 };
    char leaf[64], err[XPC_ERR_LEN];
    uint64_t last, n;

    if (xen_store_read(v->xs, XBT_NULL, v->s->domid, "progress",
                       &xpc_iteration_type, &latest, err))
        return;
    last = latest.number;
    n = last > XEN_STORE_ITERATIONS ? last - XEN_STORE_ITERATIONS : 0;
    for (n = n > p->shown ? n + 1 : p->shown + 1; n <= last; n++) {
        /* What it lacks is 0. */
        struct xpc_iteration it = { 0 };

        snprintf(leaf, sizeof(leaf), "iteration/%"PRIu64, n);
        if (!xen_store_read(v->xs, XBT_NULL, v->s->domid, leaf,
                            &xpc_iteration_type, &it, err))
            progress_show_iteration(p, &it);
    }
}

/* Aborts if the plug-in reports that the guest ignores the request. */
static void check_overdue(struct save *v)
{
    char path[XEN_STORE_PATH_LEN];
    void *value = xs_read(v->xs, XBT_NULL, xen_store_path(path, v->s->domid,
                                                          "overdue"), NULL);

    if (value && !v->s->broken) {
        /* The maximum downtime may be over before the plug-in knows. */
        bool paused = !strcmp(value, xpc_reason_names[XPC_REASON_PAUSED]) ||
                      sender_is_paused(v->s);

        progress_break(v->s->progress);
        sender_break_off(v->s, paused ? XPC_REASON_PAUSED :
                                        XPC_REASON_NO_ANSWER);
        migrate_logger_hold(v->s->logger);
        libxl_ao_abort(v->s->ctx, &v->how);
    }
    free(value);
}

/*
 * Aborts on xl migrate-cancel after the guest was asked to suspend. The
 * plug-in handles it otherwise, but waits for libxl then.
 */
static void check_cancelled(struct save *v)
{
    char path[XEN_STORE_PATH_LEN];
    void *value;

    if (!v->s->asked || v->s->progress->suspended || v->aborted)
        return;
    value = xs_read(v->xs, XBT_NULL, xen_store_path(path, v->s->domid,
                                                    "cancel"), NULL);
    if (value) {
        v->aborted = true;
        migrate_logger_hold(v->s->logger);
        libxl_ao_abort(v->s->ctx, &v->how);
    }
    free(value);
}

/*
 * libxl asks the guest to suspend by writing to a node, and the guest clears
 * it to acknowledge the request. If the node is empty at an event other than
 * the watch's first, both have happened.
 */
static void check_request(struct save *v)
{
    struct progress *p = v->s->progress;
    char path[XEN_SUSPEND_PATH_LEN];
    char *value = xs_read(v->xs, XBT_NULL,
                          xen_suspend_path(path, v->s->domid), NULL);
    bool pending = value && !strcmp(value, "suspend");
    bool other = value && *value && !pending, was_other = v->other_request;

    free(value);
    v->other_request = other;
    if ((!v->request_events++ && !pending) || other || (was_other && !pending))
        return;
    if (!v->s->asked) {
        v->s->asked = true;
        guard_tell(&v->s->guard, GUARD_ASKED);
        p->asked_ns = clock_now_ns();
    }
    if (!pending && !p->acknowledged_ns)
        p->acknowledged_ns = clock_now_ns();
}

static void handle_watches(struct save *v)
{
    libxl_precopy_active active;
    bool any = false;
    char **event;

    while ((event = xs_check_watch(v->xs))) {
        if (event[XS_WATCH_TOKEN] &&
            !strcmp(event[XS_WATCH_TOKEN], REQUEST))
            check_request(v);
        else
            any = true;
        free(event);
    }
    check_cancelled(v);
    if (!any)
        return;
    if (!libxl_domain_precopy_active(v->s->ctx, v->s->domid, &active))
        progress_set_params(v->s->progress, &active.params);
    show_iterations(v);
    check_overdue(v);
}

/* ---- the loop --------------------------------------------------------- */

static void save_done(libxl_ctx *ctx, int rc, void *user)
{
    struct save *v = user;

    (void)ctx;
    v->rc = rc;
    v->done = true;
}

static void handle_signals(struct save *v)
{
    while (interrupt_take(v->s->interrupt_fd)) {
        progress_break(v->s->progress);
        if (!sender_handle_signal(v->s))
            continue;
        migrate_logger_hold(v->s->logger);
        /* ERROR_NOTFOUND means that the operation has completed. */
        libxl_ao_abort(v->s->ctx, &v->how);
    }
}

/*
 * Asks Xen for the guest's state, to tell stop-and-copy from an iteration.
 * Aborts if the guest has ended: libxl would wait a minute for it to suspend.
 */
static void check_guest_state(struct save *v)
{
    struct sender *s = v->s;

    if (clock_now_ns() - v->checked_ns < CHECK_NS && !progress_due(s->progress))
        return;
    v->checked_ns = clock_now_ns();
    s->progress->suspended = sender_is_suspended(s) == 1;
    if (s->ended && !v->given_up) {
        v->given_up = true;
        progress_break(s->progress);
        migrate_logger_hold(s->logger);
        libxl_ao_abort(s->ctx, &v->how);
    }
}

/*
 * Aborts if the plug-in has not announced itself in xenstore by the time
 * libxenguest sends the first page. That the helper loads it was checked
 * before the migration; this finds a helper that was replaced since.
 */
static void check_in_force(struct save *v)
{
    struct sender *s = v->s;
    libxl_precopy_active active;
    int rc;

    if (v->in_force || (v->done ? v->rc : !s->progress->iteration))
        return;
    rc = libxl_domain_precopy_active(s->ctx, s->domid, &active);
    if (rc && rc != ERROR_NOTFOUND && !v->done)
        return;                     /* look again */
    v->in_force = true;
    if (!rc || !read_report(s))
        return;
    progress_break(s->progress);
    fprintf(stderr, SENDER "the save helper does not keep to the policy: "
            "giving up.\n");
    free(s->report->text);
    s->report->text = xl_asprintf("failed: the save helper does not keep to "
                                  "the policy: reinstall xen-precopy");
    migrate_logger_hold(s->logger);
    if (v->done)
        v->rc = ERROR_FAIL;
    else
        libxl_ao_abort(s->ctx, &v->how);
}

#define OWN_FDS 2
/* libxl has started its helper by then, see transport_open(). */
#define START_NS (2 * UINT64_C(1000000000))

/*
 * Waits once for events of libxl, signals and xenstore, and handles them. *fds
 * is enlarged as libxl needs. Returns 0 or a libxl error.
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
        handle_signals(v);
    if ((*fds)[1].revents)
        handle_watches(v);
    check_guest_state(v);
    check_in_force(v);
    progress_tick(v->s->progress, v->s->t.pid);
    return 0;
}

/*
 * If the save helper dies while libxl waits for the guest to suspend, libxl
 * (4.17) leaves its watch and timer registered in memory that it has freed.
 * The context must then neither be used for events nor freed. Keep it
 * reachable for leak checkers.
 */
static void renew_ctx(struct sender *s)
{
    static libxl_ctx *spoilt __attribute__((used));
    libxl_ctx *ctx = xl_open_ctx(migrate_logger_xtl(s->logger));

    if (!ctx)
        return;
    spoilt = s->ctx;
    s->ctx = ctx;
}

/*
 * Handles the watch events that are still to come, so that no suspend request
 * is missed: xenstored sends them before the answer to a read.
 */
static void catch_up(struct save *v)
{
    xen_suspend_pending(v->xs, v->s->domid);
    handle_watches(v);
    show_iterations(v);
}

/* Another program has begun to save the domain since the check. */
static void set_refused(struct sender *s)
{
    struct xpc_report *r = s->report;
    char err[XPC_ERR_LEN] = "the domain is being migrated or saved";

    xen_saver_check(s->domid, err);
    r->outcome = XPC_OUTCOME_REFUSED;
    r->reason = xl_asprintf("refused");
    r->text = xl_asprintf("%s", err);
    s->report_read = true;
}

static int save_domain(struct sender *s)
{
    const struct timespec step = { .tv_nsec = 50 * 1000 * 1000 };
    struct save v = {
        .s = s,
        .how = { .callback = save_done, .u.for_callback = &v },
        .in_force = !xpc_params_ask(&s->progress->params),
    };
    int room = OWN_FDS + 8;
    struct pollfd *fds = calloc(room, sizeof(*fds));
    struct xpc_params params = s->progress->params;
    uint64_t begun_ns = clock_now_ns();
    int rc;

    if (!fds)
        return ERROR_NOMEM;
    /* The plug-in treats this as "send", and counts zero pages. */
    if (s->count_zero_pages)
        params.zero_pages = XPC_ZERO_PAGES_AUTO;
    rc = libxl_domain_live_migrate(s->ctx, s->domid, s->t.send_fd,
                                   s->suspend_flags, &params, &v.how);
    if (rc == ERROR_LOCK_FAIL)
        set_refused(s);
    if (rc) goto out;
    open_watches(&v);
    while (!v.done) {
        /* Probably out of memory. The operation continues, so try again. */
        if (poll_once(&v, &fds, &room))
            nanosleep(&step, NULL);
        if (clock_now_ns() - begun_ns > START_NS)
            transport_close_spare(&s->t);
    }
    rc = v.rc;
    if (v.xs && rc)
        catch_up(&v);
    if (rc)
        renew_ctx(s);

 out:
    transport_close_spare(&s->t);
    progress_break(s->progress);
    if (v.xs)
        xs_close(v.xs);
    free(fds);
    return rc;
}

/* ---- the other operations --------------------------------------------- */

static int rename_domain(struct sender *s, const char *from, const char *to)
{
    return libxl_domain_rename(s->ctx, s->domid, from, to);
}

static void check_guest(struct sender *s)
{
    sender_is_suspended(s);
}

/* In the guard, xl may have destroyed it before it was killed. */
static int destroy_domain(struct sender *s)
{
    return sender_is_gone(s) ? 0 :
           libxl_domain_destroy(s->ctx, s->domid, NULL);
}

const struct sender_ops libxl_sender_ops = {
    .check_guest    = check_guest,
    .save           = save_domain,
    .read_report    = read_report,
    .rename         = rename_domain,
    .take_back      = sender_take_back,
    .destroy        = destroy_domain,
};
