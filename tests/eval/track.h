/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracks the pages that a set of processes dirties, with the asynchronous
 * write protection of userfaultfd and PAGEMAP_SCAN (Linux 6.7 and later).
 *
 * A page has one number during the recording. A page of a private mapping is
 * identified by process and address, a page of a shared one by file and
 * offset, whichever process writes to it. Numbers are assigned at the first
 * write. Those of a process that has ended are assigned again, as the kernel
 * does with its pages.
 */
#ifndef TRACK_H
#define TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define TRACK_SOCKET_ENV "XPC_TRACE_SOCKET"
/* How a process came about, as it tells the recorder. */
#define TRACK_STARTED 's'
#define TRACK_FORKED 'f'

struct track;

/* Returns NULL with errno. */
struct track *track_new(void);
void track_free(struct track *t);

/*
 * Adds a process, which waits meanwhile. Takes its userfaultfd. kind
 * TRACK_FORKED: its present pages are those of its parent, and not new. Returns
 * 0, or -1 with errno.
 */
int track_add(struct track *t, pid_t pid, char kind, int uffd);

/*
 * Returns the pages dirtied since the last call, ascending, each once. They are
 * valid until the next call. Returns 0, or -1 with errno.
 */
int track_scan(struct track *t, const uint32_t **pages_r, size_t *nr_r);

/*
 * Reads the page with this number, as some process that has written to it sees
 * it now. Returns whether it could be read.
 */
bool track_read(const struct track *t, uint32_t number, void *page);

/* The number of page numbers so far, which begin at 0. */
uint32_t track_total(const struct track *t);
/* The processes alive at the last scan, and the number of all so far. */
size_t track_processes(const struct track *t, size_t *ever_r);

/*
 * Lists the page numbers: "<page> p <pid> <address>" or "<page> s <device>
 * <inode> <offset>".
 */
void track_list(const struct track *t, FILE *f);

#endif
