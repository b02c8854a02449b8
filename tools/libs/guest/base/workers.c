/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/workers.h"

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    unsigned int round;         /* number of this workers_run() */
    unsigned int busy;          /* threads at work */
    bool quit;
    /* The work of this round. */
    workers_fn *fn;
    void *arg;
    size_t nr, block;
    atomic_size_t next;         /* first item that is not taken */
    unsigned int threads;
    pthread_t thread[];
};

static void do_blocks(struct workers *w)
{
    size_t first, end;

    while ((first = atomic_fetch_add(&w->next, w->block)) < w->nr) {
        end = w->nr - first < w->block ? w->nr : first + w->block;
        w->fn(w->arg, first, end);
    }
}

static void *worker(void *arg)
{
    struct workers *w = arg;
    unsigned int seen = 0;

    pthread_mutex_lock(&w->lock);
    while (!w->quit) {
        if (seen == w->round) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        seen = w->round;
        w->busy++;
        pthread_mutex_unlock(&w->lock);
        do_blocks(w);
        pthread_mutex_lock(&w->lock);
        if (!--w->busy)
            pthread_cond_signal(&w->idle);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct workers *workers_start(unsigned int threads)
{
    struct workers *w = calloc(1, sizeof(*w) +
                                  threads * sizeof(w->thread[0]));

    if (!w)
        return NULL;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    pthread_cond_init(&w->idle, NULL);
    while (w->threads < threads &&
           !thread_start(&w->thread[w->threads], worker, w))
        w->threads++;
    return w;
}

unsigned int workers_spare(unsigned int most)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned int spare = processors > 1 ? processors - 1 : 0;

    return spare < most ? spare : most;
}

void workers_stop(struct workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (unsigned int i = 0; i < w->threads; i++)
        pthread_join(w->thread[i], NULL);
    pthread_cond_destroy(&w->wake);
    pthread_cond_destroy(&w->idle);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void wait_idle(struct workers *w)
{
    while (w->busy)
        pthread_cond_wait(&w->idle, &w->lock);
}

/*
 * A thread may wake late, even after the round, and finds no items then. While
 * it looks, the work of the next round must not be set: hence the first
 * wait_idle().
 */
void workers_run(struct workers *w, workers_fn *fn, void *arg, size_t nr,
                 size_t block)
{
    if (!w || !w->threads || nr <= block) {
        if (nr)
            fn(arg, 0, nr);
        return;
    }
    pthread_mutex_lock(&w->lock);
    wait_idle(w);
    w->fn = fn;
    w->arg = arg;
    w->nr = nr;
    w->block = block;
    atomic_store(&w->next, 0);
    w->round++;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    do_blocks(w);
    pthread_mutex_lock(&w->lock);
    wait_idle(w);
    pthread_mutex_unlock(&w->lock);
}
