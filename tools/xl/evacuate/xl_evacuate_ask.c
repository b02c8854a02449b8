/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/json.h>

#include "common/xl_common.h"
#include "common/xl_options.h"
#include "evacuate/xl_evacuate_ask.h"

/* A target that does not answer within this many seconds is not there. */
#define PATIENCE "60"
#define REASON_LEN 100

struct question {
    pid_t pid;
    int out, messages;
    char *text;
    size_t len;
};

/* A group of its own, to be killed with all that the command starts. */
static void exec_question(const char *command, int out, int messages)
{
    int in = open("/dev/null", O_RDONLY);
    sigset_t none;

    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (in < 0 || dup2(in, STDIN_FILENO) < 0 ||
        dup2(out, STDOUT_FILENO) < 0 || dup2(messages, STDERR_FILENO) < 0)
        _exit(127);
    execlp("timeout", "timeout", "-s", "KILL", PATIENCE, "sh", "-c",
           command, (char *)NULL);
    _exit(127);
}

static int start(struct question *q, const char *command)
{
    int fds[2];

    q->messages = memfd_create("messages", MFD_CLOEXEC);
    if (q->messages < 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK))
        return -1;
    q->pid = fork();
    if (!q->pid) {
        fcntl(fds[1], F_SETFL, 0);
        exec_question(command, fds[1], q->messages);
    }
    close(fds[1]);
    q->out = fds[0];
    return q->pid < 0 ? -1 : 0;
}

/* Returns whether there may be more. */
static bool read_some(struct question *q)
{
    char *grown = realloc(q->text, q->len + 4097);
    ssize_t n;

    if (!grown || q->len > XPC_JSON_MAX_BYTES)
        return false;
    q->text = grown;
    n = read(q->out, q->text + q->len, 4096);
    if (n > 0)
        q->len += n;
    q->text[q->len] = 0;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Reads to the end. Returns whether it was interrupted before. */
static bool read_answer(struct question *q, int interrupt_fd)
{
    do {
        struct pollfd p[2] = { { .fd = q->out, .events = POLLIN },
                               { .fd = interrupt_fd, .events = POLLIN } };

        if (poll(p, 2, -1) > 0 && p[1].revents) {
            setpgid(q->pid, q->pid);
            kill(-q->pid, SIGKILL);
            return true;
        }
    } while (read_some(q));
    return false;
}

/* The last line that was printed, or how it ended. */
static const char *reason(const struct question *q, int status,
                          char buf[REASON_LEN])
{
    char text[4096], *line, *rest = text;
    off_t size = lseek(q->messages, 0, SEEK_END);
    off_t from = size > (off_t)sizeof(text) - 1 ?
                 size - (off_t)sizeof(text) + 1 : 0;
    ssize_t n = pread(q->messages, text, sizeof(text) - 1, from);

    if ((WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL) ||
        (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        return "no answer within " PATIENCE " s";
    snprintf(buf, REASON_LEN, "exit status %d", WEXITSTATUS(status));
    text[n > 0 ? n : 0] = 0;
    while ((line = strsep(&rest, "\r\n"))) {
        if (*line)
            snprintf(buf, REASON_LEN, "%s", line);
    }
    return xl_plain(buf);
}

static void end(struct question *q, int *status_r)
{
    *status_r = -1;
    while (q->pid > 0 && waitpid(q->pid, status_r, 0) < 0 && errno == EINTR)
        ;
    if (q->out >= 0)
        close(q->out);
}

char *evacuate_ask(const struct evacuation *e, const char *host,
                   const char *question, int interrupt_fd,
                   char err[XPC_ERR_LEN])
{
    const char *ssh = e->o->ssh_command ? e->o->ssh_command : "ssh";
    char *command = xl_asprintf("exec %s %s xl %s", ssh, host, question);
    struct question q = { .out = -1 };
    bool interrupted = false;
    char buf[REASON_LEN];
    int status, failed = start(&q, command);

    if (!failed)
        interrupted = read_answer(&q, interrupt_fd);
    end(&q, &status);
    free(command);
    if (failed)
        xl_bad(err, "%.80s can't be asked: %s", host, strerror(errno));
    else if (interrupted)
        xl_bad(err, "%.80s was not asked: interrupted", host);
    else if (status || !q.text)
        xl_bad(err, "%.60s can't be asked: \"%.30s %.60s xl %s\" failed: %s",
               host, ssh, host, question, reason(&q, status, buf));
    if (q.messages >= 0)
        close(q.messages);
    if (!failed && !interrupted && !status && q.text)
        return q.text;
    free(q.text);
    errno = interrupted ? EINTR : EIO;
    return NULL;
}
