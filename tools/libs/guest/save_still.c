/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "save_plugin.h"
#include "save_still.h"
#include "xpc_units.h"

#define INTERVAL_NS XPC_MS

struct save_still {
    xc_interface *xch;
    uint32_t domid;
    struct save_thread thread;
    uint64_t running_ns;        /* seen running last */
    uint64_t ran_ns;            /* for so long by then, a processor of it */
    uint64_t still_ns;          /* since when it is suspended; 0: it is not */
};

static bool suspended(xc_interface *xch, uint32_t domid, uint64_t *ran_ns)
{
    xc_dominfo_t info;

    if (xc_domain_getinfo(xch, domid, 1, &info) != 1 || info.domid != domid)
        return false;
    /* Summed up over all of them, which may have run at the same time. */
    *ran_ns = info.cpu_time / (info.nr_online_vcpus ? info.nr_online_vcpus : 1);
    return info.shutdown && info.shutdown_reason == SHUTDOWN_suspend;
}

bool save_still_is(xc_interface *xch, uint32_t domid)
{
    uint64_t ran_ns;

    return suspended(xch, domid, &ran_ns);
}

/*
 * Between the last look and this one it has stopped. They are far apart when
 * something else had our processor, be it the guest itself: so first take off
 * what it ran since then, and of what is left the middle.
 */
static void look(struct save_still *s)
{
    uint64_t now = save_now_ns(), ran = s->ran_ns, first;

    if (!suspended(s->xch, s->domid, &ran)) {
        s->running_ns = now;
        s->ran_ns = ran;
        return;
    }
    first = s->running_ns + (ran - s->ran_ns);
    s->still_ns = first < now ? first + (now - first) / 2 : now;
}

static void *look_on(void *arg)
{
    struct save_still *s = arg;

    pthread_mutex_lock(&s->thread.lock);
    look(s);
    while (!s->thread.quit && !s->still_ns) {
        save_cond_wait_until(&s->thread.wake, &s->thread.lock,
                             save_now_ns() + INTERVAL_NS);
        look(s);
    }
    pthread_mutex_unlock(&s->thread.lock);
    return NULL;
}

static void dispose(struct save_still *s)
{
    xc_interface_close(s->xch);
    free(s);
}

struct save_still *save_still_start(uint32_t domid)
{
    struct save_still *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->domid = domid;
    s->running_ns = save_now_ns();
    s->xch = xc_interface_open(NULL, NULL, 0);
    if (!s->xch) {
        free(s);
        return NULL;
    }
    if (!save_thread_run(&s->thread, look_on, s))
        return s;
    dispose(s);
    return NULL;
}

uint64_t save_still_end(struct save_still *s)
{
    uint64_t ns;

    if (!s)
        return 0;
    save_thread_end(&s->thread);
    ns = s->still_ns;
    dispose(s);
    return ns;
}
