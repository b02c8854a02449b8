/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "save/interpose.h"

typedef long long logdirty_fn(xc_interface *, uint32_t, unsigned int,
                              xc_hypercall_buffer_t *, unsigned long,
                              unsigned int, xc_shadow_op_stats_t *);
typedef int shadow_fn(xc_interface *, uint32_t, unsigned int, unsigned int *,
                      unsigned int);
typedef ssize_t writev_fn(int, const struct iovec *, int);
typedef ssize_t write_fn(int, const void *, size_t);

static interpose_save_fn *on_save;
static void *owner;
static const struct interpose_hooks *hooks;
/*
 * The stream, or -1. Other threads write to descriptors of their own; they read
 * this and nothing else of the save.
 */
static atomic_int stream_fd = -1;

/*
 * Returns the function of that name that comes after the plug-in's own. It is
 * looked up once and kept in *found: at the first call, since constructors of
 * other libraries may call interposed functions before ours have run.
 */
static void *next(_Atomic(void *) *found, const char *name)
{
    void *fn = atomic_load_explicit(found, memory_order_relaxed);

    if (fn)
        return fn;
    fn = dlsym(RTLD_NEXT, name);
    if (!fn) {
        fprintf(stderr, "precopy plug-in: no %s to pass on to\n", name);
        abort();
    }
    atomic_store_explicit(found, fn, memory_order_relaxed);
    return fn;
}

void interpose_on_save(interpose_save_fn *fn)
{
    on_save = fn;
}

void interpose_begin(const struct interpose_hooks *h, void *o, int fd)
{
    hooks = h;
    owner = o;
    atomic_store_explicit(&stream_fd, fd, memory_order_relaxed);
}

void interpose_end(void)
{
    atomic_store_explicit(&stream_fd, -1, memory_order_relaxed);
    owner = NULL;
    hooks = NULL;
}

void *interpose_owner(void)
{
    return owner;
}

static bool is_stream(int fd)
{
    return fd >= 0 &&
           fd == atomic_load_explicit(&stream_fd, memory_order_relaxed);
}

/* ---- the originals ------------------------------------------------------ */

int interpose_real_save(xc_interface *xch, int io_fd, uint32_t domid,
                        uint32_t flags, struct save_callbacks *callbacks,
                        xc_stream_type_t stream_type, int recv_fd)
{
    static _Atomic(void *) found;

    return ((interpose_save_fn *)next(&found, "xc_domain_save"))(
        xch, io_fd, domid, flags, callbacks, stream_type, recv_fd);
}

long long interpose_real_logdirty(xc_interface *xch, uint32_t domid,
                                  unsigned int sop,
                                  xc_hypercall_buffer_t *bitmap,
                                  unsigned long pages, unsigned int mode,
                                  xc_shadow_op_stats_t *stats)
{
    static _Atomic(void *) found;

    return ((logdirty_fn *)next(&found, "xc_logdirty_control"))(
        xch, domid, sop, bitmap, pages, mode, stats);
}

static shadow_fn *real_shadow(void)
{
    static _Atomic(void *) found;

    return (shadow_fn *)next(&found, "xc_shadow_control");
}

int interpose_real_shadow(xc_interface *xch, uint32_t domid, unsigned int sop)
{
    return real_shadow()(xch, domid, sop, NULL, 0);
}

ssize_t interpose_real_writev(int fd, const struct iovec *iov, int iovcnt)
{
    static _Atomic(void *) found;

    return ((writev_fn *)next(&found, "writev"))(fd, iov, iovcnt);
}

/* ---- what is exported ---------------------------------------------------- */

int xc_domain_save(xc_interface *xch, int io_fd, uint32_t domid,
                   uint32_t flags, struct save_callbacks *callbacks,
                   xc_stream_type_t stream_type, int recv_fd)
{
    return on_save(xch, io_fd, domid, flags, callbacks, stream_type, recv_fd);
}

/*
 * Only the save loop, on the main thread, cleans the bitmap. The sampler's
 * thread and the sources pass through here with their PEEKs.
 */
long long xc_logdirty_control(xc_interface *xch, uint32_t domid,
                              unsigned int sop, xc_hypercall_buffer_t *bitmap,
                              unsigned long pages, unsigned int mode,
                              xc_shadow_op_stats_t *stats)
{
    if (sop == XEN_DOMCTL_SHADOW_OP_CLEAN && owner)
        return hooks->clean(owner, bitmap, pages, mode, stats);
    return interpose_real_logdirty(xch, domid, sop, bitmap, pages, mode,
                                   stats);
}

int xc_shadow_control(xc_interface *xch, uint32_t domid, unsigned int sop,
                      unsigned int *mb, unsigned int mode)
{
    if ((sop == XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY ||
         sop == XEN_DOMCTL_SHADOW_OP_OFF) && owner &&
        hooks->may_switch(owner))
        return -1;
    return real_shadow()(xch, domid, sop, mb, mode);
}

ssize_t writev(int fd, const struct iovec *iov, int iovcnt)
{
    return is_stream(fd) ? hooks->write(owner, iov, iovcnt) :
                           interpose_real_writev(fd, iov, iovcnt);
}

ssize_t write(int fd, const void *buf, size_t len)
{
    static _Atomic(void *) found;
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };

    if (is_stream(fd))
        return hooks->write(owner, &iov, 1);
    return ((write_fn *)next(&found, "write"))(fd, buf, len);
}
