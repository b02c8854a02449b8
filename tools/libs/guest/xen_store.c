/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen_store.h"
#include "xpc_types.h"

const char *xpc_store_path(char buf[XPC_STORE_PATH_LEN], uint32_t domid,
                           const char *leaf)
{
    snprintf(buf, XPC_STORE_PATH_LEN, "/libxl/%"PRIu32"/precopy%s%s", domid,
             leaf ? "/" : "", leaf ? leaf : "");
    return buf;
}

__attribute__((format(printf, 2, 3)))
static char *read_path(struct xs_handle *xs, const char *fmt, ...)
{
    char path[XPC_STORE_PATH_LEN];
    va_list al;

    va_start(al, fmt);
    vsnprintf(path, sizeof(path), fmt, al);
    va_end(al);
    return xs_read(xs, XBT_NULL, path, NULL);
}

static unsigned int count_devices(struct xs_handle *xs, uint32_t domid,
                                  const char *kind)
{
    char path[XPC_STORE_PATH_LEN];
    unsigned int nr = 0;

    snprintf(path, sizeof(path), "/libxl/%"PRIu32"/device/%s", domid, kind);
    free(xs_directory(xs, XBT_NULL, path, &nr));
    return nr;
}

void xpc_store_guest(struct xs_handle *xs, uint32_t domid,
                     struct xpc_guest *guest)
{
    char *type = read_path(xs, "/libxl/%"PRIu32"/type", domid);
    /* Of a PV or PVH guest with a backend in QEMU. */
    char *qemu = read_path(xs, "/local/domain/0/device-model/%"PRIu32"/state",
                           domid);

    *guest = (struct xpc_guest){
        .devices = count_devices(xs, domid, "vif") +
                   count_devices(xs, domid, "vbd"),
    };
    if (guest->devices > XPC_DEVICES_MAX)
        guest->devices = XPC_DEVICES_MAX;
    if (qemu || (type && !strcmp(type, "hvm")))
        guest->device_model = XPC_DEVICE_MODEL_YES;
    else if (type && (!strcmp(type, "pv") || !strcmp(type, "pvh")))
        guest->device_model = XPC_DEVICE_MODEL_NO;
    free(type);
    free(qemu);
}

int xpc_store_write(struct xs_handle *xs, uint32_t domid, const char *leaf,
                    const struct xpc_type *type, const void *obj)
{
    char path[XPC_STORE_PATH_LEN];
    char *json = xpc_to_json(type, obj, false);
    int rc = -1, saved;

    if (!json)
        return -1;
    if (strlen(json) > XPC_STORE_VALUE_MAX)
        errno = E2BIG;
    else if (xs_write(xs, XBT_NULL, xpc_store_path(path, domid, leaf), json,
                      strlen(json)))
        rc = 0;
    saved = errno;
    free(json);
    errno = saved;
    return rc;
}

int xpc_store_read(struct xs_handle *xs, uint32_t domid, const char *leaf,
                   const struct xpc_type *type, void *obj,
                   char err[XPC_ERR_LEN])
{
    char path[XPC_STORE_PATH_LEN];
    unsigned int len;
    char *json;
    int rc, saved;

    json = xs_read(xs, XBT_NULL, xpc_store_path(path, domid, leaf), &len);
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

/* The iterations kept, in their order, behind what report has already. */
static int read_iterations(struct xs_handle *xs, uint32_t domid,
                           struct xpc_report *report, char err[XPC_ERR_LEN])
{
    char leaf[64];
    uint64_t last = 0;
    struct xpc_iteration it = { 0 };

    if (!xpc_store_read(xs, domid, "progress", &xpc_iteration_type, &it, err))
        last = it.number;
    report->iterations = calloc(XPC_STORE_ITERATIONS,
                                sizeof(*report->iterations));
    if (!report->iterations)
        return -1;
    for (uint64_t n = last > XPC_STORE_ITERATIONS ?
                      last - XPC_STORE_ITERATIONS + 1 : 1; n <= last; n++) {
        snprintf(leaf, sizeof(leaf), "iteration/%"PRIu64, n);
        if (!xpc_store_read(xs, domid, leaf, &xpc_iteration_type, &it, err))
            report->iterations[report->nr_iterations++] = it;
        else if (errno != ENOENT)
            return -1;
    }
    return 0;
}

int xpc_store_read_report(struct xs_handle *xs, uint32_t domid,
                          struct xpc_report *report, char err[XPC_ERR_LEN])
{
    if (xpc_store_read(xs, domid, "report", &xpc_report_head_type, report,
                       err))
        return -1;
    return read_iterations(xs, domid, report, err);
}

bool xpc_store_has_pci(struct xs_handle *xs, uint32_t domid)
{
    char path[XPC_STORE_PATH_LEN];
    unsigned int nr = 0;
    char **names;

    /* libxl's; it goes with the last of the devices. */
    snprintf(path, sizeof(path), "/libxl/%"PRIu32"/device/pci", domid);
    names = xs_directory(xs, XBT_NULL, path, &nr);
    free(names);
    return names && nr;
}

/*
 * Writing makes the folders that a path lacks: for a domain that has ended
 * meanwhile, one that nobody else would remove.
 */
static void remove_empty_folder(struct xs_handle *xs, uint32_t domid)
{
    char path[XPC_STORE_PATH_LEN];
    unsigned int nr = 1;
    char **names;

    snprintf(path, sizeof(path), "/libxl/%"PRIu32, domid);
    names = xs_directory(xs, XBT_NULL, path, &nr);
    if (names && !nr)
        xs_rm(xs, XBT_NULL, path);
    free(names);
}

int xpc_store_remove(struct xs_handle *xs, uint32_t domid, const char *leaf)
{
    char path[XPC_STORE_PATH_LEN];

    if (!xs_rm(xs, XBT_NULL, xpc_store_path(path, domid, leaf)) &&
        errno != ENOENT)
        return -1;
    if (!leaf)
        remove_empty_folder(xs, domid);
    return 0;
}

int xpc_store_forget(struct xs_handle *xs, uint32_t domid)
{
    static const char *const told[] = {
        "progress", "iteration", "refused", "report", "overdue",
        "taking-back",
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (xpc_store_remove(xs, domid, told[i]))
            rc = -1;
    }
    return rc;
}
