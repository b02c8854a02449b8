/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registration of memory for write tracking by userfaultfd. */
#ifndef SOURCES_PROCESS_REGISTER_H
#define SOURCES_PROCESS_REGISTER_H

#include <stdint.h>

/*
 * Registers nr_pages pages from the address start on with the process's uffd.
 * They count as written until they are protected. Returns 0, or -1 with errno;
 * EBUSY: another program tracks them.
 */
int process_register(int uffd, uint64_t start, uint64_t nr_pages);

#endif
