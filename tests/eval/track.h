/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages a set of processes dirties, by userfaultfd's asynchronous write
 * protection and PAGEMAP_SCAN (Linux 6.7 and later).
 *
 * A page has one number for as long as the recording lasts: a page of a
 * private mapping by its process and address, a page of a shared one by the
 * file and offset, whoever writes it. Numbers are given at the first write,
 * and those of a process that has ended are given again, as a kernel gives
 * out its pages again.
 */
#ifndef TRACK_H
#define TRACK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define TRACK_SOCKET_ENV "XPC_TRACE_SOCKET"
/* What a process announces to the recorder. */
#define TRACK_STARTED 's'
#define TRACK_FORKED 'f'

struct track;

/* Returns NULL with errno. */
struct track *track_new(void);
void track_free(struct track *t);

/*
 * Takes in a process, which waits meanwhile, by its userfaultfd (which now
 * belongs to t). kind TRACK_FORKED: what it has already is its parent's and
 * no new page. Returns 0, or -1 with errno.
 */
int track_add(struct track *t, pid_t pid, char kind, int uffd);

/*
 * The pages dirtied since the last call, ascending, each once; t's till the
 * next call. Returns 0, or -1 with errno.
 */
int track_scan(struct track *t, const uint32_t **pages_r, size_t *nr_r);

/* Numbers given so far: they are 0 to this - 1. */
uint32_t track_total(const struct track *t);
/* Processes alive at the last scan, and all ever seen. */
size_t track_processes(const struct track *t, size_t *ever_r);

/* Lists the numbers given: "<page> p <pid> <address>" or "<page> s <device>
 * <inode> <offset>". */
void track_list(const struct track *t, FILE *f);

#endif
