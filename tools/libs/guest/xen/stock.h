/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the stock tools of the running Xen are.
 */
#ifndef XEN_STOCK_H
#define XEN_STOCK_H

#include <limits.h>
#include <stdbool.h>

/*
 * Finds a program of the stock tools, such as "xl" or "libxl-save-helper".
 *
 * Debian keeps the tools of each Xen version in a folder of their own, and
 * only those of the running version work, so that folder is looked in first;
 * then come the places of other distributions. The version that this was
 * built for counts only where the running one isn't known. The program that
 * calls is never found.
 *
 * root: prefix of every path looked at, "" outside tests. Returns 0 with the
 * path in buf, or -1 with errno ENOENT and in buf where it should have been.
 */
int xen_stock_tool(const char *root, const char *name, char buf[PATH_MAX]);

/*
 * The stock save helper: XEN_PRECOPY_STOCK_HELPER if it is set, else the one
 * that xen_stock_tool() finds. Returns 0 with its path in buf, or -1 with
 * errno if it can't be run.
 */
int xen_stock_helper(char buf[PATH_MAX]);

/* Is path, followed through links, the program that calls? */
bool xen_stock_is_self(const char *path);

#endif
