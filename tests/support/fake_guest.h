/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small guest, and scripts for fake_save.h that copy it as libxenguest does.
 */
#ifndef TESTS_SUPPORT_FAKE_GUEST_H
#define TESTS_SUPPORT_FAKE_GUEST_H

#include <stdio.h>

#include "support/fake_save.h"
#include "support/stream_reader.h"

#define PAGE READER_PAGE
#define BATCH 1024

extern unsigned char guest[BATCH][PAGE];

/* A memory stream for all that is written; NULL: it is not kept. */
extern FILE *written;

/* Write all of it, after short writes and signals too. Return 0 or -1. */
int loop_write(const void *p, size_t len);
int loop_writev(struct iovec *iov, int iovcnt);

/* Writes the whole guest as one record, a vector per page. */
int loop_send_guest(void);

/* One iteration that copies the guest. Returns the decision, or -1. */
int loop_copy_guest(unsigned int n);

/*
 * A script: a copy with three quarters of the pages zero, the guest suspended,
 * a copy of other contents, and a verify pass.
 */
int script_three_copies(void);

#endif
