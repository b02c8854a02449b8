/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does the plug-in get into the process that will save the domain? ld.so
 * ignores a preload that it can't load, and any program may stand where the
 * save helper is expected. So before anything depends on it, the helper is
 * run with XEN_PROBE_ARG. Ours then runs the stock helper just as for a save,
 * with XEN_PROBE_ENV in its environment; the plug-in, when it finds itself in
 * front of libxenguest there, says XEN_PROBE_LOADED and exits.
 */
#ifndef XEN_PROBE_H
#define XEN_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#define XEN_PROBE_ARG "--precopy-probe"
#define XEN_PROBE_ENV "XEN_PRECOPY_PROBE"
/* What the plug-in says. */
#define XEN_PROBE_LOADED "xen-precopy plug-in: loaded"
/* What our helper says: "ready" behind it, or why it is not. */
#define XEN_PROBE_HELPER "xen-precopy helper: "

/* For the stock helper, and for ours, which waits for that one. */
#define XEN_PROBE_STOCK_MS 10000
#define XEN_PROBE_HELPER_MS 15000

/*
 * Runs a program with XEN_PROBE_ARG, its standard input empty, until it has
 * closed its standard output, or said wanted, or timeout_ms are over; then it
 * is killed. buf gets what it wrote there and, with errors, to standard error.
 * Blocks; safe in a process with threads, and whoever reaps the child. Returns
 * whether it said wanted.
 */
bool xen_probe_run(const char *path, const char *wanted, bool errors,
                   int timeout_ms, char *buf, size_t len);

#endif
