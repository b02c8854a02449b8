/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the stock tools of the running Xen. */
#ifndef XEN_STOCK_H
#define XEN_STOCK_H

#include <limits.h>
#include <stdbool.h>

/*
 * Finds a program of the stock tools, such as "xl" or "libxl-save-helper".
 *
 * Debian installs the tools of each Xen version in a folder of its own, and
 * only those of the running version work. This folder is tried first, then the
 * folders of other distributions. The version that this package was built for
 * is used only if the running one is unknown. The calling program itself is
 * skipped.
 *
 * If `xen-precopy enable` has put a link to one of ours in that folder, the
 * tool is where it was moved to, and nowhere else: everything else may lead
 * back to the link.
 *
 * root is a prefix of all paths, "" outside tests. Returns 0 with the path in
 * buf, or -1 with errno ENOENT and the expected path in buf.
 */
int xen_stock_tool(const char *root, const char *name, char buf[PATH_MAX]);

/*
 * Finds the stock save helper: XEN_PRECOPY_STOCK_HELPER if set, else the one
 * that xen_stock_tool() finds. Returns 0 with its path in buf, or -1 with errno
 * if it can't be executed.
 */
int xen_stock_helper(char buf[PATH_MAX]);

/* Is the calling program in the place of that tool of the running Xen? */
bool xen_stock_is_replaced(const char *root, const char *name);

/* Is path, after following links, the calling program? */
bool xen_stock_is_self(const char *path);

#endif
