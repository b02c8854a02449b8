/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "xen/probe.h"

/* Runs after fork() in a process with threads, so only system calls. */
static void run_child(const char *path, int out, bool errors)
{
    static const char failed[] = "it can't be executed\n";
    const struct rlimit no_core = { 0, 0 };
    char *const argv[] = { (char *)path, (char *)XEN_PROBE_ARG, NULL };
    int null = open("/dev/null", O_RDWR);

    setpgid(0, 0);
    /* It has its own process group, but must not outlive its parent. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A stock helper aborts on an unknown argument. */
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(errors ? out : null, STDERR_FILENO);
    execv(path, argv);
    if (write(STDOUT_FILENO, failed, sizeof(failed) - 1) < 0) { /* ignore */ }
    _exit(127);
}

static bool read_until(int fd, const char *wanted, int timeout_ms, char *buf,
                       size_t len)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    uint64_t end_ns = clock_now_ns() + timeout_ms * XPC_MS, now_ns;
    size_t have = 0;
    ssize_t n;

    while (have < len - 1 && !strstr(buf, wanted)) {
        now_ns = clock_now_ns();
        if (now_ns >= end_ns)
            break;
        if (poll(&p, 1, (end_ns - now_ns) / XPC_MS + 1) < 1)
            continue;           /* a signal, or the timeout */
        n = read(fd, buf + have, len - 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += n;
        buf[have] = 0;
    }
    return strstr(buf, wanted);
}

/* Kills the child if it runs. Another thread may have reaped it. */
static void kill_child(pid_t pid)
{
    if (waitpid(pid, NULL, WNOHANG))
        return;
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);     /* if it has not set its group yet */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
}

bool xen_probe_run(const char *path, const char *wanted, bool errors,
                   int timeout_ms, char *buf, size_t len)
{
    int fds[2];
    bool said;
    pid_t pid;

    *buf = 0;
    if (pipe2(fds, O_CLOEXEC))
        return false;
    pid = fork();
    if (!pid)
        run_child(path, fds[1], errors);
    close(fds[1]);
    said = pid > 0 && read_until(fds[0], wanted, timeout_ms, buf, len);
    close(fds[0]);
    if (pid > 0)
        kill_child(pid);
    return said;
}
