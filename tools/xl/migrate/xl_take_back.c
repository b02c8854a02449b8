/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes the guest back after a failed migration, resuming it if it is
 * suspended.
 *
 * A guest that was asked to suspend may still do so after the migration has
 * been broken off. Linux acknowledges the request before it freezes its
 * processes, which may take more than twenty seconds, and an acknowledged
 * request can't be withdrawn. So xl waits for the guest to suspend and resumes
 * it then, or the guard does if xl is interrupted or killed meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/process.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_protocol.h"
#include "migrate/xl_take_back.h"
#include "xen/cap.h"
#include "xen/dm_log.h"
#include "xen/logdirty.h"
#include "xen/store.h"
#include "xen/suspend.h"

/*
 * Time to wait for the guest, five times that of libxl. A limit is needed
 * because a guest that failed to freeze never suspends, and does not tell.
 */
#define ACKNOWLEDGED_NS (300 * XPC_S)
/* xl and its helper were killed, and it is unknown if the guest was asked. */
#define UNKNOWN_NS (60 * XPC_S)
/* It was suspended by a call to Xen, which takes effect at once or never. */
#define TRIGGERED_NS (2 * XPC_S)
/* Some kernels don't read and clear the request in one transaction. */
#define WITHDRAWN_NS (500 * XPC_MS)

/* Most guests suspend within this: print nothing before. */
#define SILENT_NS XPC_S
/* Interval between checks without a xenstore event. */
#define CHECK_MS 500
/* How long Xen is asked again if it does not say what state the guest is in. */
#define ANSWER_NS (30 * XPC_S)

struct wait {
    struct sender *s;
    struct xs_handle *xs;           /* NULL: xenstore can't be reached */
    uint64_t begun_ns, bound_ns;
    int suspended;                  /* as sender_is_suspended() said last */
    bool announced;                 /* the user knows that we wait */
    bool ours_pending;              /* our request could not be withdrawn */
    bool asked_again;               /* by another program */
};

/* ---- the guest --------------------------------------------------------- */

/* How the guest has ended, to follow "the guest". */
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

/* Whether the domain ID now belongs to another domain. */
static bool is_another(const struct sender *s, const libxl_dominfo *info)
{
    return !libxl_uuid_is_nil(&s->uuid) &&
           libxl_uuid_compare(&s->uuid, &info->uuid);
}

int sender_is_suspended(struct sender *s)
{
    libxl_dominfo info;
    bool suspended;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(s->ctx, &info, s->domid);
    if (!rc && is_another(s, &info)) {
        rc = ERROR_DOMAIN_NOTFOUND;
        info.shutdown = false;
    }
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

int sender_ask_suspended(struct sender *s)
{
    uint64_t begun_ns = clock_now_ns();
    int suspended;

    while ((suspended = sender_is_suspended(s)) < 0 &&
           clock_now_ns() - begun_ns < ANSWER_NS)
        poll(NULL, 0, CHECK_MS);
    return suspended;
}

bool sender_is_gone(struct sender *s)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(s->ctx, &info, s->domid);
    if (!rc && is_another(s, &info))
        rc = ERROR_DOMAIN_NOTFOUND;
    libxl_dominfo_dispose(&info);
    return rc == ERROR_DOMAIN_NOTFOUND;
}

bool sender_is_paused(struct sender *s)
{
    libxl_dominfo info;
    bool paused;

    libxl_dominfo_init(&info);
    paused = !libxl_domain_info(s->ctx, &info, s->domid) &&
             !is_another(s, &info) && info.paused && !info.shutdown;
    libxl_dominfo_dispose(&info);
    return paused;
}

/* ---- may it suspend? --------------------------------------------------- */

/* libxl suspends an HVM guest without PV drivers by a call to Xen. */
static bool suspends_by_call(struct sender *s)
{
    libxl_dominfo info;
    bool hvm;

    libxl_dominfo_init(&info);
    hvm = !libxl_domain_info(s->ctx, &info, s->domid) &&
          info.domain_type == LIBXL_DOMAIN_TYPE_HVM;
    libxl_dominfo_dispose(&info);
    return hvm && !xen_has_callback(s->domid);
}

