/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writers hold a lock on a lock file in the directory, write a temporary file
 * and rename it. Readers need no lock.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

#include <xenprecopy/forms.h>

#include "libxl_precopy_history.h"

#define SUFFIX ".json"
#define LOCK_FILE ".lock"
/* Longer names are cut and end with a hash. */
#define NAME_MAX_LEN 200
#define NAME_CUT 180
#define FILE_MAX_BYTES (1 << 20)
#define LOCK_STEP_NS (20 * 1000 * 1000)
#define LOCK_TRIES 1500             /* half a minute */

__attribute__((format(printf, 3, 4)))
static int fail(char *err, int rc, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(err, LIBXL_PRECOPY_ERR_LEN, fmt, al);
    va_end(al);
    return rc;
}

static int no_memory(char *err)
{
    return fail(err, ERROR_NOMEM, "out of memory");
}

/* ---- names ------------------------------------------------------------ */

static const char *choose_directory(const char *dir)
{
    const char *env = getenv(LIBXL_PRECOPY_HISTORY_ENV);

    if (dir)
        return dir;
    return env && *env ? env : LIBXL_PRECOPY_HISTORY_DIR;
}

/* The target in the form that is compared. malloc()ed. */
static char *normalize(const char *target)
{
    const char *at = strrchr(target, '@');
    char *copy;

    if (at && at[1] && !strpbrk(target, " \t"))
        target = at + 1;
    copy = strdup(target);
    for (char *p = copy; p && *p; p++)
        *p = tolower((unsigned char)*p);
    return copy;
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

/* malloc()ed. */
static char *join_path(const char *dir, const char *name, const char *suffix)
{
    char *path;

    return asprintf(&path, "%s/%s%s", dir, name, suffix) < 0 ? NULL : path;
}

static char *target_path(const char *dir, const char *target)
{
    char name[NAME_MAX_LEN + 4];
    char *key = normalize(target), *path = NULL;

    if (key) {
        escape_name(name, key);
        path = join_path(choose_directory(dir), name, SUFFIX);
    }
    free(key);
    return path;
}

/* ---- reading ---------------------------------------------------------- */

/* Reads a file of at most room bytes. Returns its length, or -1. */
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

static int read_file(int fd, const char *path, libxl_precopy_history *h,
                     char *err)
{
    char line[XPC_ERR_LEN];
    struct stat st;
    ssize_t len;
    char *text;
    int rc;

    if (fstat(fd, &st))
        return fail(err, ERROR_FAIL, "%.120s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
        return fail(err, ERROR_INVAL, "%.120s: not a history: %s", path,
                    S_ISREG(st.st_mode) ? "too long" : "not a file");
    text = malloc(FILE_MAX_BYTES);
    if (!text)
        return no_memory(err);
    len = read_all(fd, text, FILE_MAX_BYTES);
    if (len < 0)
        rc = fail(err, ERROR_FAIL, "%.120s: %s", path, strerror(errno));
    else if (!xpc_history_from_json(h, text, len, line))
        rc = 0;
    else
        rc = fail(err, errno == ENOMEM ? ERROR_NOMEM : ERROR_INVAL,
                  "%.120s: %.120s", path, line);
    free(text);
    return rc;
}

static int load_history(const char *path, libxl_precopy_history *h, char *err)
{
    /* O_NONBLOCK: if it is a pipe, open() must not block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc;

    *err = 0;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ERROR_NOTFOUND;
    if (fd < 0)
        return fail(err, ERROR_FAIL, "%.120s: %s", path, strerror(errno));
    rc = read_file(fd, path, h, err);
    close(fd);
    return rc;
}

int libxl_precopy_history_read(const char *dir, const char *target,
                               libxl_precopy_history *h,
                               char err[LIBXL_PRECOPY_ERR_LEN])
{
    char *path = target_path(dir, target);
    int rc;

    if (!path)
        return no_memory(err);
    rc = load_history(path, h, err);
    free(path);
    return rc;
}

/* ---- writing ---------------------------------------------------------- */

static int make_directories(const char *dir, char *err)
{
    char path[PATH_MAX];
    int r = 0;

    if (snprintf(path, sizeof(path), "%s/", dir) >= (int)sizeof(path))
        return fail(err, ERROR_FAIL, "%.120s: too long a path", dir);
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        r = mkdir(path, 0700);
        *p = '/';
    }
    if (r && errno != EEXIST)
        return fail(err, ERROR_FAIL, "%.120s: can't be made: %s", dir,
                    strerror(errno));
    return 0;
}

/* Returns a descriptor, whose closing unlocks, or a libxl error. */
static int lock_directory(const char *dir, char *err)
{
    const struct timespec step = { .tv_nsec = LOCK_STEP_NS };
    char *path = join_path(dir, LOCK_FILE, "");
    int fd, tries = LOCK_TRIES;

    if (!path)
        return no_memory(err);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(path);
    if (fd < 0)
        return fail(err, ERROR_FAIL, "%.120s: can't be written: %s", dir,
                    strerror(errno));
    while (flock(fd, LOCK_EX | LOCK_NB) && --tries)
        nanosleep(&step, NULL);
    if (tries)
        return fd;
    close(fd);
    return fail(err, ERROR_FAIL, "%.120s: kept locked by another program",
                dir);
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

/*
 * The lock must be held: then a temporary file was left by a writer that has
 * died, and can be overwritten.
 */
static int replace_file(const char *dir, const char *path, const char *text,
                        char *err)
{
    char *tmp;
    int fd, r, saved;

    if (asprintf(&tmp, "%s~", path) < 0)
        return no_memory(err);
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
        return fail(err, ERROR_FAIL, "%.120s: can't be written: %s", path,
                    strerror(saved));
    sync_directory(dir);
    return 0;
}

/* Renames a damaged file, with a line in err. */
static int set_aside(const char *path, char *err)
{
    char why[LIBXL_PRECOPY_ERR_LEN];
    char *bad;
    int r;

    if (asprintf(&bad, "%s.bad", path) < 0)
        return no_memory(err);
    r = rename(path, bad);
    free(bad);
    if (r)
        return fail(err, ERROR_FAIL, "%.120s: can't be renamed: %s", path,
                    strerror(errno));
    strcpy(why, err);
    fail(err, 0, "%.220s: begun anew, the old one ends in .bad", why);
    return 0;
}

/* Changes a history. Returns 0, 1 if nothing changed, or -1: out of memory. */
typedef int change_fn(libxl_precopy_history *h, const void *arg);

/* Reads the history of a target, or starts an empty one. */
static int load_or_create(const char *path, const char *target,
                          libxl_precopy_history *h, char *err)
{
    int rc = load_history(path, h, err);
    char *key;

    if (rc == ERROR_INVAL)
        rc = set_aside(path, err) ? ERROR_FAIL : ERROR_NOTFOUND;
    if (rc != ERROR_NOTFOUND)
        return rc;
    key = normalize(target);
    rc = key && !xpc_history_init(h, key) ? 0 : no_memory(err);
    free(key);
    return rc;
}

/* The lock must be held. err may have a line even if 0 is returned. */
static int change_file(const char *dir, const char *path, const char *target,
                       change_fn *change, const void *arg, char *err)
{
    char line[LIBXL_PRECOPY_ERR_LEN] = "";
    libxl_precopy_history h = { 0 };
    char *json = NULL;
    int r, rc;

    rc = load_or_create(path, target, &h, err);
    if (rc) goto out;
    r = change(&h, arg);
    if (r > 0) goto out;
    if (!r)
        json = libxl_precopy_history_to_json(NULL, &h);
    rc = json ? replace_file(dir, path, json, line) : no_memory(line);
    if (rc)
        strcpy(err, line);

 out:
    free(json);
    xpc_history_dispose(&h);
    return rc;
}

static int change_history(const char *dir, const char *target,
                          change_fn *change, const void *arg, char *err)
{
    char *path = target_path(dir, target);
    int fd, rc;

    *err = 0;
    dir = choose_directory(dir);
    if (!path)
        return no_memory(err);
    rc = make_directories(dir, err);
    if (rc) goto out;
    fd = lock_directory(dir, err);
    rc = fd < 0 ? fd : change_file(dir, path, target, change, arg, err);
    if (fd >= 0)
        close(fd);

 out:
    free(path);
    return rc;
}

struct migration {
    const libxl_precopy_report *report;
    time_t start;
    const char *domain;
};

static int add_migration(libxl_precopy_history *h, const void *arg)
{
    const struct migration *m = arg;

    return xpc_history_add(h, m->report, m->start, m->domain);
}

int libxl_precopy_history_add(const char *dir, const char *target,
                              const libxl_precopy_report *report,
                              time_t start, const char *domain,
                              char err[LIBXL_PRECOPY_ERR_LEN])
{
    struct migration m = { report, start, domain };

    return change_history(dir, target, add_migration, &m, err);
}

static int set_receiver(libxl_precopy_history *h, const void *arg)
{
    uint64_t stock = *(const time_t *)arg;

    if (h->stock_s == stock)
        return 1;
    h->stock_s = stock;
    return 0;
}

int libxl_precopy_history_receiver(const char *dir, const char *target,
                                   time_t stock,
                                   char err[LIBXL_PRECOPY_ERR_LEN])
{
    return change_history(dir, target, set_receiver, &stock, err);
}

/* ---- all of them ------------------------------------------------------ */

static int is_history(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');

    return *e->d_name != '.' && dot && !strcmp(dot, SUFFIX);
}

int libxl_precopy_history_list(const char *dir, libxl_precopy_history **list,
                               size_t *nr, char err[LIBXL_PRECOPY_ERR_LEN])
{
    char line[LIBXL_PRECOPY_ERR_LEN];
    struct dirent **names = NULL;
    int n, rc = 0;
    char *path;

    *err = 0;
    *list = NULL;
    *nr = 0;
    dir = choose_directory(dir);
    n = scandir(dir, &names, is_history, alphasort);
    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0)
        return fail(err, ERROR_FAIL, "%.120s: %s", dir, strerror(errno));
    *list = calloc(n + 1, sizeof(**list));
    if (!*list)
        rc = no_memory(err);
    for (int i = 0; i < n; i++) {
        path = join_path(dir, names[i]->d_name, "");
        if (*list && path && !load_history(path, &(*list)[*nr], line))
            ++*nr;
        else if (*list && !*err)
            strcpy(err, path ? line : "out of memory");
        free(path);
        free(names[i]);
    }
    free(names);
    return rc;
}

void libxl_precopy_history_list_free(libxl_precopy_history *list, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        xpc_history_dispose(&list[i]);
    free(list);
}

/* ---- the type --------------------------------------------------------- */

void libxl_precopy_history_init(libxl_precopy_history *h)
{
    *h = (libxl_precopy_history){ .version = XPC_HISTORY_VERSION };
}

void libxl_precopy_history_dispose(libxl_precopy_history *h)
{
    xpc_history_dispose(h);
}

char *libxl_precopy_history_to_json(libxl_ctx *ctx,
                                    const libxl_precopy_history *h)
{
    (void)ctx;
    return xpc_to_json(&xpc_history_type, h, true);
}
