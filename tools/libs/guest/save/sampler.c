/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/thread.h"
#include "save/sampler.h"

/* From a clean to the first count; later intervals grow by a quarter. */
#define FIRST_NS (10 * XPC_MS)
#define LONGEST_NS XPC_S

struct save_sampler {
    xc_interface *xch;
    uint32_t domid;
    struct thread thread;
    bool running;               /* the bitmap has been cleaned: count */
    uint64_t clean_ns;          /* when the bitmap was last clean */
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    size_t nr;
    uint64_t peeks, peek_ns;
};

static uint64_t next_sample_ns(const struct save_sampler *s)
{
    uint64_t last = s->nr ? s->samples[s->nr - 1].t_ns : 0;
    uint64_t step = last / 4;

    if (step < FIRST_NS)
        step = FIRST_NS;
    if (step > LONGEST_NS)
        step = LONGEST_NS;
    return s->clean_ns + last + step;
}

/* Drops every second sample of a full array: the intervals still grow. */
static void make_room(struct save_sampler *s)
{
    size_t to = 0;

    if (s->nr < XPC_SAMPLES_MAX)
        return;
    for (size_t i = 1; i < s->nr; i += 2)
        s->samples[to++] = s->samples[i];
    s->nr = to;
}

static void count(struct save_sampler *s)
{
    xc_shadow_op_stats_t stats = { 0 };
    uint64_t before = clock_now_ns(), after;
    long long r = xc_logdirty_control(s->xch, s->domid,
                                      XEN_DOMCTL_SHADOW_OP_PEEK, NULL, 0, 0,
                                      &stats);

    after = clock_now_ns();
    s->peeks++;
    s->peek_ns += after - before;
    if (r < 0) {
        s->running = false;     /* the guest has gone, or log-dirty is off */
        return;
    }
    make_room(s);
    s->samples[s->nr++] = (struct xpc_dirty_count){
        .t_ns = before + (after - before) / 2 - s->clean_ns,
        .pages = stats.dirty_count,
    };
}

static void *sampler(void *arg)
{
    struct save_sampler *s = arg;

    pthread_mutex_lock(&s->thread.lock);
    while (!s->thread.quit) {
        uint64_t due;

        if (!s->running) {
            pthread_cond_wait(&s->thread.wake, &s->thread.lock);
            continue;
        }
        due = next_sample_ns(s);
        if (clock_now_ns() < due)
            cond_wait_until(&s->thread.wake, &s->thread.lock, due);
        else
            count(s);
    }
    pthread_mutex_unlock(&s->thread.lock);
    return NULL;
}

struct save_sampler *save_sampler_start(uint32_t domid)
{
    struct save_sampler *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return NULL;
    s->domid = domid;
    s->xch = xc_interface_open(NULL, NULL, 0);
    if (!s->xch) {
        free(s);
        return NULL;
    }
    r = thread_run(&s->thread, sampler, s);
    if (r) {
        xc_interface_close(s->xch);
        free(s);
        errno = r;
        return NULL;
    }
    return s;
}

void save_sampler_clean_begins(struct save_sampler *s)
{
    pthread_mutex_lock(&s->thread.lock);
}

void save_sampler_cleaned(struct save_sampler *s)
{
    s->clean_ns = clock_now_ns();
    s->nr = 0;
    s->running = true;
    pthread_cond_signal(&s->thread.wake);
    pthread_mutex_unlock(&s->thread.lock);
}

void save_sampler_hold(struct save_sampler *s)
{
    pthread_mutex_lock(&s->thread.lock);
}

void save_sampler_release(struct save_sampler *s)
{
    pthread_mutex_unlock(&s->thread.lock);
}

size_t save_sampler_take(struct save_sampler *s, struct xpc_dirty_count *to)
{
    size_t nr;

    pthread_mutex_lock(&s->thread.lock);
    nr = s->nr;
    memcpy(to, s->samples, nr * sizeof(*to));
    s->nr = 0;
    s->running = false;
    pthread_mutex_unlock(&s->thread.lock);
    return nr;
}

void save_sampler_cost(struct save_sampler *s, uint64_t *peeks_r,
                       uint64_t *ns_r)
{
    pthread_mutex_lock(&s->thread.lock);
    *peeks_r = s->peeks;
    *ns_r = s->peek_ns;
    pthread_mutex_unlock(&s->thread.lock);
}

void save_sampler_stop(struct save_sampler *s)
{
    if (!s)
        return;
    thread_end(&s->thread);
    xc_interface_close(s->xch);
    free(s);
}
