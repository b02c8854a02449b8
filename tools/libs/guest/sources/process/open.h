/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of processes as a source: to try things without Xen, for
 * benchmarks, and to record traces of real programs.
 *
 * The source consists of all writable mappings. Their pages are numbered one
 * mapping after the other, those that appear later last. Pages that were never
 * touched are holes.
 *
 * Sampling reads pages with process_vm_readv(). Tracking uses userfaultfd in
 * asynchronous write-protect mode and PAGEMAP_SCAN, which need Linux 6.7 and
 * x86-64. The process's userfaultfd is created by a system call injected with
 * ptrace, and taken over at once; nothing of it stays in the process. Tracking
 * ends when this process ends, however it does.
 */
#ifndef SOURCES_PROCESS_OPEN_H
#define SOURCES_PROCESS_OPEN_H

#include <sys/types.h>

#include <xenprecopy/source.h>

#define SOURCE_PROCESS_MAX 256

/*
 * Opens nr processes as one source, to be freed by its close(). Returns NULL
 * with errno and one line in err on failure.
 */
struct xpc_source *xpc_source_process(const pid_t *pid, size_t nr,
                                      char err[XPC_ERR_LEN]);

#endif
