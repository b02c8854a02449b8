/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two programs must not resume a guest at the same time: Xen would set a vCPU
 * back that runs already. xl resumes its guest itself, and is not interfered
 * with as long as it lives. libvirt does not if the save has failed
 * (libxlDomainMigrationSrcPerform): its guests are resumed at once. Other
 * toolstacks have a moment to do it.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/process.h"
#include "migrate/xl_migrate_notify.h"
#include "migrate/xl_save_guard.h"
#include "migrate/xl_take_back.h"
#include "xen/lock.h"
#include "xen/save_guard.h"
#include "xen/saver.h"

/* How long a toolstack that lives may take to resume the guest. */
static const struct {
    const char *name;
    uint64_t ns;
} patience[] = {
    { "xl", UINT64_MAX },
    { "libvirtd", 0 },
    { "virtxend", 0 },
};
#define OTHERS_NS (5 * XPC_S)

#define CHECK_MS 50

/* How long a toolstack that lives may leave it suspended after the save. */
#define HANDOVER_NS (60 * XPC_S)

struct heard {
    bool asked, suspended, failed, complete, done;
    uint64_t suspended_ns;          /* when it was heard */
};

/* Returns when the save has ended. */
static void hear_all(int fd, struct heard *h)
{
    ssize_t n;
    char c;

    while (!h->complete && !h->done &&
           ((n = read(fd, &c, 1)) == 1 || (n < 0 && errno == EINTR))) {
        if (n < 0)
            continue;
        h->asked |= c == XEN_SAVE_GUARD_ASKED;
        if (c == XEN_SAVE_GUARD_SUSPENDED && !h->suspended)
            h->suspended_ns = clock_now_ns();
        h->suspended |= c == XEN_SAVE_GUARD_SUSPENDED;
        h->failed |= c == XEN_SAVE_GUARD_FAILED;
        h->complete |= c == XEN_SAVE_GUARD_COMPLETE;
        h->done |= c == XEN_SAVE_GUARD_DONE;
    }
}

static uint64_t toolstack_patience_ns(const struct save_guard_job *job)
{
    for (size_t i = 0; i < sizeof(patience) / sizeof(patience[0]); i++) {
        if (!strcmp(job->toolstack, patience[i].name))
            return patience[i].ns;
    }
    return OTHERS_NS;
}

static bool toolstack_has_ended(struct save_guard_job *job)
{
    struct pollfd p = { .fd = job->toolstack_fd, .events = POLLIN };

    if (p.fd >= 0)
        return poll(&p, 1, CHECK_MS) == 1;
    poll(NULL, 0, CHECK_MS);
    return !process_lives(job->toolstack_pid, job->toolstack_start);
}

/*
 * Waits for the toolstack to resume or destroy the suspended guest, at most for
 * bound_ns. Returns 1 if it does not, and the guest is still suspended, 0 if it
 * does, or a libxl error if that is not known.
 */
static int wait_for_toolstack(struct save_guard_job *job, struct sender *s,
                              uint64_t bound_ns)
{
    uint64_t begun_ns = clock_now_ns();
    bool ended = false;
    int suspended;

    while ((suspended = sender_ask_suspended(s)) == 1) {
        if (ended || clock_now_ns() - begun_ns >= bound_ns)
            break;
        ended = toolstack_has_ended(job);
    }
    return suspended;
}

/* Returns true. */
static bool report_unknown(int rc)
{
    fprintf(stderr, "Xen does not say whether the guest is suspended (rc=%d): "
            "it may be suspended on this host: see xl list\n", rc);
    return true;
}

/* A killed save's log-dirty must not stay on, nor another's be switched off. */
static void clean_up(struct save_guard_job *job, struct sender *s,
                     const struct heard *h)
{
    char err[XPC_ERR_LEN];

    if (!h->failed && sender_ask_suspended(s) >= 0 && !s->ended &&
        !xen_saver_check(job->domid, err))
        sender_clean_up_for_helper(s);
}

/* Returns true if the guest does not run here and should. */
static bool take_back(struct save_guard_job *job, struct sender *s,
                      const struct heard *h)
{
    int suspended = sender_ask_suspended(s), left = suspended, rc;

    if (suspended > 0)
        left = wait_for_toolstack(job, s, toolstack_patience_ns(job));
    if (left < 0)
        return report_unknown(left);
    /* Whoever has resumed it may also have asked it to suspend again. */
    if (s->ended || (!left && (suspended || h->suspended)))
        return false;
    rc = sender_take_back(s);
    if (rc)
        fprintf(stderr, "resuming the guest failed (rc=%d): it is still "
                "suspended on this host\n", rc);
    else if (suspended && !s->ended)
        fprintf(stderr, "the migration failed after the guest was suspended, "
                "and %s did not resume it: it runs here again\n",
                job->toolstack);
    return rc;
}

/*
 * All was sent. Whether the target runs the guest, or will, only the toolstack
 * knows. Returns true if the guest stays suspended.
 */
static bool watch_handover(struct save_guard_job *job, struct sender *s)
{
    int left;

    close(job->lock_fd);
    left = wait_for_toolstack(job, s, HANDOVER_NS);
    if (left < 0)
        return report_unknown(left);
    if (!left)
        return false;
    fprintf(stderr, "the guest was sent completely, but %s has neither "
            "destroyed nor resumed it here, where it is suspended: look on "
            "the target if it runs there, and never run both\n",
            job->toolstack);
    return true;
}

int save_guard_run(struct save_guard_job *job)
{
    struct progress progress = { .mode = PROGRESS_NONE };
    struct xpc_report report;
    struct sender s = {
        .ctx = job->ctx, .domid = job->domid, .uuid = job->uuid,
        .progress = &progress, .report = &report, .interrupt_fd = -1,
        .lock_fd = job->lock_fd, .turn_fd = -1, .orphaned = true,
        .guard = GUARD_INIT,
    };
    struct heard h = { 0 };
    bool left = false;

    hear_all(job->fd, &h);
    if (h.complete)
        return watch_handover(job, &s);
    if (h.done)
        return 0;
    xpc_report_init(&report);
    xen_lock_sign(job->lock_fd, XEN_SAVE_GUARD);
    clean_up(job, &s, &h);
    /* Nothing else of the report matters to sender_take_back(). */
    report.suspend_asked_ns = h.asked;
    report.suspended_ns = h.suspended;
    s.report_read = true;
    if (h.asked)
        left = take_back(job, &s, &h);
    if (!left && !s.ended)
        migrate_notify_over(job->domid, h.suspended ?
                            clock_now_ns() - h.suspended_ns : 0);
    xpc_report_dispose(&report);
    return left;
}
