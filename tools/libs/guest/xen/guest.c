/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/domain.h"
#include "xen/guest.h"
#include "xen/store.h"

__attribute__((format(printf, 2, 3)))
static char *read_path(struct xs_handle *xs, const char *fmt, ...)
{
    char path[XEN_STORE_PATH_LEN];
    va_list al;

    va_start(al, fmt);
    vsnprintf(path, sizeof(path), fmt, al);
    va_end(al);
    return xs_read(xs, XBT_NULL, path, NULL);
}

static unsigned int count_devices(struct xs_handle *xs, uint32_t domid,
                                  const char *kind)
{
    char path[XEN_STORE_PATH_LEN];
    unsigned int nr = 0;

    snprintf(path, sizeof(path), "/libxl/%"PRIu32"/device/%s", domid, kind);
    free(xs_directory(xs, XBT_NULL, path, &nr));
    return nr < XPC_DEVICES_MAX / 2 ? nr : XPC_DEVICES_MAX / 2;
}

static enum xpc_device_model read_device_model(struct xs_handle *xs,
                                               uint32_t domid)
{
    char *type = read_path(xs, "/libxl/%"PRIu32"/type", domid);
    /* Exists for a PV or PVH guest with a backend in QEMU. */
    char *qemu = read_path(xs, "/local/domain/0/device-model/%"PRIu32"/state",
                           domid);
    enum xpc_device_model kind = XPC_DEVICE_MODEL_UNKNOWN;

    if (qemu || (type && !strcmp(type, "hvm")))
        kind = XPC_DEVICE_MODEL_YES;
    else if (type && (!strcmp(type, "pv") || !strcmp(type, "pvh")))
        kind = XPC_DEVICE_MODEL_NO;
    free(type);
    free(qemu);
    return kind;
}

static void ask_xen(xc_interface *xch, uint32_t domid,
                    struct xpc_guest *guest)
{
    xc_domaininfo_t info;
    xen_pfn_t last;

    if (!xen_domain_info(xch, domid, &info)) {
        guest->vcpus = info.nr_online_vcpus;
        guest->id = xpc_guest_id(info.handle);
    }
    if (!xc_domain_maximum_gpfn(xch, domid, &last))
        guest->pfns = last + 1;
}

void xen_guest_read(struct xs_handle *xs, xc_interface *xch, uint32_t domid,
                    struct xpc_guest *guest)
{
    *guest = (struct xpc_guest){
        .device_model = read_device_model(xs, domid),
        .vifs = count_devices(xs, domid, "vif"),
        .disks = count_devices(xs, domid, "vbd"),
    };
    guest->devices = guest->vifs + guest->disks;
    ask_xen(xch, domid, guest);
}
