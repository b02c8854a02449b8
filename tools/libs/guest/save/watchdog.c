/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/thread.h"
#include "xen/store.h"
#include "save/watchdog.h"

/*
 * A signal that arrives just before the write blocks is lost: repeat it. So may
 * be what xenstore is told.
 */
#define AGAIN_NS (5 * XPC_MS)
/* libxl's own children use no real-time signal. */
#define SIGNAL (SIGRTMIN + 3)

struct save_watchdog {
    uint32_t domid;
    pthread_t main;
    struct thread thread;
    atomic_ullong deadline_ns;
    bool tell, told;
    bool writes;
};

static void nothing(int sig)
{
    (void)sig;      /* its effect is the interrupted call */
}

/*
 * Called with the lock held, which it drops meanwhile: xenstored may be slow to
 * answer, and the main thread takes the lock while the guest is suspended. The
 * main thread's xenstore handle is not for this thread, so it opens its own.
 */
static void tell(struct save_watchdog *w)
{
    char path[XEN_STORE_PATH_LEN];
    struct xs_handle *xs;
    bool ok;

    w->told = true;
    pthread_mutex_unlock(&w->thread.lock);
    xs = xs_open(0);
    ok = xs && xs_write(xs, XBT_NULL, xen_store_path(path, w->domid,
                                                     "overdue"), "1", 1);
    if (xs)
        xs_close(xs);
    pthread_mutex_lock(&w->thread.lock);
    if (ok)
        return;
    w->told = false;
    cond_wait_until(&w->thread.wake, &w->thread.lock,
                    clock_now_ns() + AGAIN_NS);
}

static void *watch(void *arg)
{
    struct save_watchdog *w = arg;
    uint64_t now, deadline;

    pthread_mutex_lock(&w->thread.lock);
    while (!w->thread.quit) {
        deadline = atomic_load(&w->deadline_ns);
        now = clock_now_ns();
        if (!deadline || w->told) {
            pthread_cond_wait(&w->thread.wake, &w->thread.lock);
        } else if (now < deadline) {
            cond_wait_until(&w->thread.wake, &w->thread.lock, deadline);
        } else if (w->tell) {
            tell(w);
        } else {
            if (w->writes)
                pthread_kill(w->main, SIGNAL);
            cond_wait_until(&w->thread.wake, &w->thread.lock,
                                 now + AGAIN_NS);
        }
    }
    pthread_mutex_unlock(&w->thread.lock);
    return NULL;
}

struct save_watchdog *save_watchdog_start(uint32_t domid)
{
    struct sigaction sa = { .sa_handler = nothing };    /* no SA_RESTART */
    struct save_watchdog *w = calloc(1, sizeof(*w));
    int r;

    if (!w)
        return NULL;
    w->domid = domid;
    w->main = pthread_self();
    thread_take_signal(SIGNAL, &sa);
    r = thread_run(&w->thread, watch, w);
    if (!r)
        return w;
    free(w);
    errno = r;
    return NULL;
}

void save_watchdog_stop(struct save_watchdog *w)
{
    if (!w)
        return;
    thread_end(&w->thread);
    free(w);
}

void save_watchdog_set(struct save_watchdog *w, uint64_t deadline_ns,
                       bool tell_it)
{
    pthread_mutex_lock(&w->thread.lock);
    atomic_store(&w->deadline_ns, deadline_ns);
    w->tell = tell_it;
    w->told = false;
    pthread_cond_signal(&w->thread.wake);
    pthread_mutex_unlock(&w->thread.lock);
}

/* Under the lock, so that the signal hits the write and nothing after it. */
void save_watchdog_writes(struct save_watchdog *w, bool writes)
{
    pthread_mutex_lock(&w->thread.lock);
    w->writes = writes;
    pthread_mutex_unlock(&w->thread.lock);
}

bool save_watchdog_passed(const struct save_watchdog *w)
{
    uint64_t deadline = atomic_load(&w->deadline_ns);

    return deadline && clock_now_ns() >= deadline;
}
