/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of a few pages, and a save loop that copies it as libxenguest does.
 */
#ifndef TESTS_SUPPORT_FAKE_GUEST_H
#define TESTS_SUPPORT_FAKE_GUEST_H

#include "base/iov.h"
#include "support/fake_save.h"
#include "support/stream_reader.h"

#define PAGE READER_PAGE
#define BATCH 1024

static unsigned char guest[BATCH][PAGE];

/* What the save loop has written, in a memory stream; NULL: not kept. */
static FILE *written;

/* As libxenguest does: again, from where it got to. Returns 0 or -1. */
static int writev_exact(struct iovec *iov, int iovcnt)
{
    for (int i = 0; written && i < iovcnt; i++)
        fwrite(iov[i].iov_base, 1, iov[i].iov_len, written);
    while (iovcnt) {
        ssize_t n = writev(w.io_fd, iov, iovcnt < 1024 ? iovcnt : 1024);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        iov_advance(&iov, &iovcnt, n);
    }
    return 0;
}

/* All of the guest, in one record of four pieces and one a page. */
static int send_guest(void)
{
    static struct iovec iov[4 + BATCH];
    static uint64_t pfn[BATCH];
    uint32_t head[4] = { 1, 8 + BATCH * (8 + PAGE), BATCH, 0 };

    iov[0] = (struct iovec){ head, 4 };
    iov[1] = (struct iovec){ head + 1, 4 };
    iov[2] = (struct iovec){ head + 2, 8 };
    iov[3] = (struct iovec){ pfn, sizeof(pfn) };
    for (int i = 0; i < BATCH; i++) {
        pfn[i] = i;
        iov[4 + i] = (struct iovec){ guest[i], PAGE };
    }
    return writev_exact(iov, 4 + BATCH);
}

static int put(const void *p, size_t len)
{
    struct iovec iov = { (void *)p, len };

    return writev_exact(&iov, 1);
}

/* An iteration's calls of the policy, around one copy of the guest. */
static int copy_guest(unsigned int n)
{
    struct precopy_stats s = { .iteration = n, .dirty_count = w.dirty };

    assert_int_equal(w.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    if (send_guest())
        return -1;
    s.dirty_count = -1;
    return w.cb->precopy_policy(s, NULL);
}

/*
 * Three quarters zero, then some of them not, others again; and a verify pass.
 */
static int script_three_copies(void)
{
    char headers[40] = { 0 };
    uint32_t verify[2] = { 13, 0 }, end[2] = { 0, 0 };

    memset(guest, 0, sizeof(guest));
    for (int i = 0; i < BATCH; i += 4)
        guest[i][i] = 1;
    assert_int_equal(put(headers, 40), 0);
    w.dirty = 10;
    assert_int_equal(copy_guest(0), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(w.cb->suspend(NULL), 1);
    for (int i = 0; i < BATCH; i += 16) {
        guest[i][i] = 0;
        guest[i + 1][0] = 1;
    }
    return send_guest() || put(verify, 8) || send_guest() || put(end, 8);
}

#endif
