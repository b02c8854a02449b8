/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/error.h"
#include "conf/load.h"

const char *conf_path = SYSCONFDIR "/xen/precopy.conf";

static int check_file(int fd, struct stat *st, const char *path, char *err)
{
    if (fstat(fd, st))
        return conf_bad(err, path, 0, "can't be read: %s", strerror(errno));
    if (!S_ISREG(st->st_mode))
        return conf_bad(err, path, 0, "not a regular file");
    if (st->st_uid && st->st_uid != geteuid())
        return conf_bad(err, path, 0, "belongs to user %u: it must belong to "
                        "root, chown root it", (unsigned int)st->st_uid);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return conf_bad(err, path, 0, "others than root may write it: chmod "
                        "go-w it");
    return 0;
}

/*
 * Is it open for writing? Then there are no read leases. Not every file system
 * has them.
 */
static bool is_being_written(int fd)
{
    bool is;

    /* It is sent if a writer comes just now. SIGIO would end the process. */
    if (fcntl(fd, F_SETSIG, SIGURG))
        return false;
    is = fcntl(fd, F_SETLEASE, F_RDLCK) && errno == EAGAIN;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return is;
}

/* An editor may truncate it first. What was read would then be no limit. */
static int check_unchanged(int fd, const struct stat *before,
                           const char *path, char *err)
{
    struct stat now;

    if (is_being_written(fd) || fstat(fd, &now) ||
        now.st_size != before->st_size ||
        now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
        return conf_bad(err, path, 0, "is being written: try again");
    return 0;
}

/* Reads at most one byte more than is allowed. */
static int read_text(int fd, const char *path, char **text_r, size_t *len_r,
                     char *err)
{
    char *text = malloc(CONF_BYTES_MAX + 1);
    size_t len = 0;
    ssize_t n;

    if (!text)
        return conf_bad(err, path, 0, "can't be read: out of memory");
    do {
        n = read(fd, text + len, CONF_BYTES_MAX + 1 - len);
        if (n > 0)
            len += n;
    } while ((n > 0 && len <= CONF_BYTES_MAX) || (n < 0 && errno == EINTR));
    *text_r = text;
    *len_r = len;
    if (n < 0)
        return conf_bad(err, path, 0, "can't be read: %s", strerror(errno));
    if (len > CONF_BYTES_MAX)
        return conf_bad(err, path, 0, "larger than %u KiB",
                        CONF_BYTES_MAX >> 10);
    return 0;
}

/* Returns 0, or -1 if what leads to it is there. */
static int check_missing(const char *path, char *err)
{
    char *part = strdup(path), *slash;
    struct stat st;
    int rc = 0;

    if (!part)
        return conf_bad(err, path, 0, "out of memory");
    /* What can't be opened, but is there, is a link. */
    while (!rc && (slash = strrchr(part, '/'))) {
        if (access(part, F_OK) && !lstat(part, &st))
            rc = conf_bad(err, part, 0, "a link that leads nowhere: remove "
                          "it, or see to it that there is what it leads to");
        *slash = 0;
    }
    free(part);
    return rc;
}

static int load(struct conf_file *f, const char *path, bool may_miss,
                char *err)
{
    /* Don't wait for the other end of a pipe, or acquire a terminal. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    char *text = NULL;
    size_t len = 0;
    int rc;

    if (fd < 0 && errno == ENOENT && may_miss) {
        f->missing = true;
        f->path = strdup(path);
        return f->path ? check_missing(path, err) :
                         conf_bad(err, path, 0, "out of memory");
    }
    if (fd < 0)
        return conf_bad(err, path, 0, "can't be read: %s", strerror(errno));
    rc = check_file(fd, &st, path, err);
    if (!rc)
        rc = read_text(fd, path, &text, &len, err);
    if (!rc)
        rc = check_unchanged(fd, &st, path, err);
    if (!rc)
        rc = conf_parse(f, path, text, len, err);
    free(text);
    close(fd);
    return rc;
}

int conf_load(struct conf_file *f, const char *path, char err[XPC_ERR_LEN])
{
    const char *env = getenv(CONF_ENV);

    *f = (struct conf_file){ 0 };
    if (path)
        return load(f, path, false, err);
    if (env && *env)
        return load(f, env, false, err);
    return load(f, conf_path, true, err);
}
