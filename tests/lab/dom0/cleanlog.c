// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into a save helper: writes down every read-and-clean of the dirty
 * bitmap, so that what a policy decided can be seen from outside of it, in
 * stock's helper as in ours. Lines "<pages> <final>" go to $CLEANLOG.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenctrl.h>

typedef long long logdirty_fn(xc_interface *, uint32_t, unsigned int,
                              xc_hypercall_buffer_t *, unsigned long,
                              unsigned int, xc_shadow_op_stats_t *);

long long xc_logdirty_control(xc_interface *xch, uint32_t domid,
                              unsigned int sop,
                              xc_hypercall_buffer_t *bitmap,
                              unsigned long pages, unsigned int mode,
                              xc_shadow_op_stats_t *stats)
{
    logdirty_fn *real = (logdirty_fn *)dlsym(RTLD_NEXT, __func__);
    long long rc = real(xch, domid, sop, bitmap, pages, mode, stats);
    const char *path = getenv("CLEANLOG");
    int fd;

    if (sop != XEN_DOMCTL_SHADOW_OP_CLEAN || !path || !stats)
        return rc;
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0) {
        dprintf(fd, "%u %d\n", stats->dirty_count,
                mode == XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL);
        close(fd);
    }
    return rc;
}
