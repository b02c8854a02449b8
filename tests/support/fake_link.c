/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "support/fake_link.h"
#include "support/fake_stock.h"

/* Starts a child that keeps the pipes open until the directory is removed. */
static void keep_pipes_open(void)
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

static bool file_exists(const char *suffix)
{
    char path[128];

    snprintf(path, sizeof(path), "%s.%s", stock.got, suffix);
    return !access(path, F_OK);
}

/* Copies what there is. Returns false if one side has ended. */
static bool copy_some(int from, int to)
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

int link_main(int (*receive)(void))
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
    keep_pipes_open();
    fds[1].fd = out[0];
    while (!file_exists("cut")) {
        if (poll(fds, 2, 5) < 1)
            continue;
        while (file_exists("stall"))
            usleep(20000);
        if ((fds[0].revents && !copy_some(0, in[1])) ||
            (fds[1].revents && !copy_some(out[0], 1)))
            break;
    }
    return 0;
}
