/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "receive/xl_receive_io.h"

int receive_wait(int fd, uint64_t deadline_ns)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    uint64_t now;
    int r;

    for (;;) {
        now = clock_now_ns();
        if (deadline_ns && now >= deadline_ns) {
            errno = ETIMEDOUT;
            return -1;
        }
        r = poll(&p, 1, deadline_ns ? (int)((deadline_ns - now) / 1000000) + 1
                                    : -1);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return -1;
    }
}

int receive_read(int fd, void *to, size_t len, uint64_t deadline_ns)
{
    char *p = to;
    ssize_t n;

    while (len) {
        if (receive_wait(fd, deadline_ns))
            return -1;
        n = read(fd, p, len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (!n)
            errno = EPIPE;
        if (n <= 0)
            return -1;
        p += n;
        len -= n;
    }
    return 0;
}

int receive_write(int fd, const void *data, size_t len)
{
    struct pollfd room = { .fd = fd, .events = POLLOUT };
    const char *p = data;
    ssize_t n;

    while (len) {
        n = write(fd, p, len);
        if (n < 0 && errno == EAGAIN)
            poll(&room, 1, -1);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
        if (n > 0) {
            p += n;
            len -= n;
        }
    }
    return 0;
}
