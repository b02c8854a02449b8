/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "common/xl_common.h"
#include "control/xl_waiting.h"
#include "xen/store.h"

#define LEAF "waiting"

/* The pid in the node; 0: there is none; -1 with errno: an error. */
static long read_node(struct xs_handle *xs, uint32_t domid,
                      struct waiting *w_r, uint64_t *start_r)
{
    char path[XEN_STORE_PATH_LEN], *value;
    unsigned int len;
    long long until_s = 0;

    *w_r = (struct waiting){ 0 };
    *start_r = 0;
    value = xs_read(xs, XBT_NULL, xen_store_path(path, domid, LEAF), &len);
    if (!value)
        return errno == ENOENT ? 0 : -1;
    sscanf(value, "%ld %"SCNu64" %lld", &w_r->pid, start_r, &until_s);
    w_r->until_s = until_s;
    free(value);
    return w_r->pid > 0 ? w_r->pid : 0;
}

static long read_pid(struct xs_handle *xs, uint32_t domid)
{
    struct waiting w;
    uint64_t start;

    return read_node(xs, domid, &w, &start);
}

/* The same of a process that lives, and is the one that wrote it. */
static long read_waiter(struct xs_handle *xs, uint32_t domid,
                        struct waiting *w_r)
{
    uint64_t start;
    long pid = read_node(xs, domid, w_r, &start);

    if (pid > 0 && (start ? xl_pid_start(pid) != start :
                            kill(pid, 0) && errno == ESRCH))
        return 0;
    return pid;
}

bool waiting_find(uint32_t domid, struct waiting *w_r)
{
    struct xs_handle *xs = xs_open(0);
    bool waits = xs && read_waiter(xs, domid, w_r) > 0;

    if (xs)
        xs_close(xs);
    return waits;
}

long waiting_begin(uint32_t domid, time_t until_s)
{
    struct xs_handle *xs = xs_open(0);
    char path[XEN_STORE_PATH_LEN], value[80];
    struct waiting other;
    long rc;

    if (!xs)
        return -1;
    rc = read_waiter(xs, domid, &other);
    if (!rc) {
        snprintf(value, sizeof(value), "%ld %"PRIu64" %lld", (long)getpid(),
                 xl_pid_start(getpid()), (long long)until_s);
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
    struct waiting w;
    bool waits;

    if (!xs)
        return false;
    waits = read_waiter(xs, domid, &w) > 0;
    if (read_pid(xs, domid) > 0)
        xen_store_remove_tidily(xs, domid, LEAF);
    xs_close(xs);
    return waits;
}
