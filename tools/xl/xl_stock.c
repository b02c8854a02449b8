/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stock xl, which has all the commands that are not ours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xl.h"

static const char *const places[] = {
    XEN_LIBEXEC_BIN "/xl", "/usr/sbin/xl",
};

/* We may be installed as /usr/sbin/xl: never exec ourselves in a loop. */
static bool is_ourselves(const char *path)
{
    struct stat self, other;

    return !stat("/proc/self/exe", &self) && !stat(path, &other) &&
           self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

const char *xl_stock_path(char *err, size_t len)
{
    const char *path = getenv("XEN_PRECOPY_STOCK_XL");
    size_t i;

    if (path && *path) {
        if (is_ourselves(path)) {
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
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (!access(places[i], X_OK) && !is_ourselves(places[i]))
            return places[i];
    }
    snprintf(err, len, "the stock xl is neither %s nor %s: set "
             "XEN_PRECOPY_STOCK_XL to where it is", places[0], places[1]);
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
