/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "save/guard.h"
#include "xen/save_guard.h"

/* It has to load libxl and to reach Xen. */
#define READY_MS (20 * 1000)

const char *save_guard_program;

/* The descriptors that it is given, out of the way of those it will have. */
#define MOVED_FD 16

static int find_program(char path[PATH_MAX], char err[XPC_ERR_LEN])
{
    const char *name = save_guard_program, *slash = NULL;
    Dl_info info;
    int n = -1;

    if (name)
        n = snprintf(path, PATH_MAX, "%s", name);
    else if (dladdr((void *)find_program, &info) && info.dli_fname &&
             (slash = strrchr(info.dli_fname, '/')))
        n = snprintf(path, PATH_MAX, "%.*s/" XEN_SAVE_GUARD,
                     (int)(slash - info.dli_fname), info.dli_fname);
    if (n >= 0 && n < PATH_MAX)
        return 0;
    snprintf(err, XPC_ERR_LEN, "the folder of the precopy plug-in is unknown");
    return -1;
}

/* The environment without the plug-in, which would be preloaded. */
static char **make_environment(void)
{
    size_t nr = 0, n = 0;
    char **env;

    while (environ[nr])
        nr++;
    env = calloc(nr + 1, sizeof(*env));
    for (size_t i = 0; env && i < nr; i++) {
        if (strncmp(environ[i], "LD_PRELOAD=", strlen("LD_PRELOAD=")))
            env[n++] = environ[i];
    }
    return env;
}

/*
 * It is to outlive the helper, its toolstack and the terminal of that, and to
 * hold no end of the stream. Returns 0 or an errno.
 */
static int spawn(pid_t *pid_r, char **argv, int fd, int lock_fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    char **env = make_environment();
    int r;

    if (!env)
        return ENOMEM;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    r = posix_spawnattr_setsigmask(&attr, &none) ?:
        posix_spawnattr_setsigdefault(&attr, &all) ?:
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
                                 POSIX_SPAWN_SETSIGMASK |
                                 POSIX_SPAWN_SETSIGDEF) ?:
        posix_spawn_file_actions_adddup2(&files, fd, XEN_SAVE_GUARD_FD) ?:
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null",
                                         O_WRONLY, 0) ?:
        posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO,
                                         STDERR_FILENO) ?:
        posix_spawn_file_actions_adddup2(&files, lock_fd,
                                         XEN_SAVE_GUARD_LOCK_FD) ?:
        posix_spawn_file_actions_addclosefrom_np(&files,
                                                 XEN_SAVE_GUARD_LOCK_FD + 1) ?:
        posix_spawn(pid_r, argv[0], &files, &attr, argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    free(env);
    return r;
}

static bool wait_until_ready(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char c = 0;
    int r;

    do {
        r = poll(&p, 1, READY_MS);
    } while (r < 0 && errno == EINTR);
    return r == 1 && read(fd, &c, 1) == 1 && c == XEN_SAVE_GUARD_READY;
}

/* The guard exits when the descriptor is closed. */
static void close_and_wait(struct save_guard *g)
{
    close(g->fd);
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *g = (struct save_guard){ .fd = -1 };
}

int save_guard_start(struct save_guard *g, uint32_t domid, int lock_fd,
                     char err[XPC_ERR_LEN])
{
    char path[PATH_MAX], domain[16], toolstack[16];
    char *argv[] = { path, domain, toolstack, NULL };
    int fds[2], theirs, lock, r;

    *g = (struct save_guard){ .fd = -1 };
    if (find_program(path, err))
        return -1;
    snprintf(domain, sizeof(domain), "%"PRIu32, domid);
    snprintf(toolstack, sizeof(toolstack), "%ld", (long)getppid());
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
        snprintf(err, XPC_ERR_LEN, "can't start its guard: %s",
                 strerror(errno));
        return -1;
    }
    theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, MOVED_FD);
    lock = fcntl(lock_fd, F_DUPFD_CLOEXEC, MOVED_FD);
    r = theirs < 0 || lock < 0 ? errno : spawn(&g->pid, argv, theirs, lock);
    if (lock >= 0)
        close(lock);
    if (theirs >= 0)
        close(theirs);
    close(fds[1]);
    g->fd = fds[0];
    if (!r && wait_until_ready(g->fd))
        return 0;
    if (r) {
        close(g->fd);
        *g = (struct save_guard){ .fd = -1 };
    } else {
        kill(g->pid, SIGKILL);
        close_and_wait(g);
    }
    snprintf(err, XPC_ERR_LEN, "its guard %.100s does not run: %s: reinstall "
             "xen-precopy", path, r ? strerror(r) : "see the system's log");
    return -1;
}

bool save_guard_stands(const struct save_guard *g)
{
    char c;

    return !g->pid || recv(g->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
}

/* If it is killed now, it is too late. */
static void tell(struct save_guard *g, enum xen_save_guard_message message)
{
    char c = message;
    ssize_t n;

    do {
        n = send(g->fd, &c, 1, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
}

void save_guard_asked(struct save_guard *g)
{
    if (!g->pid)
        return;
    g->asked = true;
    tell(g, XEN_SAVE_GUARD_ASKED);
}

void save_guard_suspended(struct save_guard *g)
{
    if (g->pid)
        tell(g, XEN_SAVE_GUARD_SUSPENDED);
}

void save_guard_end(struct save_guard *g, int rc)
{
    if (!g->pid)
        return;
    if (g->asked) {
        /* It waits for this process to end: libxl knows of a failure then. */
        tell(g, rc ? XEN_SAVE_GUARD_FAILED : XEN_SAVE_GUARD_COMPLETE);
        return;
    }
    tell(g, XEN_SAVE_GUARD_DONE);
    close_and_wait(g);
}
