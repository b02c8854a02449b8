/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks that the plug-in is loaded into the process that will save a domain.
 * ld.so ignores a preload that it can't load, and the configured save helper
 * may be any program. So before anything depends on it, the helper is run with
 * XEN_PROBE_ARG. Our helper then runs the stock helper as for a save, with
 * XEN_PROBE_ENV in its environment. The plug-in checks that it comes before
 * libxenguest, prints XEN_PROBE_LOADED and exits.
 */
#ifndef XEN_PROBE_H
#define XEN_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#define XEN_PROBE_ARG "--precopy-probe"
#define XEN_PROBE_ENV "XEN_PRECOPY_PROBE"
/* Printed by the plug-in. */
#define XEN_PROBE_LOADED "xen-precopy plug-in: loaded"
/* Printed by our helper, followed by "ready", or by why it is not. */
#define XEN_PROBE_HELPER "xen-precopy helper: "

/* Timeouts for the stock helper, and for ours, which waits for that one. */
#define XEN_PROBE_STOCK_MS 10000
#define XEN_PROBE_HELPER_MS 15000

/*
 * Runs a program with XEN_PROBE_ARG and an empty standard input, until it has
 * closed its standard output, printed `wanted`, or timeout_ms have passed. Then
 * kills it. buf (len bytes) receives its standard output and, with errors, its
 * standard error. Blocks. Safe in a process with threads, even if one of them
 * reaps the child. Returns whether the program printed `wanted`.
 */
bool xen_probe_run(const char *path, const char *wanted, bool errors,
                   int timeout_ms, char *buf, size_t len);

#endif
