/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "xen/notify.h"
#include "xen/store.h"

#define WORD "yes"

const char *xen_notify_path(char buf[XEN_NOTIFY_PATH_LEN], uint32_t domid,
                            const char *leaf)
{
    snprintf(buf, XEN_NOTIFY_PATH_LEN, "/local/domain/%"PRIu32
             "/data/precopy/%s", domid, leaf);
    return buf;
}

static bool write_leaf(struct xs_handle *xs, xs_transaction_t t,
                       uint32_t domid, const char *leaf, const char *value)
{
    char path[XEN_NOTIFY_PATH_LEN];

    return xs_write(xs, t, xen_notify_path(path, domid, leaf), value,
                    strlen(value));
}

/* The guest may be removing things there, too. */
static void remove_leaf(struct xs_handle *xs, uint32_t domid,
                        const char *leaf)
{
    char path[XEN_NOTIFY_PATH_LEN];

    xs_rm(xs, XBT_NULL, xen_notify_path(path, domid, leaf));
}

int xen_notify_tell(struct xs_handle *xs, uint32_t domid, const char *event)
{
    remove_leaf(xs, domid, "acknowledged");
    remove_leaf(xs, domid, "stood-still-ms");
    return write_leaf(xs, XBT_NULL, domid, "event", event) ? 0 : -1;
}

bool xen_notify_acknowledged(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_NOTIFY_PATH_LEN];
    unsigned int len = 0;
    char *value = xs_read(xs, XBT_NULL,
                          xen_notify_path(path, domid, "acknowledged"), &len);
    bool yes = value && len == strlen(WORD) && !memcmp(value, WORD, len);

    free(value);
    return yes;
}

/* Whether a node exists. Its value is not looked at. */
static bool exists(struct xs_handle *xs, xs_transaction_t t, const char *path)
{
    void *value = xs_read(xs, t, path, NULL);
    bool there = value != NULL;

    free(value);
    return there;
}

struct over {
    const char *only_if;            /* a path */
    uint64_t stood_still_ns;
};

/*
 * Only if that path exists: a domain that has gone must not get nodes. All or
 * nothing.
 */
static int write_over(struct xs_handle *xs, xs_transaction_t t,
                      uint32_t domid, void *opaque)
{
    const struct over *o = opaque;
    char ms[24];

    snprintf(ms, sizeof(ms), "%"PRIu64, (o->stood_still_ns + XPC_MS / 2) /
                                        XPC_MS);
    return exists(xs, t, o->only_if) &&
           write_leaf(xs, t, domid, "stood-still-ms", ms) &&
           write_leaf(xs, t, domid, "event", XEN_NOTIFY_OVER);
}

void xen_notify_over(struct xs_handle *xs, uint32_t domid,
                     uint64_t stood_still_ns)
{
    char path[XEN_NOTIFY_PATH_LEN];
    struct over o = {
        .only_if = xen_notify_path(path, domid, "event"),
        .stood_still_ns = stood_still_ns,
    };

    xen_store_transact(xs, domid, write_over, &o);
}

void xen_notify_arrived(struct xs_handle *xs, uint32_t domid,
                        uint64_t stood_still_ns)
{
    char path[XEN_NOTIFY_PATH_LEN];
    struct over o = { .only_if = path, .stood_still_ns = stood_still_ns };

    snprintf(path, sizeof(path), "/local/domain/%"PRIu32"/name", domid);
    xen_store_transact(xs, domid, write_over, &o);
}
