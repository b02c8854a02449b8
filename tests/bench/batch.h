/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch of pages, written as libxenguest 4.17 does it: a vector per page, and
 * as many calls as these need.
 */
#ifndef BATCH_H
#define BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <xenprecopy/xenprecopy.h>

#include "base/iov.h"
#include "save/stream/zero.h"

#define BATCH SAVE_BATCH

/*
 * Fills memory. zero_percent of it is zero, in runs of 64 pages, as guests use
 * and free memory. The rest is noise, of which half is repetition if it is to
 * be compressible.
 */
static inline void batch_fill(unsigned char *memory, uint64_t pages,
                              unsigned int zero_percent, bool repetitive)
{
    uint64_t rng = 88172645463325252;

    for (uint64_t i = 0; i < pages; i++) {
        uint64_t *page = (uint64_t *)(memory + i * XPC_PAGE_SIZE);
        bool zero = (i / 64 * 37) % 100 < zero_percent;

        for (size_t j = 0; j < XPC_PAGE_SIZE / sizeof(*page); j++) {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            page[j] = zero ? 0 : repetitive && j / 8 % 2 == 0 ? rng % 4 : rng;
        }
    }
}

/* Like writev(). Returns the number of bytes taken. */
typedef size_t batch_write_fn(void *to, struct iovec *iov, int iovcnt);

static inline void batch_write(batch_write_fn *write, void *to,
                               struct iovec *iov, int iovcnt)
{
    while (iovcnt) {
        iov_advance(&iov, &iovcnt,
                         write(to, iov, iovcnt < 1024 ? iovcnt : 1024));
    }
}

/* Writes a batch. The guest repeats the given memory. */
static inline void batch_put(batch_write_fn *write, void *to,
                             const unsigned char *memory, uint64_t pages,
                             uint64_t pfn)
{
    static struct iovec iov[4 + BATCH];
    static uint64_t list[BATCH];
    uint32_t head[4] = { 1, 8 + BATCH * (8 + XPC_PAGE_SIZE), BATCH, 0 };

    iov[0] = (struct iovec){ head, 4 };
    iov[1] = (struct iovec){ head + 1, 4 };
    iov[2] = (struct iovec){ head + 2, 8 };
    iov[3] = (struct iovec){ list, sizeof(list) };
    for (int i = 0; i < BATCH; i++) {
        list[i] = pfn + i;
        iov[4 + i] = (struct iovec){
            (void *)(memory + (pfn + i) % pages * XPC_PAGE_SIZE),
            XPC_PAGE_SIZE,
        };
    }
    batch_write(write, to, iov, 4 + BATCH);
}

#endif
