/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool of threads that share work with the calling thread, and sleep between
 * calls.
 */
#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include <stddef.h>

struct workers;

/* Processes the items in [first, end). Called by several threads at once. */
typedef void workers_fn(void *arg, size_t first, size_t end);

/*
 * Creates a pool with this many threads in addition to the caller's, 0 or more;
 * with fewer if no more can be created. Returns NULL if out of memory.
 */
struct workers *workers_start(unsigned int threads);
/* The number of processors besides the caller's, at most `most`. */
unsigned int workers_spare(unsigned int most);
/* Ends the threads and frees the pool. w may be NULL. */
void workers_stop(struct workers *w);

/*
 * Calls fn once for each block of up to `block` items in [0, nr), in any order;
 * returns when all calls have returned. If w is NULL, the caller does all the
 * work. Only one thread may use a pool at a time.
 */
void workers_run(struct workers *w, workers_fn *fn, void *arg, size_t nr,
                 size_t block);

#endif
