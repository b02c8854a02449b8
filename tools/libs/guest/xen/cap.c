/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/cap.h"
#include "xen/domain.h"
#include "xen/store.h"

static const char *const schedulers[] = {
    [XEN_SCHEDULER_CREDIT] = "credit", [XEN_SCHEDULER_CREDIT2] = "credit2",
    [XEN_SCHEDULER_ARINC653] = "arinc653", [XEN_SCHEDULER_RTDS] = "rtds",
    [XEN_SCHEDULER_NULL] = "null",
};

/* The scheduler of the domain's pool, or -1. */
static int scheduler_of(xc_interface *xch, uint32_t domid)
{
    xc_domaininfo_t info;
    xc_cpupoolinfo_t *pool;
    int id = -1;

    if (xen_domain_info(xch, domid, &info))
        return -1;
    pool = xc_cpupool_getinfo(xch, info.cpupool);
    if (pool && pool->cpupool_id == info.cpupool)
        id = pool->sched_id;
    else
        errno = ENOENT;
    if (pool)
        xc_cpupool_infofree(xch, pool);
    return id;
}

/* Reads the cap, or sets it if `set`. Returns 0, or -1 with errno. */
static int access_cap(xc_interface *xch, uint32_t domid, int scheduler,
                      bool set, uint16_t *cap)
{
    struct xen_domctl_sched_credit credit;
    struct xen_domctl_sched_credit2 credit2;

    switch (scheduler) {
    case XEN_SCHEDULER_CREDIT:
        if (xc_sched_credit_domain_get(xch, domid, &credit))
            return -1;
        if (!set) {
            *cap = credit.cap;
            return 0;
        }
        credit.cap = *cap;
        return xc_sched_credit_domain_set(xch, domid, &credit);
    case XEN_SCHEDULER_CREDIT2:
        if (xc_sched_credit2_domain_get(xch, domid, &credit2))
            return -1;
        if (!set) {
            *cap = credit2.cap;
            return 0;
        }
        credit2.cap = *cap;
        return xc_sched_credit2_domain_set(xch, domid, &credit2);
    default:
        if (scheduler >= 0)
            errno = EOPNOTSUPP;
        return -1;
    }
}

int xen_cap_get(xc_interface *xch, uint32_t domid, uint16_t *cap_r,
                char err[XPC_ERR_LEN])
{
    int s = scheduler_of(xch, domid);
    bool known = s >= 0 && (size_t)s < sizeof(schedulers) /
                 sizeof(schedulers[0]) && schedulers[s];

    if (!access_cap(xch, domid, s, false, cap_r))
        return 0;
    if (s >= 0 && errno == EOPNOTSUPP)
        snprintf(err, XPC_ERR_LEN, "the guest can't be slowed down: the "
                 "scheduler %s has no cap, only credit and credit2 have: "
                 "leave slow-down out", known ? schedulers[s] :
                 "of its CPU pool");
    else
        snprintf(err, XPC_ERR_LEN, "the guest can't be slowed down: its cap "
                 "can't be read: %s", strerror(errno));
    return -1;
}

/* The caps before the first change, before the last one, and after it. */
static int note(struct xen_cap *c, uint16_t cap)
{
    char path[XEN_STORE_PATH_LEN], value[32];

    snprintf(value, sizeof(value), "%"PRIu16" %"PRIu16" %"PRIu16,
             c->original, c->now, cap);
    return xs_write(c->xs, XBT_NULL, xen_store_path(path, c->domid, "cap"),
                    value, strlen(value)) ? 0 : -1;
}

int xen_cap_set(struct xen_cap *c, uint16_t cap)
{
    uint16_t now;
    int scheduler;

    if (cap == c->now)
        return 0;
    scheduler = scheduler_of(c->xch, c->domid);
    if (access_cap(c->xch, c->domid, scheduler, false, &now))
        return -1;
    if (now != c->now) {
        errno = EBUSY;
        return cap == c->original ? 0 : -1;
    }
    if (cap != c->original && note(c, cap))
        return -1;
    if (access_cap(c->xch, c->domid, scheduler, true, &cap))
        return -1;
    c->now = cap;
    return 0;
}

/* Returns 1 with the three caps, 0: none are noted, or -1 with errno. */
static int read_note(struct xs_handle *xs, uint32_t domid, uint16_t cap[3])
{
    char path[XEN_STORE_PATH_LEN];
    char *value = xs_read(xs, XBT_NULL, xen_store_path(path, domid, "cap"),
                          NULL);
    int n;

    if (!value)
        return errno == ENOENT ? 0 : -1;
    n = sscanf(value, "%"SCNu16" %"SCNu16" %"SCNu16, &cap[0], &cap[1],
               &cap[2]);
    free(value);
    return n == 3;
}

static int give_back(xc_interface *xch, uint32_t domid, uint16_t cap[3])
{
    int scheduler = scheduler_of(xch, domid);
    uint16_t now;

    if (access_cap(xch, domid, scheduler, false, &now))
        return errno == ESRCH || errno == EOPNOTSUPP ? 0 : -1;
    if (now != cap[1] && now != cap[2])
        return 0;
    return access_cap(xch, domid, scheduler, true, &cap[0]);
}

int xen_cap_restore(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);
    xc_interface *xch = NULL;
    int rc, saved;
    uint16_t cap[3];

    if (!xs)
        return -1;
    rc = read_note(xs, domid, cap);
    if (rc <= 0) goto out;
    rc = -1;
    xch = xc_interface_open(NULL, NULL, 0);
    if (xch && !give_back(xch, domid, cap))
        rc = xen_store_remove(xs, domid, "cap");
out:
    saved = errno;
    if (xch)
        xc_interface_close(xch);
    xs_close(xs);
    errno = saved;
    return rc;
}
