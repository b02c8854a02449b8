/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/forms.h>

#include "libxl_precopy_files.h"
#include "libxl_precopy_history.h"

#define FILE_MAX_BYTES (1 << 20)

/* ---- names ------------------------------------------------------------ */

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

static char *target_path(const char *dir, const char *target)
{
    char *key = normalize(target), *path = NULL;

    if (key)
        path = libxl__files_path(libxl__files_directory(dir), key);
    free(key);
    return path;
}

/* ---- reading ---------------------------------------------------------- */

static int load_history(const char *path, libxl_precopy_history *h, char *err)
{
    char line[XPC_ERR_LEN], *text;
    size_t len;
    int rc;

    rc = libxl__files_load(path, "history", FILE_MAX_BYTES, &text, &len, err);
    if (rc)
        return rc;
    if (xpc_history_from_json(h, text, len, line))
        rc = libxl__files_fail(err, errno == ENOMEM ? ERROR_NOMEM :
                                                      ERROR_INVAL,
                               "%.120s: %.120s", path, line);
    free(text);
    return rc;
}

int libxl_precopy_history_read(const char *dir, const char *target,
                               libxl_precopy_history *h,
                               char err[LIBXL_PRECOPY_ERR_LEN])
{
    char *path = target_path(dir, target);
    int rc;

    if (!path)
        return libxl__files_no_memory(err);
    rc = load_history(path, h, err);
    free(path);
    return rc;
}

/* ---- writing ---------------------------------------------------------- */

/* Renames a damaged file, with a line in err. */
static int set_aside(const char *path, char *err)
{
    char why[LIBXL_PRECOPY_ERR_LEN];
    char *bad;
    int r;

    if (asprintf(&bad, "%s.bad", path) < 0)
        return libxl__files_no_memory(err);
    r = rename(path, bad);
    free(bad);
    if (r)
        return libxl__files_fail(err, ERROR_FAIL,
                                 "%.120s: can't be renamed: %s", path,
                                 strerror(errno));
    strcpy(why, err);
    libxl__files_fail(err, 0, "%.220s: begun anew, the old one ends in .bad",
                      why);
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
    rc = key && !xpc_history_init(h, key) ? 0 : libxl__files_no_memory(err);
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
    rc = json ? libxl__files_replace(dir, path, json, line) :
                libxl__files_no_memory(line);
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
    dir = libxl__files_directory(dir);
    if (!path)
        return libxl__files_no_memory(err);
    rc = libxl__files_make_directories(dir, err);
    if (rc) goto out;
    fd = libxl__files_lock(dir, err);
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

struct evacuation {
    double pace;
    time_t end;
};

static int add_evacuation(libxl_precopy_history *h, const void *arg)
{
    const struct evacuation *e = arg;

    xpc_history_evacuated(h, e->pace, e->end);
    return 0;
}

int libxl_precopy_history_evacuated(const char *dir, const char *target,
                                    double pace, time_t now,
                                    char err[LIBXL_PRECOPY_ERR_LEN])
{
    struct evacuation e = { pace, now };

    return change_history(dir, target, add_evacuation, &e, err);
}

/* ---- all of them ------------------------------------------------------ */

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
    dir = libxl__files_directory(dir);
    n = scandir(dir, &names, libxl__files_is_named, alphasort);
    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0)
        return libxl__files_fail(err, ERROR_FAIL, "%.120s: %s", dir,
                                 strerror(errno));
    *list = calloc(n + 1, sizeof(**list));
    if (!*list)
        rc = libxl__files_no_memory(err);
    for (int i = 0; i < n; i++) {
        path = libxl__files_join(dir, names[i]->d_name, "");
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
