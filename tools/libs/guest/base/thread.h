/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads that block all signals. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Like pthread_create(), for a thread that blocks all signals: the toolstack
 * ends a save with a signal that must interrupt the main thread's write.
 */
int thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);
/*
 * Sets what a signal does, and lets the calling thread receive it. A process
 * inherits the blocked signals of the thread that has started it.
 */
void thread_take_signal(int sig, const struct sigaction *sa);
/* The processor's time that the calling thread has used, in ns. */
uint64_t thread_cpu_ns(void);

/*
 * A condition whose timeouts, ns, are those of CLOCK_MONOTONIC. As with
 * pthread_cond_timedwait(), lock must be held.
 */
void cond_init(pthread_cond_t *cond);
void cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
                     uint64_t ns);

/*
 * A thread that runs fn(arg), which must return when quit is set. lock protects
 * quit and the data shared with the thread; wake signals that it has changed.
 */
struct thread {
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool quit;
};

/*
 * Starts the thread. Returns 0, or an errno value; thread_end() must not be
 * called then.
 */
int thread_run(struct thread *t, void *(*fn)(void *), void *arg);
/* Sets quit, signals wake, and blocks until the thread has ended. */
void thread_end(struct thread *t);

#endif
