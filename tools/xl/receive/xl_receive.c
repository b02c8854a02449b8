/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends the stock banner. If the source begins like a stock one, all input is
 * passed to a stock receiver unchanged. If it sends hello (channels/wire.h),
 * the stock receiver gets what the channels carry.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/wire.h"
#include "common/xl_stock.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive.h"
#include "receive/xl_receive_channels.h"
#include "receive/xl_receive_io.h"
#include "receive/xl_receive_stock.h"

/* A stock source sends its header first: enough to tell the two apart. */
#define BEGIN MIGRATE_HEADER_SIZE
#define SPLICE_BYTES (1u << 20)

/* ---- a stock source ------------------------------------------------------ */

static bool is_pipe(int fd)
{
    struct stat st;

    return !fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

/*
 * Passes on some input, without copying it if it comes from a pipe. With a
 * socket, as sshd uses, splice() would wait for more input with the output
 * pipe locked, so that the receiver could not read. Returns as read().
 */
static ssize_t pass_some(bool from_pipe, int to)
{
    static char buf[SPLICE_BYTES / 4];
    ssize_t n;

    if (from_pipe)
        return splice(STDIN_FILENO, NULL, to, NULL, SPLICE_BYTES,
                      SPLICE_F_MOVE);
    n = read(STDIN_FILENO, buf, sizeof(buf));
    return n > 0 && receive_write(to, buf, n) ? -1 : n;
}

static void *pass_all(void *arg)
{
    bool from_pipe = is_pipe(STDIN_FILENO);
    int to = (intptr_t)arg;
    ssize_t n;

    do {
        n = pass_some(from_pipe, to);
        if (n < 0 && errno == EAGAIN)
            receive_wait(STDIN_FILENO, 0);
    } while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
    close(to);
    return NULL;
}

static int receive_plain(const uint8_t *begin)
{
    struct stock s;
    pthread_t thread;

    if (stock_start(&s))
        return EXIT_FAILURE;
    if (receive_write(s.in, begin, BEGIN) ||
        pthread_create(&thread, NULL, pass_all, (void *)(intptr_t)s.in)) {
        fprintf(stderr, RECEIVER "can't speak to the stock receiver: %s\n",
                strerror(errno));
        close(s.in);
    }
    /* The thread may still run: it ends with the process. */
    stock_copy_output(&s, -1);
    return stock_end(&s);
}

/* ---- the command --------------------------------------------------------- */

const struct xl_usage receive_usage = {
    .name       = "migrate-receive",
    .summary    = "Receive a domain: what xl migrate runs on the other host",
    .arguments  = "[-F] [-e] [-d] [-p]",
};

/* Whether the options are those of a migration; else the stock xl is to run. */
static bool is_migration(int argc, char **argv)
{
    static const struct option none[] = { { 0 } };
    int opt;

    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "Fedp", none, NULL)) >= 0) {
        if (opt == '?')
            return false;
    }
    return optind == argc;
}

static const char *error_text(void)
{
    return errno == EPIPE ? "the source has closed the connection" :
                            strerror(errno);
}

static int run_receiver(void)
{
    uint8_t begin[CHANNEL_HELLO_SIZE];

    if (receive_write(STDOUT_FILENO, MIGRATE_BANNER,
                      strlen(MIGRATE_BANNER)) ||
        /* No time limit, as in stock: the user may be typing a password. */
        receive_read(STDIN_FILENO, begin, BEGIN, 0)) {
        fprintf(stderr, RECEIVER "no migration has come: %s\n", error_text());
        return EXIT_FAILURE;
    }
    if (!channel_hello_is(begin))
        return receive_plain(begin);
    if (receive_read(STDIN_FILENO, begin + BEGIN, sizeof(begin) - BEGIN,
                     clock_now_ns() + RECEIVE_TIMEOUT_MS * XPC_MS)) {
        fprintf(stderr, RECEIVER "hello ended in its middle: %s\n",
                error_text());
        return EXIT_FAILURE;
    }
    return receive_channels(begin);
}

int cmd_migrate_receive(int argc, char **argv)
{
    char err[512];

    if (!is_migration(argc, argv))
        return xl_exec_stock(xl_globals.argv);
    if (!xl_stock_path(err, sizeof(err))) {
        fprintf(stderr, "xl: %s\n", err);
        return 127;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);   /* if ignored, waitpid() would not work */
    return run_receiver();
}
