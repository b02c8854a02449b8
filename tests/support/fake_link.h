/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection that stalls, or dies at our end with the other one hearing
 * nothing of it: as when a network goes.
 */
#ifndef TESTS_SUPPORT_FAKE_LINK_H
#define TESTS_SUPPORT_FAKE_LINK_H

#include "support/fake_stock.h"

/* It dies as soon as there is this file, or carries nothing more. */
#define LINK_CUT "$GOT.cut"
#define LINK_STALL "$GOT.stall"

/* In a process of its own: leaves both pipes open until all is over. */
static inline void link_keep_open(void)
{
    if (fork())
        return;
    close(0);
    close(1);
    close(2);
    while (!access(stock.dir, F_OK))
        usleep(20000);
    _exit(0);
}

static inline bool link_is_to(const char *what)
{
    char path[128];

    snprintf(path, sizeof(path), "%s.%s", stock.got, what);
    return !access(path, F_OK);
}

static inline bool link_carry(int from, int to)
{
    char buf[65536];
    ssize_t n = read(from, buf, sizeof(buf)), m;

    for (ssize_t at = 0; at < n; at += m) {
        m = write(to, buf + at, n - at);
        if (m < 0)
            return false;
    }
    return n > 0;
}

/* What leads from standard input and output to receive(). */
static inline int link_main(int (*receive)(void))
{
    struct pollfd fds[2] = { { .fd = 0, .events = POLLIN },
                             { .events = POLLIN } };
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return 1;
    if (!fork()) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close_range(3, ~0u, 0);
        _exit(receive());
    }
    close(in[0]);
    close(out[1]);
    link_keep_open();
    fds[1].fd = out[0];
    while (!link_is_to("cut")) {
        if (poll(fds, 2, 5) < 1)
            continue;
        while (link_is_to("stall"))
            usleep(20000);
        if ((fds[0].revents && !link_carry(0, in[1])) ||
            (fds[1].revents && !link_carry(out[0], 1)))
            break;
    }
    return 0;
}

#endif
