/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include <xenprecopy/units.h>

#include "base/thread.h"

int thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

void thread_take_signal(int sig, const struct sigaction *sa)
{
    sigset_t set;

    sigaction(sig, sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

uint64_t thread_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

void cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
                     uint64_t ns)
{
    struct timespec ts = { .tv_sec = ns / XPC_S, .tv_nsec = ns % XPC_S };

    pthread_cond_timedwait(cond, lock, &ts);
}

int thread_run(struct thread *t, void *(*fn)(void *), void *arg)
{
    int r;

    t->quit = false;
    pthread_mutex_init(&t->lock, NULL);
    cond_init(&t->wake);
    r = thread_start(&t->id, fn, arg);
    if (r) {
        pthread_cond_destroy(&t->wake);
        pthread_mutex_destroy(&t->lock);
    }
    return r;
}

void thread_end(struct thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->id, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}
