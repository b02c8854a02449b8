/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This program may be installed in place of the stock xl: never run itself. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/xl_stock.h"
#include "xen/stock.h"

const char *xl_stock_path(char *err, size_t len)
{
    const char *path = getenv("XEN_PRECOPY_STOCK_XL");
    static char found[PATH_MAX];

    if (path && *path) {
        if (xen_stock_is_self(path)) {
            snprintf(err, len, "XEN_PRECOPY_STOCK_XL is %s, which is this "
                     "very program: set it to the stock xl", path);
            return NULL;
        }
        if (access(path, X_OK)) {
            snprintf(err, len, "XEN_PRECOPY_STOCK_XL is %s: %s: set it to the "
                     "stock xl", path, strerror(errno));
            return NULL;
        }
        return path;
    }
    if (!xen_stock_tool("", "xl", found))
        return found;
    snprintf(err, len, "no stock xl is installed, neither as %.200s nor as "
             "/usr/sbin/xl: set XEN_PRECOPY_STOCK_XL to where it is", found);
    return NULL;
}

int xl_exec_stock(char **argv)
{
    char err[512];
    const char *path = xl_stock_path(err, sizeof(err));

    if (path) {
        execv(path, argv);
        snprintf(err, sizeof(err), "the stock xl, %s: %s: set "
                 "XEN_PRECOPY_STOCK_XL to where it is", path,
                 strerror(errno));
    }
    fprintf(stderr, "xl: %s\n", err);
    return 127;
}

int xl_run_stock(char **argv)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (!pid)
        _exit(xl_exec_stock(argv));
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        fprintf(stderr, "xl: the stock xl can't be run: %s\n",
                strerror(errno));
        return 127;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
