/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "base/process.h"
#include "control/xl_waiting.h"
#include "xen/store.h"

#define LEAF "waiting"

/* The node, malloc()ed; NULL with errno. */
static char *read_node(struct xs_handle *xs, xs_transaction_t t,
                       uint32_t domid)
{
    char path[XEN_STORE_PATH_LEN];

    return xs_read(xs, t, xen_store_path(path, domid, LEAF), NULL);
}

/* The pid in the node, also of a process that has ended; 0; -1 with errno. */
static long read_pid(struct xs_handle *xs, uint32_t domid)
{
    char *value = read_node(xs, XBT_NULL, domid);
    long pid = value ? strtol(value, NULL, 10) : errno == ENOENT ? 0 : -1;

    free(value);
    return pid;
}

/* The pid of the process that waits; 0: none does; -1 with errno. */
static long read_waiter(struct xs_handle *xs, xs_transaction_t t,
                        uint32_t domid, struct waiting *w_r)
{
    char *value = read_node(xs, t, domid);
    long long until_s = 0;

    *w_r = (struct waiting){ 0 };
    if (!value)
        return errno == ENOENT ? 0 : -1;
    sscanf(value, "%*d %*d %lld", &until_s);
    w_r->pid = process_alive(value);
    w_r->until_s = until_s;
    free(value);
    return w_r->pid;
}

int waiting_find(uint32_t domid, struct waiting *w_r)
{
    struct xs_handle *xs = xs_open(0);
    long pid = xs ? read_waiter(xs, XBT_NULL, domid, w_r) : -1;

    if (xs)
        xs_close(xs);
    return pid < 0 ? -1 : pid > 0;
}

struct begin {
    time_t until_s;
    long other;                     /* as waiting_begin() returns */
};

static int begin(struct xs_handle *xs, xs_transaction_t t, uint32_t domid,
                 void *opaque)
{
    struct begin *b = opaque;
    char path[XEN_STORE_PATH_LEN], self[PROCESS_TEXT_LEN], value[80];
    struct waiting w;

    b->other = read_waiter(xs, t, domid, &w);
    if (b->other)
        return b->other < 0 ? -1 : 0;
    snprintf(value, sizeof(value), "%s %lld", process_text(self),
             (long long)b->until_s);
    return xs_write(xs, t, xen_store_path(path, domid, LEAF), value,
                    strlen(value)) ? 1 : -1;
}

long waiting_begin(uint32_t domid, time_t until_s)
{
    struct xs_handle *xs = xs_open(0);
    struct begin b = { .until_s = until_s };
    int rc;

    if (!xs)
        return -1;
    rc = xen_store_transact(xs, domid, begin, &b);
    xs_close(xs);
    return rc < 0 ? -1 : b.other;
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

int waiting_cancel(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);
    struct waiting w;
    long pid;

    if (!xs)
        return -1;
    pid = read_waiter(xs, XBT_NULL, domid, &w);
    /* That of a process that has ended is removed, too. */
    if (read_pid(xs, domid) > 0 && xen_store_remove_tidily(xs, domid, LEAF))
        pid = -1;
    xs_close(xs);
    return pid < 0 ? -1 : pid > 0;
}