/* How long the guest may still suspend, 0 if it can't. */
static uint64_t suspend_bound(struct wait *w)
{
    struct sender *s = w->s;
    const struct xpc_report *r = s->report;
    bool asked = s->report_read ? r->suspend_asked_ns && !r->suspended_ns :
                                  s->asked;
    bool known = s->report_read || s->asked || !s->orphaned;
    int withdrawn;

    if (known && !asked)
        return 0;
    withdrawn = w->xs ? xen_suspend_withdraw(w->xs, s->domid) : -1;
    if (withdrawn > 0)
        return WITHDRAWN_NS;
    w->ours_pending = withdrawn < 0;
    if (suspends_by_call(s))
        return TRIGGERED_NS;
    return known ? ACKNOWLEDGED_NS : UNKNOWN_NS;
}

/* ---- waiting ----------------------------------------------------------- */

static void open_watches(struct wait *w)
{
    char path[XEN_SUSPEND_PATH_LEN];

    if (!w->xs)
        return;
    xs_watch(w->xs, "@releaseDomain", "domain");
    xs_watch(w->xs, xen_suspend_path(path, w->s->domid), "request");
}

/* Sets or removes the node that migrate-status and migrate-cancel read. */
static void publish_wait(struct wait *w, bool waiting)
{
    char path[XEN_STORE_PATH_LEN], self[PROCESS_TEXT_LEN];

    if (!w->xs)
        return;
    xen_store_path(path, w->s->domid, "taking-back");
    process_text(self);
    if (waiting)
        xs_write(w->xs, XBT_NULL, path, self, strlen(self));
    else
        xs_rm(w->xs, XBT_NULL, path);
}

static uint64_t waited_ns(const struct wait *w)
{
    return clock_now_ns() - w->begun_ns;
}

/* Whether the guard can take over the waiting. */
static bool can_leave(const struct sender *s)
{
    return s->guard.pid && !s->orphaned;
}

static void announce_wait(struct wait *w)
{
    char time[XPC_UNIT_LEN];

    progress_break(w->s->progress);
    fprintf(stderr, SENDER "the guest has %s the request to suspend and may "
            "still suspend;\nwaiting up to %s to resume it then%s.\n",
            w->bound_ns == UNKNOWN_NS ? "perhaps acknowledged" :
            "acknowledged", xpc_format_time(time, w->bound_ns),
            can_leave(w->s) ? "; an interrupt leaves that to a process in "
            "the background" : "");
    w->announced = true;
    publish_wait(w, true);
}

static void show_progress(struct wait *w)
{
    uint64_t waited = waited_ns(w);

    if (w->bound_ns <= TRIGGERED_NS || waited < SILENT_NS)
        return;
    if (!w->announced)
        announce_wait(w);
    else if (!w->s->orphaned)
        progress_show_wait(w->s->progress, waited,
                             w->bound_ns > waited ? w->bound_ns - waited : 0);
}

/* On a signal: leaves the waiting to the guard. Returns false if it can't. */
static bool leave_to_guard(struct wait *w)
{
    struct sender *s = w->s;

    if (s->orphaned)
        return false;
    progress_break(s->progress);
    /* It may have been killed. */
    if (!can_leave(s) || guard_tell(&s->guard, GUARD_LATE)) {
        fprintf(stderr, SENDER "there is no process that could wait instead. "
                "Please wait.\n");
        return false;
    }
    fprintf(stderr, SENDER "interrupted: process %ld waits instead, to resume "
            "the guest when it has suspended.\n", (long)s->guard.pid);
    return true;
}

/* Waits for an event. Returns true when a signal ends the waiting. */
static bool wait_for_event(struct wait *w)
{
    struct pollfd fds[] = {
        { .fd = w->s->interrupt_fd, .events = POLLIN },
        { .fd = w->xs ? xs_fileno(w->xs) : -1, .events = POLLIN },
    };
    bool stop = false;
    char **event;

    poll(fds, 2, CHECK_MS);
    while (w->xs && (event = xs_check_watch(w->xs)))
        free(event);
    while (interrupt_take(w->s->interrupt_fd))
        stop = true;
    return stop && leave_to_guard(w);
}

/*
 * Whether another program is suspending the guest. Once the guest has
 * acknowledged a request of another program, ours has been dealt with, and the
 * suspend is that program's.
 */
static bool is_suspended_by_others(struct wait *w)
{
    int pending = w->xs && !w->ours_pending ?
                  xen_suspend_pending(w->xs, w->s->domid) : 0;
    char *name = libxl_domid_to_name(w->s->ctx, w->s->domid);
    bool away = name && strstr(name, MIGRATE_AWAY) &&
                (!w->s->name || strcmp(name, w->s->name));

    free(name);
    if (pending > 0)
        w->asked_again = true;
    return away || (w->asked_again && !pending);
}

