/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/forms.h>

#include "libxl_precopy_files.h"
#include "libxl_precopy_profiles.h"

#define FOLDER "profiles"
#define FILE_MAX_BYTES (1 << 18)

/* The path of a profile and its folder, malloc()ed. Returns 0, or an error. */
static int find_file(const char *dir, const char *file, const char *domain,
                     char **folder_r, char **path_r, char *err)
{
    const char *slash = file ? strrchr(file, '/') : NULL;

    if (!file)
        *folder_r = libxl__files_join(libxl__files_directory(dir), FOLDER,
                                      "");
    else if (slash)
        *folder_r = strndup(file, slash > file ? slash - file : 1);
    else
        *folder_r = strdup(".");
    *path_r = file ? strdup(file) :
              *folder_r ? libxl__files_path(*folder_r, domain) : NULL;
    return *folder_r && *path_r ? 0 : libxl__files_no_memory(err);
}

static int load_profile(const char *path, struct xpc_profile *p, char *err)
{
    char line[XPC_ERR_LEN], *text;
    size_t len;
    int rc;

    rc = libxl__files_load(path, "profile", FILE_MAX_BYTES, &text, &len, err);
    if (rc)
        return rc;
    if (xpc_profile_from_json(p, text, len, line))
        rc = libxl__files_fail(err, errno == ENOMEM ? ERROR_NOMEM :
                                                      ERROR_INVAL,
                               "%.120s: %.120s", path, line);
    free(text);
    return rc;
}

int libxl_precopy_profile_read(const char *dir, const char *file,
                               const char *domain, struct xpc_profile *p,
                               char err[LIBXL_PRECOPY_ERR_LEN])
{
    char *folder = NULL, *path = NULL;
    int rc;

    *err = 0;
    rc = find_file(dir, file, domain, &folder, &path, err);
    if (!rc)
        rc = load_profile(path, p, err);
    free(path);
    free(folder);
    return rc;
}

/* Reads the profile of a domain, or starts one. The lock must be held. */
static int load_or_create(const char *path, const char *domain,
                          struct xpc_profile *p, char *err)
{
    int rc = load_profile(path, p, err);

    if (rc == ERROR_NOTFOUND) {
        xpc_profile_init(p);
        p->domain = strdup(domain);
        rc = p->domain ? 0 : libxl__files_no_memory(err);
    } else if (!rc && (!p->domain || strcmp(p->domain, domain))) {
        rc = libxl__files_fail(err, ERROR_INVAL, "%.120s: it is the profile "
                               "of %.60s", path, p->domain ? p->domain :
                                                             "no domain");
    }
    return rc;
}

int libxl_precopy_profile_add(const char *dir, const char *file,
                              const char *domain, unsigned int hour,
                              uint64_t now_s, const struct xpc_curve *curve,
                              const struct xpc_phased *phased,
                              char err[LIBXL_PRECOPY_ERR_LEN])
{
    char *folder = NULL, *path = NULL, *json = NULL;
    struct xpc_profile p = { 0 };
    int fd = -1, rc;

    *err = 0;
    rc = find_file(dir, file, domain, &folder, &path, err);
    if (rc) goto out;
    if (!file) {
        rc = libxl__files_make_directories(folder, err);
        if (rc) goto out;
    }
    fd = libxl__files_lock(folder, err);
    if (fd < 0) {
        rc = fd;
        goto out;
    }
    rc = load_or_create(path, domain, &p, err);
    if (rc) goto out;
    if (!xpc_profile_add(&p, hour, now_s, curve, phased))
        json = xpc_to_json(&xpc_profile_type, &p, true);
    rc = json ? libxl__files_replace(folder, path, json, err) :
                libxl__files_no_memory(err);

 out:
    if (fd >= 0)
        close(fd);
    free(json);
    xpc_profile_dispose(&p);
    free(path);
    free(folder);
    return rc;
}
