/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xen/stock.h"

/* The path of a tool of a Xen version (Debian). */
#define VERSIONED "%s/usr/lib/xen-%s/bin/%s"
/* Where xen-precopy enable moves it (tools/enable/xen-precopy.in). */
#define MOVED "%s/usr/lib/xen-%s/stock/%s"

/* The folders of other distributions, and of Xen's own makefiles. */
static const char *const places[] = {
    "/usr/sbin", "/usr/libexec/xen/bin", "/usr/lib/xen/bin",
    "/usr/local/sbin", "/usr/local/libexec/xen/bin",
    "/usr/local/lib/xen/bin",
};

bool xen_stock_is_self(const char *path)
{
    struct stat self, other;

    return !stat("/proc/self/exe", &self) && !stat(path, &other) &&
           self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

static bool usable(const char *path)
{
    return !access(path, X_OK) && !xen_stock_is_self(path);
}

/* Reads one number of the running Xen's version; -1 if unknown. */
static int read_number(const char *root, const char *name)
{
    char path[PATH_MAX];
    int number = -1;
    FILE *f;

    snprintf(path, sizeof(path), "%s/sys/hypervisor/version/%s", root, name);
    f = fopen(path, "re");
    if (!f)
        return -1;
    if (fscanf(f, "%d", &number) != 1)
        number = -1;
    fclose(f);
    return number;
}

/* Writes the running Xen's version, or XEN_VERSION and returns false. */
static bool find_version(const char *root, char *buf, size_t len)
{
    int major = read_number(root, "major"), minor = read_number(root, "minor");
    bool known = major >= 0 && minor >= 0;

    if (known)
        snprintf(buf, len, "%d.%d", major, minor);
    else
        snprintf(buf, len, "%s", XEN_VERSION);
    return known;
}

static bool is_link(const char *path)
{
    struct stat st;

    return !lstat(path, &st) && S_ISLNK(st.st_mode);
}

bool xen_stock_is_replaced(const char *root, const char *name)
{
    char version[32], place[PATH_MAX];

    find_version(root, version, sizeof(version));
    snprintf(place, sizeof(place), VERSIONED, root, version, name);
    return xen_stock_is_self(place);
}

int xen_stock_tool(const char *root, const char *name, char buf[PATH_MAX])
{
    char version[32], place[PATH_MAX];
    bool known = find_version(root, version, sizeof(version));

    snprintf(place, sizeof(place), VERSIONED, root, version, name);
    snprintf(buf, PATH_MAX, MOVED, root, version, name);
    if (is_link(place) && usable(buf))
        return 0;
    if (xen_stock_is_self(place)) {
        errno = ENOENT;
        return -1;
    }
    strcpy(buf, place);
    if (known && usable(buf))
        return 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(buf, PATH_MAX, "%s%s/%s", root, places[i], name);
        if (usable(buf))
            return 0;
    }
    strcpy(buf, place);
    if (!known && usable(buf))
        return 0;
    errno = ENOENT;
    return -1;
}

int xen_stock_helper(char buf[PATH_MAX])
{
    const char *path = getenv("XEN_PRECOPY_STOCK_HELPER");

    if (!path || !*path)
        return xen_stock_tool("", "libxl-save-helper", buf);
    snprintf(buf, PATH_MAX, "%s", path);
    if (!xen_stock_is_self(path))
        return access(path, X_OK);
    errno = ELOOP;
    return -1;
}
