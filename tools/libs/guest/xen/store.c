/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "json/migration.h"
#include "xen/store.h"

const char *xen_store_path(char buf[XEN_STORE_PATH_LEN], uint32_t domid,
                           const char *leaf)
{
    snprintf(buf, XEN_STORE_PATH_LEN, "/libxl/%"PRIu32"/precopy%s%s", domid,
             leaf ? "/" : "", leaf ? leaf : "");
    return buf;
}

int xen_store_write(struct xs_handle *xs, uint32_t domid, const char *leaf,
                    const struct xpc_type *type, const void *obj)
{
    char path[XEN_STORE_PATH_LEN];
    char *json = xpc_to_json(type, obj, false);
    int rc = -1, saved;

    if (!json)
        return -1;
    if (strlen(json) > XEN_STORE_VALUE_MAX)
        errno = E2BIG;
    else if (xs_write(xs, XBT_NULL, xen_store_path(path, domid, leaf), json,
                      strlen(json)))
        rc = 0;
    saved = errno;
    free(json);
    errno = saved;
    return rc;
}

int xen_store_transact(struct xs_handle *xs, uint32_t domid,
                       xen_store_step_fn *step, void *opaque)
{
    int tries = XEN_STORE_TRIES, rc, saved;
    xs_transaction_t t;

    do {
        t = xs_transaction_start(xs);
        if (t == XBT_NULL)
            return -1;
        rc = step(xs, t, domid, opaque);
        saved = errno;
        if (xs_transaction_end(xs, t, rc <= 0) || rc <= 0) {
            errno = saved;
            return rc;
        }
    } while (errno == EAGAIN && --tries);
    return -1;
}

int xen_store_read(struct xs_handle *xs, xs_transaction_t t, uint32_t domid,
                   const char *leaf, const struct xpc_type *type, void *obj,
                   char err[XPC_ERR_LEN])
{
    char path[XEN_STORE_PATH_LEN];
    unsigned int len;
    char *json;
    int rc, saved;

    json = xs_read(xs, t, xen_store_path(path, domid, leaf), &len);
    if (!json) {
        saved = errno;
        snprintf(err, XPC_ERR_LEN, "can't read %s: %s", path,
                 strerror(saved));
        errno = saved;
        return -1;
    }
    rc = xpc_from_json(type, obj, json, len, err);
    saved = rc ? EINVAL : 0;
    free(json);
    errno = saved;
    return rc;
}

/* Reads the iterations kept in xenstore into the report, in order. */
static int read_iterations(struct xs_handle *xs, uint32_t domid,
                           struct xpc_report *report, char err[XPC_ERR_LEN])
{
    char leaf[64];
    uint64_t last = 0;
    struct xpc_iteration latest = { 0 };

    if (!xen_store_read(xs, XBT_NULL, domid, "progress", &xpc_iteration_type,
                        &latest, err))
        last = latest.number;
    report->iterations = calloc(XEN_STORE_ITERATIONS,
                                sizeof(*report->iterations));
    if (!report->iterations)
        return -1;
    for (uint64_t n = last > XEN_STORE_ITERATIONS ?
                      last - XEN_STORE_ITERATIONS + 1 : 1; n <= last; n++) {
        /* What it lacks is 0. */
        struct xpc_iteration it = { 0 };

        snprintf(leaf, sizeof(leaf), "iteration/%"PRIu64, n);
        if (!xen_store_read(xs, XBT_NULL, domid, leaf, &xpc_iteration_type,
                            &it, err))
            report->iterations[report->nr_iterations++] = it;
        else if (errno != ENOENT)
            return -1;
    }
    return 0;
}

/* The longest text that leaves room for the rest, whatever that is. */
#define SHORT_TEXT_LEN 150

int xen_store_write_report(struct xs_handle *xs, uint32_t domid,
                           const struct xpc_report *report)
{
    struct xpc_report small = *report;
    char text[SHORT_TEXT_LEN];
    int rc = xen_store_write(xs, domid, "report", &xpc_report_head_type,
                             report);

    if (!rc || errno != E2BIG)
        return rc;
    if (report->text) {
        snprintf(text, sizeof(text), "%s", report->text);
        xpc_plain_line(text);
        small.text = text;
    }
    small.sources = NULL;
    small.compress = NULL;
    small.nr_compress = 0;
    return xen_store_write(xs, domid, "report", &xpc_report_head_type,
                           &small);
}

int xen_store_read_report(struct xs_handle *xs, uint32_t domid,
                          struct xpc_report *report, char err[XPC_ERR_LEN])
{
    if (xen_store_read(xs, XBT_NULL, domid, "report", &xpc_report_head_type,
                       report, err))
        return -1;
    return read_iterations(xs, domid, report, err);
}

bool xen_store_has_pci(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_STORE_PATH_LEN];
    unsigned int nr = 0;
    char **names;

    /* libxl removes it with the last device. */
    snprintf(path, sizeof(path), "/libxl/%"PRIu32"/device/pci", domid);
    names = xs_directory(xs, XBT_NULL, path, &nr);
    free(names);
    return names && nr;
}

static int remove_empty(struct xs_handle *xs, xs_transaction_t t,
                        uint32_t domid, void *path)
{
    unsigned int nr = 1;
    char **names = xs_directory(xs, t, path, &nr);
    bool empty = names && !nr;

    (void)domid;
    free(names);
    return empty && xs_rm(xs, t, path);
}

/* As one step: somebody may be about to write there. */
static void remove_if_empty(struct xs_handle *xs, char *path)
{
    xen_store_transact(xs, 0, remove_empty, path);
}

/*
 * A write creates missing directories. If the domain has ended meanwhile,
 * nobody else would remove its directory.
 */
