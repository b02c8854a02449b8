/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A userfaultfd of another process. */
#ifndef SOURCES_PROCESS_INJECT_H
#define SOURCES_PROCESS_INJECT_H

#include <stdint.h>
#include <sys/types.h>

/* How long the process may take to stop, 2 s. */
extern uint64_t process_stop_ns;

/*
 * Has the process create a userfaultfd, and takes it over. x86-64 only; the
 * process is stopped for a moment. Returns a descriptor of ours, or -1 with
 * errno (ENOEXEC: it is no 64-bit program; ETIMEDOUT: it has not stopped).
 */
int process_inject_uffd(pid_t pid, int pidfd);

#endif
