/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/iov.h"
#include "support/fake_clock.h"
#include "support/fake_guest.h"
#include "support/torture.h"

unsigned char guest[BATCH][PAGE];
FILE *written;

int loop_writev(struct iovec *iov, int iovcnt)
{
    for (int i = 0; written && i < iovcnt; i++)
        fwrite(iov[i].iov_base, 1, iov[i].iov_len, written);
    while (iovcnt) {
        ssize_t n = writev(env.io_fd, iov, iovcnt < 1024 ? iovcnt : 1024);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        iov_advance(&iov, &iovcnt, n);
    }
    return 0;
}

int loop_send_guest(void)
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
    return loop_writev(iov, 4 + BATCH);
}

int loop_write(const void *p, size_t len)
{
    struct iovec iov = { (void *)p, len };

    return loop_writev(&iov, 1);
}

int loop_copy_guest(unsigned int n)
{
    struct precopy_stats s = { .iteration = n, .dirty_count = env.dirty };

    assert_int_equal(env.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    if (loop_send_guest())
        return -1;
    s.dirty_count = -1;
    return env.cb->precopy_policy(s, NULL);
}

int script_three_copies(void)
{
    char headers[40] = { 0 };
    uint32_t verify[2] = { 13, 0 }, end[2] = { 0, 0 };
    int rc;

    memset(guest, 0, sizeof(guest));
    for (int i = 0; i < BATCH; i += 4)
        guest[i][i] = 1;
    assert_int_equal(loop_write(headers, 40), 0);
    env.dirty = 1;
    /* Whether it fits must not depend on how busy the machine is. */
    fake_clock_stop();
    rc = loop_copy_guest(0);
    fake_clock_run();
    assert_int_equal(rc, XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    for (int i = 0; i < BATCH; i += 16) {
        guest[i][i] = 0;
        guest[i + 1][0] = 1;
    }
    return loop_send_guest() || loop_write(verify, 8) || loop_send_guest() ||
           loop_write(end, 8);
}
