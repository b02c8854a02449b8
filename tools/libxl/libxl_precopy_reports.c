/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last report of each domain, in files beside the history. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json/migration.h"
#include "libxl_precopy_files.h"
#include "libxl_precopy_reports.h"

#define FOLDER "reports"

/* When the file was written, compared with another one. */
static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec :
                                    a->tv_nsec < b->tv_nsec;
}

/*
 * Finds the report that was written first, or last. Returns the number of
 * reports. *path_r is malloc()ed, or NULL if there is none.
 */
static int find_report(const char *dir, bool first, char **path_r)
{
    struct dirent **names = NULL;
    struct timespec best = { 0 };
    int n = scandir(dir, &names, libxl__files_is_named, alphasort), nr = 0;
    struct stat st;
    char *path;

    *path_r = NULL;
    for (int i = 0; i < n; i++) {
        path = libxl__files_join(dir, names[i]->d_name, "");
        free(names[i]);
        if (path && !lstat(path, &st) && S_ISREG(st.st_mode)) {
            nr++;
            if (!*path_r || is_older(&st.st_mtim, &best) == first) {
                free(*path_r);
                *path_r = path;
                best = st.st_mtim;
                continue;
            }
        }
        free(path);
    }
    free(names);
    return nr;
}

/* The lock must be held. */
static void remove_oldest(const char *dir)
{
    char *path = NULL;

    while (find_report(dir, true, &path) > LIBXL_PRECOPY_REPORTS_MAX &&
           !unlink(path))
        free(path);
    free(path);
}

static char *reports_directory(const char *dir)
{
    return libxl__files_join(libxl__files_directory(dir), FOLDER, "");
}

int libxl_precopy_report_keep(const char *dir,
                              const libxl_precopy_report *report,
                              char err[LIBXL_PRECOPY_ERR_LEN])
{
    char *folder = reports_directory(dir), *path = NULL;
    char *json = xpc_to_json(&xpc_report_type, report, false);
    int fd, rc;

    *err = 0;
    if (folder)
        path = libxl__files_path(folder, report->domain ? report->domain : "");
    if (!path || !json) {
        rc = libxl__files_no_memory(err);
        goto out;
    }
    rc = libxl__files_make_directories(folder, err);
    if (rc) goto out;
    fd = libxl__files_lock(folder, err);
    if (fd < 0) {
        rc = fd;
        goto out;
    }
    rc = libxl__files_replace(folder, path, json, err);
    remove_oldest(folder);
    close(fd);

 out:
    free(json);
    free(path);
    free(folder);
    return rc;
}

static int load_report(const char *path, libxl_precopy_report *report,
                       char *err)
{
    char line[XPC_ERR_LEN], *text;
    size_t len;
    int rc;

    rc = libxl__files_load(path, "report", XPC_JSON_MAX_BYTES, &text, &len,
                           err);
    if (rc)
        return rc;
    if (xpc_from_json(&xpc_report_type, report, text, len, line))
        rc = libxl__files_fail(err, errno == ENOMEM ? ERROR_NOMEM :
                                                      ERROR_INVAL,
                               "%.120s: %.120s", path, line);
    free(text);
    return rc;
}

int libxl_precopy_report_last(const char *dir, const char *domain,
                              libxl_precopy_report *report,
                              char err[LIBXL_PRECOPY_ERR_LEN])
{
    char *folder = reports_directory(dir), *path = NULL;
    int rc;

    *err = 0;
    if (folder && domain)
        path = libxl__files_path(folder, domain);
    if (!folder || (domain && !path))
        rc = libxl__files_no_memory(err);
    else if (!domain && !find_report(folder, false, &path))
        rc = ERROR_NOTFOUND;
    else
        rc = path ? load_report(path, report, err) :
                    libxl__files_no_memory(err);
    free(path);
    free(folder);
    return rc;
}
