/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What LIBXL_SAVE_HELPER points at: the stock libxl-save-helper, with the
 * plug-in preloaded when it saves. A restore is left alone.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xen_stock.h"

#define PLUGIN "libxenprecopy-save.so"

/* The plug-in lies beside this program, wherever that is. */
static int preload(void)
{
    char path[PATH_MAX + sizeof(PLUGIN)], value[2 * sizeof(path)];
    const char *old = getenv("LD_PRELOAD");
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    if (n < 0)
        return -1;
    path[n] = 0;
    slash = strrchr(path, '/');
    strcpy(slash + 1, PLUGIN);
    if (access(path, R_OK)) {
        fprintf(stderr, "libxl-save-helper: the precopy plug-in %s: %s: "
                "reinstall xen-precopy or unset LIBXL_SAVE_HELPER\n", path,
                strerror(errno));
        return -1;
    }
    if (old && strlen(old) >= sizeof(path)) {
        errno = E2BIG;
        return -1;
    }
    /* Behind what is there: a sanitizer's runtime must come first. */
    snprintf(value, sizeof(value), "%s%s%s", old ? old : "",
             old && *old ? ":" : "", path);
    return setenv("LD_PRELOAD", value, 1);
}

int main(int argc, char **argv)
{
    char stock[PATH_MAX];

    if (xen_stock_helper(stock)) {
        fprintf(stderr, "libxl-save-helper: stock helper %s: %s: set "
                "XEN_PRECOPY_STOCK_HELPER to where it is\n", stock,
                strerror(errno));
        return 127;
    }
    if (argc > 1 && !strcmp(argv[1], "--save-domain") && preload())
        return 127;
    execv(stock, argv);
    fprintf(stderr, "libxl-save-helper: stock helper %s: %s: set "
            "XEN_PRECOPY_STOCK_HELPER to where it is\n", stock,
            strerror(errno));
    return 127;
}