static void remove_empty_domain(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_STORE_PATH_LEN];

    snprintf(path, sizeof(path), "/libxl/%"PRIu32, domid);
    remove_if_empty(xs, path);
}

int xen_store_remove(struct xs_handle *xs, uint32_t domid, const char *leaf)
{
    char path[XEN_STORE_PATH_LEN];

    if (!xs_rm(xs, XBT_NULL, xen_store_path(path, domid, leaf)) &&
        errno != ENOENT)
        return -1;
    if (!leaf)
        remove_empty_domain(xs, domid);
    return 0;
}

static void remove_empty_folders(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_STORE_PATH_LEN];

    xen_store_path(path, domid, NULL);
    remove_if_empty(xs, path);
    remove_empty_domain(xs, domid);
}

int xen_store_remove_tidily(struct xs_handle *xs, uint32_t domid,
                            const char *leaf)
{
    int rc = xen_store_remove(xs, domid, leaf);

    remove_empty_folders(xs, domid);
    return rc;
}

static int remove_leaves(struct xs_handle *xs, uint32_t domid,
                         const char *const *leaf)
{
    int rc = 0;

    for (; *leaf; leaf++) {
        if (xen_store_remove(xs, domid, *leaf))
            rc = -1;
    }
    return rc;
}

int xen_store_forget(struct xs_handle *xs, uint32_t domid)
{
    static const char *const told[] = {
        "progress", "iteration", "refused", "report", "overdue",
        "taking-back", NULL
    };

    return remove_leaves(xs, domid, told);
}

int xen_store_clear(struct xs_handle *xs, uint32_t domid)
{
    static const char *const rest[] = { "active", "current", "cancel", NULL };
    int rc = 0;

    if (xen_store_forget(xs, domid) || remove_leaves(xs, domid, rest) ||
        xen_store_forget_once(xs, domid))
        rc = -1;
    remove_empty_folders(xs, domid);
    return rc;
}

/* ---- parameters for one save ------------------------------------------ */

#define ONCE_LEN 48
#define STARTED "/started"

static char *once_leaf(char buf[ONCE_LEN], pid_t pid)
{
    snprintf(buf, ONCE_LEN, "once/%ld", (long)pid);
    return buf;
}

/* When the process that has written the node was started; 0: unknown. */
static uint64_t read_started(struct xs_handle *xs, uint32_t domid, pid_t pid)
{
    char path[XEN_STORE_PATH_LEN], leaf[ONCE_LEN], *value;
    uint64_t start = 0;

    strcat(once_leaf(leaf, pid), STARTED);
    value = xs_read(xs, XBT_NULL, xen_store_path(path, domid, leaf), NULL);
    if (value)
        sscanf(value, "%"SCNu64, &start);
    free(value);
    return start;
}

static bool write_started(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_STORE_PATH_LEN], leaf[ONCE_LEN], value[24];

    strcat(once_leaf(leaf, getpid()), STARTED);
    snprintf(value, sizeof(value), "%"PRIu64, process_start(getpid()));
    return xs_write(xs, XBT_NULL, xen_store_path(path, domid, leaf), value,
                    strlen(value));
}

int xen_store_write_once(struct xs_handle *xs, uint32_t domid,
                         const struct xpc_params *params)
{
    char path[XEN_STORE_PATH_LEN], leaf[ONCE_LEN];

    once_leaf(leaf, getpid());
    if (params ? xen_store_write(xs, domid, leaf, &xpc_params_type, params) :
        !xs_write(xs, XBT_NULL, xen_store_path(path, domid, leaf), "", 0))
        return -1;
    return write_started(xs, domid) ? 0 : -1;
}

int xen_store_take_once(struct xs_handle *xs, uint32_t domid, pid_t pid,
                        struct xpc_params *params_r, char err[XPC_ERR_LEN])
{
    char path[XEN_STORE_PATH_LEN], leaf[ONCE_LEN];
    unsigned int len;
    char *json;
    int rc;

    json = xs_read(xs, XBT_NULL,
                   xen_store_path(path, domid, once_leaf(leaf, pid)), &len);
    /* Those of an earlier process with its number are left over. */
    if (json && !process_lives(pid, read_started(xs, domid, pid))) {
        free(json);
        json = NULL;
        xen_store_remove(xs, domid, leaf);
        errno = ENOENT;
    }
    if (!json) {
        rc = errno;
        snprintf(err, XPC_ERR_LEN, "can't read %s: %s", path, strerror(rc));
        errno = rc;
        return -1;
    }
    rc = !len ? 0 :
         xpc_from_json(&xpc_params_type, params_r, json, len, err) ? -1 : 1;
    free(json);
    xen_store_remove(xs, domid, leaf);
    xen_store_forget_once(xs, domid);
    if (rc < 0)
        errno = EINVAL;
    return rc;
}

/*
 * A toolstack that was killed leaves its node behind. Nodes of other processes
 * that are alive are kept, because their save helpers have to read them.
 */
int xen_store_forget_once(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_STORE_PATH_LEN], leaf[ONCE_LEN];
    unsigned int nr = 0;
    int rc = 0;
    char **names = xs_directory(xs, XBT_NULL,
                                xen_store_path(path, domid, "once"), &nr);

    for (unsigned int i = 0; names && i < nr; i++) {
        pid_t pid = strtol(names[i], NULL, 10);

        if (pid != getpid() &&
            process_lives(pid, read_started(xs, domid, pid)))
            continue;
        if (xen_store_remove(xs, domid, once_leaf(leaf, pid)))
            rc = -1;
    }
    free(names);
    remove_if_empty(xs, path);
    return rc;
}
