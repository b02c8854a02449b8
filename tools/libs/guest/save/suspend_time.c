/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/thread.h"
#include "json/migration.h"
#include "xen/store.h"
#include "save/suspend_time.h"
#include "xen/domain.h"

#define INTERVAL_NS XPC_MS
#define PAUSED_INTERVAL_MS 20

uint64_t domain_pause_grace_ns = 2 * XPC_S;

struct suspend_time {
    xc_interface *xch;
    uint32_t domid;
    struct thread thread;
    uint64_t running_ns;        /* when it was last seen running */
    uint64_t ran_ns;            /* how long a vCPU of it had run by then */
    uint64_t suspended_ns;      /* when it was suspended; 0: it is not */
    uint64_t paused_ns;         /* when it was paused; 0: it is not */
    bool told;                  /* the toolstack knows that it is paused */
};

int domain_is_suspended(xc_interface *xch, uint32_t domid)
{
    xc_domaininfo_t info;

    if (xen_domain_info(xch, domid, &info))
        return errno == ESRCH ? 0 : -1;
    return xen_domain_is_suspended(&info);
}

bool domain_stays_paused(xc_interface *xch, uint32_t domid)
{
    uint64_t until = clock_now_ns() + domain_pause_grace_ns;
    xc_domaininfo_t info;

    while (!xen_domain_info(xch, domid, &info) &&
           xen_domain_is_paused(&info)) {
        if (clock_now_ns() >= until)
            return true;
        poll(NULL, 0, PAUSED_INTERVAL_MS);
    }
    return false;
}

/* The time that a vCPU of it has run, if all have run at the same time. */
static uint64_t vcpu_time_ns(const xc_domaininfo_t *info)
{
    return info->cpu_time / (info->nr_online_vcpus ? info->nr_online_vcpus :
                                                     1);
}

/*
 * If the domain has been suspended since the last check, estimates when. The
 * checks are far apart if something else had our CPU, possibly the guest
 * itself: so the guest stopped after the time that it has run since then, and
 * the middle of the rest is taken.
 */
static void check_domain(struct suspend_time *s)
{
    uint64_t now = clock_now_ns(), ran = s->ran_ns, first;
    xc_domaininfo_t info = { 0 };
    bool known = !xen_domain_info(s->xch, s->domid, &info);

    if (known)
        ran = vcpu_time_ns(&info);
    if (!known || !xen_domain_is_suspended(&info)) {
        s->running_ns = now;
        s->ran_ns = ran;
        s->paused_ns = !known || !xen_domain_is_paused(&info) ? 0 :
                       s->paused_ns ? s->paused_ns : now;
        return;
    }
    first = s->running_ns + (ran - s->ran_ns);
    s->suspended_ns = first < now ? first + (now - first) / 2 : now;
}

static bool stays_paused(const struct suspend_time *s)
{
    return s->paused_ns && !s->told &&
           clock_now_ns() - s->paused_ns >= domain_pause_grace_ns;
}

/* The main thread's xenstore handle is not for this thread. */
static bool tell_paused(uint32_t domid)
{
    const char *name = xpc_reason_names[XPC_REASON_PAUSED];
    struct xs_handle *xs = xs_open(0);
    char path[XEN_STORE_PATH_LEN];

    bool ok;

    if (!xs)
        return false;
    ok = xs_write(xs, XBT_NULL, xen_store_path(path, domid, "overdue"), name,
                  strlen(name));
    xs_close(xs);
    return ok;
}

static void *watch_domain(void *arg)
{
    struct suspend_time *s = arg;
    bool told;

    pthread_mutex_lock(&s->thread.lock);
    check_domain(s);
    while (!s->thread.quit && !s->suspended_ns) {
        cond_wait_until(&s->thread.wake, &s->thread.lock,
                             clock_now_ns() + INTERVAL_NS);
        check_domain(s);
        if (stays_paused(s)) {
            /* xenstored may be slow: don't make the main thread wait. */
            pthread_mutex_unlock(&s->thread.lock);
            told = tell_paused(s->domid);
            pthread_mutex_lock(&s->thread.lock);
            s->told = told;
        }
    }
    pthread_mutex_unlock(&s->thread.lock);
    return NULL;
}

static void dispose(struct suspend_time *s)
{
    xc_interface_close(s->xch);
    free(s);
}

struct suspend_time *suspend_time_start(uint32_t domid)
{
    struct suspend_time *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->domid = domid;
    s->running_ns = clock_now_ns();
    s->xch = xc_interface_open(NULL, NULL, 0);
    if (!s->xch) {
        free(s);
        return NULL;
    }
    if (!thread_run(&s->thread, watch_domain, s))
        return s;
    dispose(s);
    return NULL;
}

uint64_t suspend_time_end(struct suspend_time *s)
{
    uint64_t ns;

    if (!s)
        return 0;
    thread_end(&s->thread);
    ns = s->suspended_ns;
    dispose(s);
    return ns;
}
