/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "control/xl_waiting.h"
#include "xen/store.h"

#define LEAF "waiting"

/* The pid in the node; 0: there is none; -1 with errno: an error. */
static long read_pid(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_STORE_PATH_LEN], *value;
    unsigned int len;
    long pid;

    value = xs_read(xs, XBT_NULL, xen_store_path(path, domid, LEAF), &len);
    if (!value)
        return errno == ENOENT ? 0 : -1;
    pid = strtol(value, NULL, 10);
    free(value);
    return pid > 0 ? pid : 0;
}

/* The same of a process that lives. */
static long read_waiter(struct xs_handle *xs, uint32_t domid)
{
    long pid = read_pid(xs, domid);

    return pid > 0 && kill(pid, 0) && errno == ESRCH ? 0 : pid;
}

long waiting_begin(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);
    char path[XEN_STORE_PATH_LEN], value[24];
    long rc;

    if (!xs)
        return -1;
    rc = read_waiter(xs, domid);
    if (!rc) {
        snprintf(value, sizeof(value), "%ld", (long)getpid());
        if (!xs_write(xs, XBT_NULL, xen_store_path(path, domid, LEAF), value,
                      strlen(value)))
            rc = -1;
    }
    xs_close(xs);
    return rc;
}

int waiting_goes_on(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);
    long pid = xs ? read_pid(xs, domid) : -1;

    if (xs)
        xs_close(xs);
    return pid < 0 ? -1 : pid == getpid();
}

void waiting_end(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);

    if (!xs)
        return;
    if (read_pid(xs, domid) == getpid())
        xen_store_remove_tidily(xs, domid, LEAF);
    xs_close(xs);
}

bool waiting_cancel(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);
    bool waits;

    if (!xs)
        return false;
    waits = read_waiter(xs, domid) > 0;
    if (read_pid(xs, domid) > 0)
        xen_store_remove_tidily(xs, domid, LEAF);
    xs_close(xs);
    return waits;
}
