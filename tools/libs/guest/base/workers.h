/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A few threads that share a piece of work with the one that has it, and
 * sleep meanwhile.
 */
#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include <stddef.h>

struct workers;

/* Does the items from first up to, but not including, end. */
typedef void workers_fn(void *arg, size_t first, size_t end);

/*
 * So many threads besides the caller's: 0 is allowed. Fewer when no more are
 * to be had. NULL: out of memory.
 */
struct workers *workers_start(unsigned int threads);
/* As many as this machine has processors besides, at most most. */
unsigned int workers_spare(unsigned int most);
void workers_stop(struct workers *w);     /* NULL is allowed */

/*
 * Has fn do the items 0 to nr, each once, block of them at a time, in any
 * order, and returns when all are done. w may be NULL: the caller does all.
 */
void workers_run(struct workers *w, workers_fn *fn, void *arg,
                      size_t nr, size_t block);

#endif
