/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads that take no signals. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * pthread_create() for a thread that takes no signals: the toolstack ends a
 * save by one that interrupts the main thread's write.
 */
int thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);
/* A condition that is waited on by CLOCK_MONOTONIC, until ns at most. */
void cond_init(pthread_cond_t *cond);
void cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
                          uint64_t ns);

/*
 * A thread beside the main one, which runs fn(arg) until it finds quit set.
 * The lock guards quit and what the two share; wake says that it has changed.
 */
struct thread {
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool quit;
};

/* 0, or an errno value: then there is nothing to end. */
int thread_run(struct thread *t, void *(*fn)(void *), void *arg);
void thread_end(struct thread *t);

#endif
