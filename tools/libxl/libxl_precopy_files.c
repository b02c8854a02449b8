/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writers hold a lock on a lock file in the directory, write a temporary file
 * and rename it. Readers need no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

#include "libxl_precopy_files.h"
#include "libxl_precopy_history.h"

#define LOCK_FILE ".lock"
/* Longer names are cut and end with a hash. */
#define NAME_MAX_LEN 200
#define NAME_CUT 180
#define LOCK_STEP_NS (20 * 1000 * 1000)
#define LOCK_TRIES 1500             /* half a minute */

int libxl__files_fail(char *err, int rc, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(err, LIBXL_PRECOPY_ERR_LEN, fmt, al);
    va_end(al);
    return rc;
}

int libxl__files_no_memory(char *err)
{
    return libxl__files_fail(err, ERROR_NOMEM, "out of memory");
}

const char *libxl__files_directory(const char *dir)
{
    const char *env = getenv(LIBXL_PRECOPY_HISTORY_ENV);

    if (dir)
        return dir;
    return env && *env ? env : LIBXL_PRECOPY_HISTORY_DIR;
}

/* A file name without '/' or "..", that does not begin with a dot. */
static void escape_name(char name[NAME_MAX_LEN + 4], const char *target)
{
    size_t n = 0;

    if (!*target)
        name[n++] = '%';            /* alone, it stands for no other name */
    for (const char *p = target; *p && n < NAME_MAX_LEN; p++) {
        bool dot = *p == '.' && p[1] && n && name[n - 1] != '.';

        if ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') ||
            *p == '-' || *p == '_' || dot)
            name[n++] = *p;
        else
            n += sprintf(name + n, "%%%02x", (unsigned char)*p);
    }
    name[n] = 0;
    if (n >= NAME_MAX_LEN)
        sprintf(name + NAME_CUT, "~%016llx", (unsigned long long)
                XXH64(target, strlen(target), 0));
}

char *libxl__files_join(const char *dir, const char *name, const char *suffix)
{
    char *path;

    return asprintf(&path, "%s/%s%s", dir, name, suffix) < 0 ? NULL : path;
}

char *libxl__files_path(const char *dir, const char *key)
{
    char name[NAME_MAX_LEN + 4];

    escape_name(name, key);
    return libxl__files_join(dir, name, LIBXL__FILES_SUFFIX);
}

int libxl__files_is_named(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');

    return *e->d_name != '.' && dot && !strcmp(dot, LIBXL__FILES_SUFFIX);
}

/* Reads at most room bytes. Returns their number, or -1. */
static ssize_t read_all(int fd, char *buf, size_t room)
{
    size_t len = 0;
    ssize_t n;

    do {
        n = read(fd, buf + len, room - len);
        if (n > 0)
            len += n;
    } while ((n > 0 && len < room) || (n < 0 && errno == EINTR));
    return n < 0 ? -1 : (ssize_t)len;
}

static int load_fd(int fd, const char *path, const char *what, size_t max,
                   char **text_r, size_t *len_r, char *err)
{
    struct stat st;
    ssize_t len;
    int saved;

    if (fstat(fd, &st))
        return libxl__files_fail(err, ERROR_FAIL, "%.120s: %s", path,
                                 strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)max)
        return libxl__files_fail(err, ERROR_INVAL, "%.120s: not a %s: %s",
                                 path, what,
                                 S_ISREG(st.st_mode) ? "too long" :
                                                       "not a file");
    *text_r = malloc(max);
    if (!*text_r)
        return libxl__files_no_memory(err);
    len = read_all(fd, *text_r, max);
    if (len >= 0) {
        *len_r = len;
        return 0;
    }
    saved = errno;
    free(*text_r);
    return libxl__files_fail(err, ERROR_FAIL, "%.120s: %s", path,
                             strerror(saved));
}

int libxl__files_load(const char *path, const char *what, size_t max,
                      char **text_r, size_t *len_r, char *err)
{
    /* O_NONBLOCK: if it is a pipe, open() must not block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc;

    *err = 0;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ERROR_NOTFOUND;
    if (fd < 0)
        return libxl__files_fail(err, ERROR_FAIL, "%.120s: %s", path,
                                 strerror(errno));
    rc = load_fd(fd, path, what, max, text_r, len_r, err);
    close(fd);
    return rc;
}

int libxl__files_make_directories(const char *dir, char *err)
{
    char path[PATH_MAX];
    int r = 0;

    if (snprintf(path, sizeof(path), "%s/", dir) >= (int)sizeof(path))
        return libxl__files_fail(err, ERROR_FAIL, "%.120s: too long a path",
                                 dir);
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        r = mkdir(path, 0700);
        *p = '/';
    }
    if (r && errno != EEXIST)
        return libxl__files_fail(err, ERROR_FAIL,
                                 "%.120s: can't be made: %s", dir,
                                 strerror(errno));
    return 0;
}

int libxl__files_lock(const char *dir, char *err)
{
    const struct timespec step = { .tv_nsec = LOCK_STEP_NS };
    char *path = libxl__files_join(dir, LOCK_FILE, "");
    int fd, tries = LOCK_TRIES;

    if (!path)
        return libxl__files_no_memory(err);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(path);
    if (fd < 0)
        return libxl__files_fail(err, ERROR_FAIL,
                                 "%.120s: can't be written: %s", dir,
                                 strerror(errno));
    while (flock(fd, LOCK_EX | LOCK_NB) && --tries)
        nanosleep(&step, NULL);
    if (tries)
        return fd;
    close(fd);
    return libxl__files_fail(err, ERROR_FAIL,
                             "%.120s: kept locked by another program", dir);
}

static int write_all(int fd, const char *text)
{
    size_t len = strlen(text);
    ssize_t n;

    while (len) {
        n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text += n;
        len -= n;
    }
    return fsync(fd);
}

/* Makes the rename persistent. */
static void sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

int libxl__files_replace(const char *dir, const char *path, const char *text,
                        char *err)
{
    char *tmp;
    int fd, r, saved;

    if (asprintf(&tmp, "%s~", path) < 0)
        return libxl__files_no_memory(err);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
              0600);
    r = fd < 0 ? -1 : write_all(fd, text);
    saved = errno;
    if (fd >= 0 && close(fd) && !r) {
        r = -1;
        saved = errno;
    }
    if (!r) {
        r = rename(tmp, path);
        saved = errno;
    }
    if (r && fd >= 0)
        unlink(tmp);
    free(tmp);
    if (r)
        return libxl__files_fail(err, ERROR_FAIL,
                                 "%.120s: can't be written: %s", path,
                                 strerror(saved));
    sync_directory(dir);
    return 0;
}
