/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the save helper with the plug-in is, and whether libxl will run it. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json/migration.h"
#include "libxl_precopy_helper.h"
#include "xen/probe.h"

#define HELPER_NAME "libxl-save-helper"

static char helper_path[PATH_MAX];

/*
 * Looks relative to this library's directory first, so that the helper is
 * found in the build tree, and after the installation was moved.
 */
static void find_helper(void)
{
    char lib[PATH_MAX];
    char *slash;
    Dl_info info;
    int i;

    if (dladdr((void *)find_helper, &info) &&
        realpath(info.dli_fname, lib)) {
        for (i = 0; i < 2; i++) {
            slash = strrchr(lib, '/');
            if (slash)
                *slash = 0;
        }
        if (snprintf(helper_path, sizeof(helper_path),
                     "%s/libexec/xen-precopy/bin/" HELPER_NAME, lib) <
            (int)sizeof(helper_path) && !access(helper_path, X_OK))
            return;
    }
    strcpy(helper_path, XPC_LIBEXECDIR "/" HELPER_NAME);
}

const char *libxl_precopy_save_helper(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *path = getenv("XEN_PRECOPY_SAVE_HELPER");

    if (path && *path)
        return path;
    pthread_once(&once, find_helper);
    return helper_path;
}

__attribute__((format(printf, 2, 3)))
static int refuse(char *err, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(err, LIBXL_PRECOPY_ERR_LEN, fmt, al);
    va_end(al);
    return ERROR_FAIL;
}

int libxl__precopy_check_helper(const libxl_precopy_params *params, char *err)
{
    const char *set = getenv("LIBXL_SAVE_HELPER");
    bool foreign = set && *set;
    const char *helper = foreign ? set : libxl_precopy_save_helper();
    const char *name = foreign ? "LIBXL_SAVE_HELPER" :
                                "XEN_PRECOPY_SAVE_HELPER";
    char output[2 * LIBXL_PRECOPY_ERR_LEN], *why;

    if (access(helper, X_OK))
        return refuse(err, "the helper %s can't be run: %s: "
                      "reinstall xen-precopy, or set %s to where it is",
                      helper, strerror(errno), name);
    /* A helper that is not ours matters only if something is asked. */
    if (foreign && !(params && xpc_params_ask(params)))
        return 0;
    if (xen_probe_run(helper, XEN_PROBE_HELPER "ready", false,
                      XEN_PROBE_HELPER_MS, output, sizeof(output)))
        return 0;
    why = strstr(output, XEN_PROBE_HELPER);
    if (!why)
        return refuse(err, "%s is %s, which does not load the "
                      "precopy plug-in: unset it", name, helper);
    why += strlen(XEN_PROBE_HELPER);
    why[strcspn(why, "\n")] = 0;
    return refuse(err, "%s", why);
}
