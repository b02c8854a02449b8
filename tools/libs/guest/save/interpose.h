/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bottom of the plug-in: the functions that it interposes.
 *
 * The plug-in is preloaded into libxl's save helper, so that its functions of
 * these names come before libxenguest's, libxenctrl's and libc's. Each passes
 * the call on to the original, unless a save with a policy is under way: then
 * it calls the hooks of that save. The parts of the plug-in above this one call
 * the originals through interpose_real_*().
 */
#ifndef SAVE_INTERPOSE_H
#define SAVE_INTERPOSE_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <xenctrl.h>
#include <xenguest.h>

/* xc_domain_save() */
typedef int interpose_save_fn(xc_interface *xch, int io_fd, uint32_t domid,
                              uint32_t flags, struct save_callbacks *callbacks,
                              xc_stream_type_t stream_type, int recv_fd);

/* owner is the one passed to interpose_begin(). The main thread calls all. */
struct interpose_hooks {
    /* In place of writev() to the stream. */
    ssize_t (*write)(void *owner, const struct iovec *iov, int iovcnt);
    /* In place of xc_logdirty_control() with XEN_DOMCTL_SHADOW_OP_CLEAN. */
    long long (*clean)(void *owner, xc_hypercall_buffer_t *bitmap,
                       unsigned long pages, unsigned int mode,
                       xc_shadow_op_stats_t *stats);
    /* Before log-dirty is switched on or off. 0, or -1 with errno: don't. */
    int (*may_switch)(void *owner);
};

/* Sets what is called for xc_domain_save(). Before main(). */
void interpose_on_save(interpose_save_fn *fn);

/*
 * Activates the hooks; stream_fd is the descriptor whose writes are the
 * stream's. hooks and owner must stay valid until interpose_end().
 */
void interpose_begin(const struct interpose_hooks *hooks, void *owner,
                     int stream_fd);
void interpose_end(void);

/* The owner of the active hooks, or NULL. For the main thread. */
void *interpose_owner(void);

/* The original functions. Any thread may call them at any time. */
int interpose_real_save(xc_interface *xch, int io_fd, uint32_t domid,
                        uint32_t flags, struct save_callbacks *callbacks,
                        xc_stream_type_t stream_type, int recv_fd);
long long interpose_real_logdirty(xc_interface *xch, uint32_t domid,
                                  unsigned int sop,
                                  xc_hypercall_buffer_t *bitmap,
                                  unsigned long pages, unsigned int mode,
                                  xc_shadow_op_stats_t *stats);
int interpose_real_shadow(xc_interface *xch, uint32_t domid,
                          unsigned int sop);
ssize_t interpose_real_writev(int fd, const struct iovec *iov, int iovcnt);

#endif
