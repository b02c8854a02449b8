/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/thread.h"
#include "sources/clock.h"
#include "sources/job.h"

struct task {
    struct xpc_source *src;
    struct xpc_meter meter;
    struct xpc_measurement m;   /* when ended */
    bool ended;
    uint64_t cpu_ns;            /* used so far */
    uint64_t wall_ns;           /* CLOCK_REALTIME at the start */
};

struct source_job {
    struct xpc_meter_request req;
    struct task *task;
    size_t nr;
    pthread_mutex_t lock;       /* of the tasks */
    pthread_t thread;
    bool running;               /* the thread is to be joined */
    int cancel_fd, done_fd;
};

static uint64_t wall_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

static void end_task(struct task *t, bool failed)
{
    xpc_meter_end(&t->meter, failed, &t->m);
    t->m.start_ns = t->wall_ns;
    t->m.cost.cpu_ns = t->cpu_ns;
    t->ended = true;
}

/* Starts a task, or does its next step, and accounts the CPU time. */
static void run_step(struct source_job *job, struct task *t, bool start)
{
    uint64_t before = thread_cpu_ns();
    int rc;

    pthread_mutex_lock(&job->lock);
    if (start)
        t->wall_ns = wall_now();
    rc = start ? xpc_meter_start(&t->meter, t->src, &job->req) :
                 xpc_meter_step(&t->meter);
    t->cpu_ns += thread_cpu_ns() - before;
    if (rc || t->meter.finished)
        end_task(t, rc);
    pthread_mutex_unlock(&job->lock);
}

/* The task whose step is due next, or NULL when all have ended. */
static struct task *find_next_task(struct source_job *job)
{
    struct task *next = NULL;

    for (size_t i = 0; i < job->nr; i++) {
        struct task *t = &job->task[i];

        if (!t->ended && (!next || t->meter.next_ns < next->meter.next_ns))
            next = t;
    }
    return next;
}

/* Waits until a task's step is due. Returns false if the job is cancelled. */
static bool wait_for_task(struct source_job *job, struct task *t)
{
    struct pollfd p = { .fd = job->cancel_fd, .events = POLLIN };
    bool real = t->src->ops->now == source_clock_now;
    uint64_t now = t->src->ops->now(t->src), left;
    struct timespec ts = { 0 };

    left = t->meter.next_ns > now ? t->meter.next_ns - now : 0;
    if (real) {
        ts.tv_sec = left / XPC_S;
        ts.tv_nsec = left % XPC_S;
    }
    if (ppoll(&p, 1, &ts, NULL) > 0)
        return false;
    if (!real)
        t->src->ops->wait(t->src, t->meter.next_ns);
    return true;
}

static void *run_job(void *opaque)
{
    struct source_job *job = opaque;
    uint64_t one = 1;
    struct task *t;
    bool going = true;

    for (size_t i = 0; i < job->nr; i++)
        run_step(job, &job->task[i], true);
    while ((t = find_next_task(job)) && (going = wait_for_task(job, t)))
        run_step(job, t, false);
    pthread_mutex_lock(&job->lock);
    for (size_t i = 0; !going && i < job->nr; i++) {
        if (!job->task[i].ended)
            end_task(&job->task[i], false);
    }
    pthread_mutex_unlock(&job->lock);
    if (write(job->done_fd, &one, sizeof(one)) != sizeof(one))
        return NULL;    /* impossible: the counter is far from its limit */
    return NULL;
}

/* ---- the job --------------------------------------------------------- */

static struct source_job *new_job(struct xpc_source *const *src, size_t nr,
                                  const struct xpc_meter_request *req)
{
    struct source_job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    job->req = *req;
    job->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    job->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&job->lock, NULL);
    job->task = calloc(nr, sizeof(*job->task));
    for (size_t i = 0; job->task && i < nr; i++) {
        job->task[i].src = src[i];
        job->task[i].meter.src = src[i];
        xpc_measurement_init(&job->task[i].m);
        job->nr++;
    }
    if (job->task && job->cancel_fd >= 0 && job->done_fd >= 0)
        return job;
    source_job_free(job);
    return NULL;
}

/* The thread blocks all signals: they are for the program's own threads. */
static int start_thread(struct source_job *job)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&job->thread, NULL, run_job, job);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    job->running = !r;
    return r;
}

struct source_job *source_job_start(struct xpc_source *const *src, size_t nr,
                                    const struct xpc_meter_request *req,
                                    char err[XPC_ERR_LEN])
{
    struct source_job *job = NULL;
    int r = EINVAL;

    if (!xpc_meter_request_check(req, err)) {
        job = new_job(src, nr, req);
        r = job ? start_thread(job) : ENOMEM;
        if (!r)
            return job;
        snprintf(err, XPC_ERR_LEN, "can't measure: %s", strerror(r));
    }
    if (job)
        source_job_free(job);
    for (size_t i = 0; !job && i < nr; i++)
        src[i]->ops->close(src[i]);
    errno = r;
    return NULL;
}

int source_job_fd(const struct source_job *job)
{
    return job->done_fd;
}

int source_job_query(struct source_job *job, size_t i,
                     struct xpc_measurement *m_r, double *progress_r)
{
    struct task *t = &job->task[i];
    int rc;

    pthread_mutex_lock(&job->lock);
    if (t->ended) {
        rc = xpc_measurement_copy(&t->m, t->m.nr_periods, m_r);
    } else {
        rc = xpc_measurement_copy(&t->meter.m, t->meter.period, m_r);
        m_r->start_ns = t->wall_ns;
    }
    if (progress_r)
        *progress_r = t->ended ? 1 : xpc_meter_progress(&t->meter,
                                               t->src->ops->now(t->src));
    pthread_mutex_unlock(&job->lock);
    return rc;
}

void source_job_cancel(struct source_job *job)
{
    uint64_t one = 1;

    /* It fails only if the counter is full; then the job is cancelled. */
    if (write(job->cancel_fd, &one, sizeof(one)) < 0)
        return;
}

void source_job_wait(struct source_job *job)
{
    if (job->running)
        pthread_join(job->thread, NULL);
    job->running = false;
}

void source_job_free(struct source_job *job)
{
    if (!job)
        return;
    source_job_cancel(job);
    source_job_wait(job);
    for (size_t i = 0; i < job->nr; i++) {
        struct task *t = &job->task[i];

        xpc_measurement_dispose(&t->m);
        t->src->ops->close(t->src);
    }
    if (job->cancel_fd >= 0)
        close(job->cancel_fd);
    if (job->done_fd >= 0)
        close(job->done_fd);
    pthread_mutex_destroy(&job->lock);
    free(job->task);
    free(job);
}