static enum late_suspend wait_for_result(struct wait *w)
{
    struct sender *s = w->s;
    bool over;

    for (;;) {
        over = waited_ns(w) >= w->bound_ns;
        w->suspended = over ? sender_ask_suspended(s) :
                              sender_is_suspended(s);
        if (s->ended)
            return LATE_ENDED;
        if (is_suspended_by_others(w))
            return LATE_OTHERS;
        if (w->suspended == 1)
            return LATE_RESUMED;
        if (over)
            return w->suspended < 0 ? LATE_NO : LATE_NEVER;
        show_progress(w);
        if (wait_for_event(w))
            return LATE_LEFT;
    }
}

static void report_end(struct wait *w)
{
    struct sender *s = w->s;
    char time[XPC_UNIT_LEN];

    if (!w->announced && s->late != LATE_OTHERS)
        return;
    progress_break(s->progress);
    xpc_format_time(time, waited_ns(w));
    switch (s->late) {
    case LATE_RESUMED:
        fprintf(stderr, SENDER "the guest has suspended after %s: resuming "
                "it.\n", time);
        break;
    case LATE_NEVER:
        fprintf(stderr, SENDER "the guest has not suspended for %s: it runs "
                "here, and is waited for no longer.\n", time);
        break;
    case LATE_OTHERS:
        fprintf(stderr, SENDER "another program has asked the guest to "
                "suspend: leaving it to that.\n");
        break;
    default:
        break;
    }
}

/*
 * Returns 1 if the guest is suspended and to be resumed here, 0 if not, or a
 * libxl error if that is not known.
 */
static int wait_for_suspend(struct sender *s)
{
    struct wait w = { .s = s, .xs = xs_open(0), .begun_ns = clock_now_ns() };

    w.bound_ns = suspend_bound(&w);
    if (w.bound_ns) {
        open_watches(&w);
        s->late = wait_for_result(&w);
        if (s->late == LATE_RESUMED)
            s->late_ns = clock_now_ns();
        if (s->late == LATE_NEVER && w.bound_ns == WITHDRAWN_NS)
            s->late = LATE_NO;
        report_end(&w);
        if (w.announced && s->late != LATE_LEFT)
            publish_wait(&w, false);
    }
    if (w.xs)
        xs_close(w.xs);
    return w.suspended < 0 ? w.suspended : s->late == LATE_RESUMED;
}

/* ---- taking back ------------------------------------------------------- */

/* Does nothing unless the plug-in has noted that it is on. */
static void switch_off_dm_log(struct sender *s)
{
    struct xs_handle *xs = xs_open(0);
    char path[XEN_STORE_PATH_LEN];
    void *value = NULL;

    if (!xs)
        return;
    xen_store_path(path, s->domid, "dm-log");
    value = xs_read(xs, XBT_NULL, path, NULL);
    if (value && !xen_dm_log_off(s->domid))
        xs_rm(xs, XBT_NULL, path);
    else if (value)
        fprintf(stderr, SENDER "can't switch off the log of the device model's "
                "writes: %s: it is slower until the guest is migrated or "
                "started anew\n", strerror(errno));
    free(value);
    xs_close(xs);
}

void sender_clean_up_for_helper(struct sender *s)
{
    if (xen_logdirty_off(s->domid))
        fprintf(stderr, SENDER "can't switch off the log of the guest's "
                "writes: %s: it is slower until it is migrated or started "
                "anew\n", strerror(errno));
    switch_off_dm_log(s);
    if (xen_cap_restore(s->domid))
        fprintf(stderr, SENDER "can't give the guest back its cap: %s: it is "
                "slower until that is set with xl sched-credit or xl "
                "sched-credit2\n", strerror(errno));
}

int sender_take_back(struct sender *s)
{
    int rc = sender_ask_suspended(s);

    if (s->ended || rc < 0)
        return rc;
    /* If our save did not ask it to suspend, another toolstack did. */
    if (s->report_read && !s->report->suspend_asked_ns)
        return 0;
    if (!s->report_read)
        sender_clean_up_for_helper(s);
    if (!rc)
        rc = wait_for_suspend(s);
    if (rc <= 0)
        return rc;
    return libxl_domain_resume(s->ctx, s->domid, 1, NULL);
}
