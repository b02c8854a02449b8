/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/xl_common.h"
#include "common/xl_stock.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive_io.h"
#include "receive/xl_receive_stock.h"

#define PIPE_BYTES (1 << 20)

/* Runs in the child. The pipes may be standard descriptors: move them. */
static void run_stock(int in, int out)
{
    in = fcntl(in, F_DUPFD_CLOEXEC, 3);
    out = fcntl(out, F_DUPFD_CLOEXEC, 3);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        _exit(xl_exec_stock(xl_globals.argv));
    _exit(127);
}

static int start_child(struct stock *s)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    pid_t pid;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        goto fail;
    pid = fork();
    if (pid < 0)
        goto fail;
    if (!pid)
        run_stock(in[0], out[1]);
    close(in[0]);
    close(out[1]);
    s->pid = pid;
    s->in = in[1];
    s->out = out[0];
    /* Only for speed: failing is fine. */
    fcntl(s->in, F_SETPIPE_SZ, PIPE_BYTES);
    return 0;

 fail:
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0)
            close(in[i]);
        if (out[i] >= 0)
            close(out[i]);
    }
    return -1;
}

int stock_start(struct stock *s)
{
    char banner[sizeof(MIGRATE_BANNER) - 1];

    *s = (struct stock){ .in = -1, .out = -1 };
    if (start_child(s)) {
        fprintf(stderr, RECEIVER "can't start the stock xl: %s\n",
                strerror(errno));
        return -1;
    }
    if (!receive_read(s->out, banner, sizeof(banner), clock_now_ns() +
                      RECEIVE_TIMEOUT_MS * UINT64_C(1000000)) &&
        !memcmp(banner, MIGRATE_BANNER, sizeof(banner)))
        return 0;
    fprintf(stderr, RECEIVER "the stock xl does not receive\n");
    close(s->in);
    s->in = -1;
    kill(s->pid, SIGTERM);
    stock_end(s);
    return -1;
}

int stock_copy_output(const struct stock *s, int watch_fd)
{
    struct pollfd fds[2] = {
        { .fd = s->out, .events = POLLIN },
        { .fd = watch_fd, .events = POLLIN },
    };
    char buf[256];
    ssize_t n;

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (fds[1].revents)
            return 1;
        if (!fds[0].revents)
            continue;
        n = read(s->out, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n;
        /*
         * Ignore errors: if the stock receiver could not write, it would exit
         * without removing its copy of the guest.
         */
        if (receive_write(STDOUT_FILENO, buf, n)) {}
    }
}

void stock_kill(struct stock *s)
{
    s->killed = true;
    kill(s->pid, SIGTERM);
}

int stock_end(struct stock *s)
{
    int status;

    close(s->out);
    s->out = -1;
    while (waitpid(s->pid, &status, 0) < 0) {
        if (errno != EINTR)
            return EXIT_FAILURE;
    }
    if (s->killed)
        return EXIT_SUCCESS;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
