/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_protocol.h"
#include "migrate/xl_transport.h"

/* Additional time for a target that is late, see transport_end(). */
#define LATE_S 30
/* More than any receiver sends at its end. A hostile one may never stop. */
#define DRAIN_MAX 4096

char *transport_command(const struct migrate_options *o)
{
    char verbose[XTL_NUM_LEVELS + 4] = "";
    int nr_v = XL_LEVEL_DEFAULT - xl_globals.level;
    bool tty = xl_globals.progress_cr || isatty(STDERR_FILENO);

    if (!o->ssh_command[0])
        return xl_asprintf("%s", o->host);
    if (nr_v > 0) {
        strcpy(verbose, " -");
        memset(verbose + 2, 'v', nr_v);
    }
    return xl_asprintf("exec %s %s xl%s%s%s migrate-receive%s%s%s",
                       o->ssh_command, o->host, tty ? " -t" : "",
                       xl_globals.timestamps ? " -T" : "", verbose,
                       o->foreground || o->no_monitor ? " -e" : "",
                       o->debug ? " -d" : "", o->paused ? " -p" : "");
}

/*
 * SIGINT and SIGHUP are ignored in the child, and SIGINT stays blocked: on
 * Ctrl-C xl aborts in order, which needs the transport. A process group of its
 * own would keep them away too, but also ssh from asking for a password.
 * SIGHUP must not stay blocked: a receiver on this host would pass that on to
 * the device model of the guest, which libxl ends by SIGHUP. ssh must stop in
 * the background rather than ask for a password there, but not at Ctrl-Z.
 */
static void run_child(const char *command, int in, int out)
{
    sigset_t set;

    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        execlp("sh", "sh", "-c", command, (char *)NULL);
    xl_message("migrate", "can't run sh: %s", strerror(errno));
    _exit(127);
}

/* Avoids numbers that are the child's standard descriptors. */
static int open_pipe(int fds[2])
{
    int raw[2], i;

    if (pipe2(raw, O_CLOEXEC))
        return -1;
    for (i = 0; i < 2; i++) {
        fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
        close(raw[i]);
    }
    return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int transport_open(struct transport *t, char *command)
{
    int send[2], recv[2];

    *t = (struct transport)TRANSPORT_INIT;
    t->command = command;
    if (open_pipe(send) || open_pipe(recv))
        return -1;
    t->spare_fd = send[0];
    t->send_fd = send[1];
    t->recv_fd = recv[0];
    t->out_fd = recv[1];
    return 0;
}

int transport_run(struct transport *t)
{
    fflush(NULL);
    t->pid = fork();
    if (t->pid < 0) {
        t->pid = 0;
        return -1;
    }
    if (!t->pid)
        run_child(t->command, t->spare_fd, t->out_fd);
    close_end(&t->out_fd);
    /* When the receiver dies, writes are to fail with EPIPE. */
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int transport_start(struct transport *t, char *command)
{
    return transport_open(t, command) || transport_run(t) ? -1 : 0;
}

void transport_keep_receiving(struct transport *t)
{
    for (unsigned int i = 0; i < t->nr_further; i++) {
        transport_keep_receiving(&t->further[i]);
        close_end(&t->further[i].recv_fd);
    }
    transport_close_spare(t);
    close_end(&t->out_fd);
    close_end(&t->send_fd);
}

static void print_status(const struct transport *t, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status))
        fprintf(stderr, "migration transport process [%ld] exited with error "
                "status %d\n", (long)t->pid, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        fprintf(stderr, "migration transport process [%ld] died due to "
                "signal %d\n", (long)t->pid, WTERMSIG(status));
}

/*
 * Waits for the child to exit, at most for some seconds or until a signal is
 * pending at interrupt_fd (-1: none). Returns as waitpid().
 */
static pid_t wait_child(pid_t pid, int *status, int seconds, int interrupt_fd)
{
    struct pollfd fd = { .fd = interrupt_fd, .events = POLLIN };
    pid_t r;
    int i;

    for (i = 0; i < 50 * seconds; i++) {
        r = waitpid(pid, status, WNOHANG);
        if (r || interrupt_take(interrupt_fd))
            return r;
        poll(&fd, 1, 20);
    }
    return 0;
}

void transport_close_spare(struct transport *t)
{
    close_end(&t->spare_fd);
}

/* Milliseconds until then, at least 0. */
static int time_left_ms(uint64_t until_ns)
{
    uint64_t now = clock_now_ns();

    return now < until_ns ? (until_ns - now) / XPC_MS + 1 : 0;
}

void transport_drain(struct transport *t, int timeout_ms)
{
    const uint64_t until_ns = clock_now_ns() + timeout_ms * XPC_MS;
    struct pollfd fd = { .fd = t->recv_fd, .events = POLLIN };
    char buf[sizeof(t->last)];
    size_t keep;
    ssize_t n;

    for (size_t all = 0; all < DRAIN_MAX; all += n) {
        if (poll(&fd, 1, time_left_ms(until_ns)) != 1)
            break;
        n = read(t->recv_fd, buf, sizeof(buf));
        if (n <= 0)
            break;
        keep = sizeof(t->last) - n;
        if (keep > t->last_len)
            keep = t->last_len;
        memmove(t->last, t->last + t->last_len - keep, keep);
        memcpy(t->last + keep, buf, n);
        t->last_len = keep + n;
    }
}

bool transport_ended_with(const struct transport *t, const void *msg,
                          size_t len)
{
    return t->last_len >= len &&
           !memcmp(t->last + t->last_len - len, msg, len);
}

/* Waits up to one second. Returns whether all have exited. */
static bool wait_all(struct transport *t, unsigned int nr)
{
    unsigned int left = nr;

    for (int i = 0; i < 50 && left; i++) {
        if (i)
            poll(NULL, 0, 20);
        left = 0;
        for (unsigned int j = 0; j < nr; j++) {
            if (t[j].pid && waitpid(t[j].pid, NULL, WNOHANG))
                t[j].pid = 0;
            left += t[j].pid != 0;
        }
    }
    return !left;
}

static void kill_all(struct transport *t, unsigned int nr)
{
    static const int sigs[] = { SIGTERM, SIGKILL };

    for (int i = 0; i < 2; i++) {
        for (unsigned int j = 0; j < nr; j++) {
            if (t[j].pid)
                kill(t[j].pid, sigs[i]);
        }
        if (wait_all(t, nr))
            return;
    }
}

void transport_end(struct transport *t, bool kill_it, bool late,
                   int interrupt_fd)
{
    int status;
    pid_t r;

    transport_close_spare(t);
    close_end(&t->send_fd);     /* the receiver sees the end of the stream */
    if (t->pid) {
        r = wait_child(t->pid, &status, 2, -1);
        if (!r && late) {
            fprintf(stderr, SENDER "waiting for the target to "
                    "remove its copy; an interrupt ends this.\n");
            r = wait_child(t->pid, &status, LATE_S, interrupt_fd);
        }
        if (r > 0)
            print_status(t, status);
        if (!r && kill_it) {
            fprintf(stderr, "migration transport process [%ld] not exiting, "
                    "ending it\n", (long)t->pid);
            kill_all(t, 1);
        }
    }
    if (t->recv_fd >= 0)
        transport_drain(t, 0);
    close_end(&t->recv_fd);
    t->pid = 0;
}

void transport_drop(struct transport *t, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        transport_close_spare(&t[i]);
        close_end(&t[i].send_fd);
        close_end(&t[i].recv_fd);
    }
    if (!wait_all(t, nr))
        kill_all(t, nr);
}
