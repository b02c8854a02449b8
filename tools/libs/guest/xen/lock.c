/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xen/lock.h"
#include "xen/pass_on.h"
#include "xen/run.h"

#define SUFFIX ".lock"

/* Preserves errno. */
static void close_fd(int fd)
{
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
}

/* Never returns a standard descriptor, as a child would lose that one. */
static int open_file(int dir, uint32_t domid, int flags)
{
    char name[32];
    int fd, moved;

    snprintf(name, sizeof(name), "%"PRIu32 SUFFIX, domid);
    fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return -1;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close_fd(fd);
    return moved;
}

/*
 * Opens and locks the directory. Files are opened, locked and removed only with
 * the directory locked, so that nobody locks a file that was just removed.
 * Returns the descriptor, or -1 with errno and one line in err.
 */
static int lock_directory(uint32_t domid, char err[XPC_ERR_LEN])
{
    char why[XPC_ERR_LEN];
    int dir = xen_run_open(why), saved;

    while (dir >= 0 && flock(dir, LOCK_EX)) {
        if (errno == EINTR)
            continue;
        snprintf(why, sizeof(why), "%.150s: %s", xen_run_path(),
                 strerror(errno));
        close_fd(dir);
        dir = -1;
    }
    saved = errno;
    if (dir < 0)
        snprintf(err, XPC_ERR_LEN, "domain %"PRIu32" can't be locked: %.200s",
                 domid, why);
    errno = saved;
    return dir;
}

static int report_failure(uint32_t domid, char err[XPC_ERR_LEN])
{
    int saved = errno;

    snprintf(err, XPC_ERR_LEN, "domain %"PRIu32" can't be locked: "
             "%.150s/%"PRIu32 SUFFIX": %s", domid, xen_run_path(), domid,
             strerror(saved));
    errno = saved;
    return -1;
}

/* Reports the holder, "1234 xl migrate" in the file. Returns -1 with EBUSY. */
static int report_holder(int fd, uint32_t domid, char err[XPC_ERR_LEN])
{
    char text[128] = "", *end, *newline;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    long pid;

    text[n > 0 ? n : 0] = 0;
    newline = strchr(text, '\n');
    if (newline)
        *newline = 0;
    xpc_plain_line(text);
    pid = strtol(text, &end, 10);
    if (pid > 0 && kill(pid, 0) && errno == ESRCH)
        snprintf(err, XPC_ERR_LEN, "domain %"PRIu32" is being migrated, "
                 "saved or measured: process %ld (%.80s) has ended, but its "
                 "guard or save helper has not: try again when it has",
                 domid, pid, end + (*end == ' '));
    else
        snprintf(err, XPC_ERR_LEN, "domain %"PRIu32" is being migrated, "
                 "saved or measured by process %ld (%.80s): try again when "
                 "it has ended", domid, pid, end + (*end == ' '));
    errno = EBUSY;
    return -1;
}

/* Removes the files of locks that are not held. The directory is locked. */
static void remove_unheld(int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *e;

    if (copy >= 0 && !d)
        close(copy);
    while (d && (e = readdir(d))) {
        size_t len = strspn(e->d_name, "0123456789");
        int fd;

        if (!len || strcmp(e->d_name + len, SUFFIX))
            continue;
        fd = openat(dir, e->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (!flock(fd, LOCK_EX | LOCK_NB))
            unlinkat(dir, e->d_name, 0);
        close(fd);
    }
    if (d)
        closedir(d);
}

void xen_lock_sign(int fd, const char *doing)
{
    char text[128];
    int n = snprintf(text, sizeof(text) - 1, "%ld %s", (long)getpid(), doing);

    if (n > (int)sizeof(text) - 2)
        n = sizeof(text) - 2;
    text[n++] = '\n';
    /* Only for messages: the lock does not depend on it. */
    if (ftruncate(fd, 0) || pwrite(fd, text, n, 0) != n)
        return;
}

/* Returns 0, or -1 with errno and one line in err. */
static int lock_file(int fd, uint32_t domid, char err[XPC_ERR_LEN])
{
    if (!flock(fd, LOCK_EX | LOCK_NB))
        return 0;
    return errno == EWOULDBLOCK ? report_holder(fd, domid, err) :
                                  report_failure(domid, err);
}

int xen_lock_take(uint32_t domid, const char *doing, char err[XPC_ERR_LEN])
{
    int dir = lock_directory(domid, err), fd;

    if (dir < 0)
        return -1;
    remove_unheld(dir);
    fd = open_file(dir, domid, O_CREAT);
    if (fd < 0) {
        report_failure(domid, err);
    } else if (lock_file(fd, domid, err)) {
        close_fd(fd);
        fd = -1;
    } else {
        xen_lock_sign(fd, doing);
    }
    close_fd(dir);
    return fd;
}

int xen_lock_check(uint32_t domid, char err[XPC_ERR_LEN])
{
    int dir = lock_directory(domid, err), fd, r;

    if (dir < 0)
        return -1;
    fd = open_file(dir, domid, 0);
    if (fd >= 0)
        r = lock_file(fd, domid, err);
    else
        r = errno == ENOENT ? 0 : report_failure(domid, err);
    close_fd(fd);
    close_fd(dir);
    return r;
}

/* Does fd refer to this domain's lock file? */
static bool is_lock_of(int fd, uint32_t domid)
{
    char err[XPC_ERR_LEN];
    struct stat ours, its;
    int dir = xen_run_open(err);
    int file = dir >= 0 ? open_file(dir, domid, 0) : -1;
    bool same = file >= 0 && !fstat(fd, &ours) && !fstat(file, &its) &&
                ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;

    close_fd(file);
    close_fd(dir);
    return same;
}

int xen_lock_inherited(uint32_t domid)
{
    int fd = xen_inherited_fd(XEN_LOCK_ENV);

    if (fd < 0 || !is_lock_of(fd, domid))
        return -1;
    /* If the descriptor holds the lock already, this changes nothing. */
    if (flock(fd, LOCK_EX | LOCK_NB))
        return -1;
    return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

void xen_lock_pass_on(int fd, bool on)
{
    xen_pass_fd_on(XEN_LOCK_ENV, fd, on);
}

void xen_lock_release(int fd)
{
    char err[XPC_ERR_LEN];
    int dir;

    if (fd < 0)
        return;
    close_fd(fd);
    dir = lock_directory(0, err);
    if (dir >= 0)
        remove_unheld(dir);
    close_fd(dir);
}
