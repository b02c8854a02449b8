/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xen/saver.h"

/* Enough for the arguments that matter; longer lines are truncated. */
#define CMDLINE_LEN 4096

/*
 * After a file of a process could not be read: returns 0 if the process has
 * ended, or can't be looked at because it is of another kind than ours; or -1.
 */
static int check_gone(void)
{
    return errno == ENOENT || errno == ESRCH || errno == EACCES ||
           errno == EPERM ? 0 : -1;
}

/*
 * Reads the NUL-terminated arguments of a process. Returns their length, or -1.
 */
static ssize_t read_cmdline(pid_t pid, char buf[CMDLINE_LEN])
{
    char path[64];
    ssize_t n;
    int fd, saved;

    *buf = 0;
    snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return check_gone();
    n = read(fd, buf, CMDLINE_LEN - 1);
    saved = errno;
    close(fd);
    errno = saved;
    if (n < 0)
        return check_gone();
    buf[n] = 0;
    return n;
}

/*
 * Any user may give a process these arguments, but only root can save. Returns
 * 1, 0 or -1.
 */
static int can_save(pid_t pid)
{
    unsigned int uid = -1;
    char path[64], line[256];
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    f = fopen(path, "re");
    if (!f)
        return check_gone();
    while (fgets(line, sizeof(line), f) && sscanf(line, "Uid: %u", &uid) != 1)
        ;
    fclose(f);
    return !uid || uid == getuid();
}

/* helper --save-domain <stream fd> <back channel fd> <domid> ... */
int xen_saver_is(pid_t pid, uint32_t domid)
{
    char cmdline[CMDLINE_LEN], want[16];
    ssize_t len = read_cmdline(pid, cmdline);
    const char *arg = cmdline;

    if (len < 0)
        return -1;
    snprintf(want, sizeof(want), "%"PRIu32, domid);
    for (int i = 0; arg < cmdline + len; i++, arg += strlen(arg) + 1) {
        if (i == 1 && strcmp(arg, "--save-domain"))
            return 0;
        if (i == 4)
            return strcmp(arg, want) ? 0 : can_save(pid);
    }
    return 0;
}

/* Is it our helper, which has not yet become the stock one? */
static bool is_our_helper(pid_t pid)
{
    char link[64], path[PATH_MAX + sizeof(XEN_SAVER_PLUGIN)], *slash;
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/%ld/exe", (long)pid);
    n = readlink(link, path, PATH_MAX - 1);
    if (n < 0)
        return false;
    path[n] = 0;
    slash = strrchr(path, '/');
    if (!slash)
        return false;
    strcpy(slash + 1, XEN_SAVER_PLUGIN);
    return !access(path, F_OK);
}

/* Has the helper been told that it takes the lock? */
static bool has_env(pid_t pid)
{
    char path[64], *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
    f = fopen(path, "re");
    while (f && !found && getdelim(&line, &room, 0, f) > 0)
        found = !strncmp(line, XEN_SAVER_ENV "=", sizeof(XEN_SAVER_ENV));
    free(line);
    if (f)
        fclose(f);
    return found;
}

static pid_t find(uint32_t domid, bool stock)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    pid_t found = 0, pid;
    int saved, is;

    if (!proc)
        return -1;
    while (!found && (errno = 0, e = readdir(proc))) {
        pid = strtol(e->d_name, NULL, 10);
        is = pid > 0 && pid != getpid() ? xen_saver_is(pid, domid) : 0;
        if (is < 0)
            found = -1;
        else if (is && !(stock && (is_our_helper(pid) || has_env(pid))))
            found = pid;
    }
    if (!found && errno)
        found = -1;
    saved = errno;
    closedir(proc);
    errno = saved;
    return found;
}

pid_t xen_saver_find(uint32_t domid)
{
    return find(domid, false);
}

pid_t xen_saver_find_stock(uint32_t domid)
{
    return find(domid, true);
}

int xen_saver_check(uint32_t domid, char err[XPC_ERR_LEN])
{
    pid_t pid = xen_saver_find(domid);

    if (!pid)
        return 0;
    if (pid < 0) {
        int saved = errno;

        snprintf(err, XPC_ERR_LEN, "domain %"PRIu32": can't tell if another "
                 "program is migrating or saving it: /proc: %s", domid,
                 strerror(saved));
        errno = saved;
        return -1;
    }
    snprintf(err, XPC_ERR_LEN, "domain %"PRIu32" is being migrated or saved "
             "by process %ld (libxl-save-helper): try again when it has "
             "ended", domid, (long)pid);
    errno = EBUSY;
    return -1;
}

int xen_saver_stop(pid_t pid)
{
    return kill(pid, SIGTERM);
}
