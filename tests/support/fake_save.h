/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The save plug-in's surroundings for a test: all of it but the sampler, in
 * front of a libxenguest of which only the save loop's calls exist, and a
 * xenstore in memory. A test's script is the save loop.
 */
#ifndef TESTS_SUPPORT_FAKE_SAVE_H
#define TESTS_SUPPORT_FAKE_SAVE_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "json/migration.h"
#include "save/interpose.h"
#include "save/session.h"
#include "save/toolstack_watch.h"
#include "support/fake_clock.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/dm_log.h"
#include "xen/lock.h"
#include "xen/logdirty.h"
#include "xen/saver.h"
#include "xen/source.h"
#include "xen/store.h"

#define PRECOPY "/libxl/7/precopy/"
/* 4 GiB: at 100 Mbit/s no limit of less than 343 s is met. */
#define DIRTY (1u << 20)
#define GPFNS 1024

static const char *guest_type = "pvh";      /* NULL: libxl has not said */

static struct {
    const struct save_callbacks *cb;
    int io_fd;
    unsigned int dirty;     /* what Xen counts */
    int (*script)(void);
    bool dm_log;            /* the device model's log is on */
    atomic_bool asked_to_suspend, suspended;    /* a thread looks, too */
    atomic_uint paused;      /* for so many looks */
    char log[1024];
    /* What else there is: a lock held, another helper, its log-dirty. */
    bool locked, log_is_off, dying;
    pid_t other, stopped;
    int locks, cleans, switches;
    void (*on_clean)(void);
    void (*at_exit)(void);      /* what the exit of the process calls */
    bool log_dirty_off;         /* it was switched off for a dead save */
} w;

/* ---- what the plug-in stands in front of ------------------------------ */

static int real_save(xc_interface *xch, int io_fd, uint32_t domid,
                     uint32_t flags, struct save_callbacks *cb,
                     xc_stream_type_t type, int recv_fd)
{
    int rc;

    (void)xch;
    (void)flags;
    (void)type;
    (void)recv_fd;
    assert_int_equal(domid, 7);
    w.cb = cb;
    w.io_fd = io_fd;
    rc = w.script();
    w.cb = NULL;
    return rc;
}

static long long real_logdirty(xc_interface *xch, uint32_t domid,
                               unsigned int sop, xc_hypercall_buffer_t *b,
                               unsigned long pages, unsigned int mode,
                               xc_shadow_op_stats_t *stats)
{
    (void)xch;
    (void)domid;
    (void)b;
    (void)mode;
    assert_true(sop == XEN_DOMCTL_SHADOW_OP_PEEK ||
                sop == XEN_DOMCTL_SHADOW_OP_CLEAN);
    w.cleans += sop == XEN_DOMCTL_SHADOW_OP_CLEAN;
    if (sop == XEN_DOMCTL_SHADOW_OP_CLEAN && w.on_clean)
        w.on_clean();
    if (stats)
        stats->dirty_count = w.dirty;
    return sop == XEN_DOMCTL_SHADOW_OP_CLEAN ? (long long)pages : 0;
}

static int real_shadow(xc_interface *xch, uint32_t domid, unsigned int sop,
                       unsigned int *mb, unsigned int mode)
{
    (void)xch;
    (void)mb;
    (void)mode;
    assert_int_equal(domid, 7);
    w.switches += sop == XEN_DOMCTL_SHADOW_OP_OFF || w.log_is_off;
    errno = EINVAL;
    return sop == XEN_DOMCTL_SHADOW_OP_OFF || w.log_is_off ? 0 : -1;
}

static ssize_t real_write(int fd, const void *buf, size_t len)
{
    return syscall(SYS_write, fd, buf, len);
}

static ssize_t real_writev(int fd, const struct iovec *iov, int nr)
{
    return syscall(SYS_writev, fd, iov, nr);
}

void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name)
{
    (void)handle;
    return !strcmp(name, "xc_domain_save") ? (void *)real_save :
           !strcmp(name, "xc_shadow_control") ? (void *)real_shadow :
           !strcmp(name, "xc_logdirty_control") ? (void *)real_logdirty :
           !strcmp(name, "write") ? (void *)real_write :
           !strcmp(name, "writev") ? (void *)real_writev : NULL;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
                          xc_domaininfo_t *info)
{
    (void)xch;
    (void)max;
    *info = (xc_domaininfo_t){
        .domain = first, .tot_pages = DIRTY,
        .nr_online_vcpus = 2, .max_vcpu_id = 3, .handle = { 1, 2, 3 },
        .flags = XEN_DOMINF_hvm_guest | (w.dying ? XEN_DOMINF_dying : 0) |
                 (w.paused && w.paused-- ? XEN_DOMINF_paused : 0) |
                 (!w.suspended ? 0 : XEN_DOMINF_shutdown |
                  SHUTDOWN_suspend << XEN_DOMINF_shutdownshift),
    };
    return 1;
}

xc_interface *xc_interface_open(xentoollog_logger *logger,
                                xentoollog_logger *dombuild_logger,
                                unsigned int flags)
{
    (void)logger;
    (void)dombuild_logger;
    (void)flags;
    return (xc_interface *)&w;
}

int xc_interface_close(xc_interface *xch)
{
    assert_ptr_equal(xch, &w);
    return 0;
}

int xc_domain_maximum_gpfn(xc_interface *xch, uint32_t domid,
                           xen_pfn_t *gpfns)
{
    (void)xch;
    (void)domid;
    *gpfns = GPFNS - 1;
    return 0;
}

void xc_report_error(xc_interface *xch, int code, const char *fmt, ...);
void xc_report_error(xc_interface *xch, int code, const char *fmt, ...)
{
    size_t len = strlen(w.log);
    va_list al;

    (void)xch;
    (void)code;
    va_start(al, fmt);
    vsnprintf(w.log + len, sizeof(w.log) - len, fmt, al);
    va_end(al);
    strncat(w.log, "\n", sizeof(w.log) - strlen(w.log) - 1);
}

int xen_logdirty_off(uint32_t domid)
{
    assert_int_equal(domid, 7);
    w.log_dirty_off = true;
    return 0;
}

int xen_dm_log_off(uint32_t domid)
{
    assert_int_equal(domid, 7);
    w.dm_log = false;
    return 0;
}

void save_toolstack_watch(void (*at_exit)(void))
{
    w.at_exit = at_exit;
}

/* ---- who else there is -------------------------------------------------- */

int xen_lock_inherited(uint32_t domid)
{
    assert_int_equal(domid, 7);
    return -1;
}

int xen_lock_take(uint32_t domid, const char *doing, char err[XPC_ERR_LEN])
{
    assert_int_equal(domid, 7);
    assert_non_null(strstr(doing, "save helper"));
    snprintf(err, XPC_ERR_LEN, "process 99 has it");
    errno = EBUSY;
    if (w.locked)
        return -1;
    w.locks++;
    return 0;
}

void xen_lock_release(int fd)
{
    w.locks -= fd == 0;
}

pid_t xen_saver_find(uint32_t domid)
{
    assert_int_equal(domid, 7);
    return w.other;
}

int xen_saver_check(uint32_t domid, char err[XPC_ERR_LEN])
{
    snprintf(err, XPC_ERR_LEN, "process %d is saving it", (int)w.other);
    errno = EBUSY;
    return xen_saver_find(domid) ? -1 : 0;
}

int xen_saver_stop(pid_t pid)
{
    w.stopped = pid;
    return 0;
}

/* There is no memory to be looked at. */
struct xpc_source *xen_source_open(uint32_t domid, char err[XPC_ERR_LEN])
{
    (void)domid;
    snprintf(err, XPC_ERR_LEN, "there is none");
    return NULL;
}

struct save_sampler *save_sampler_start(uint32_t domid)
{
    (void)domid;
    return NULL;
}

void save_sampler_stop(struct save_sampler *s)
{
    assert_null(s);
}

/* Never: there is no sampler. */
void save_sampler_clean_begins(struct save_sampler *s) { assert_non_null(s); }
void save_sampler_cleaned(struct save_sampler *s) { assert_non_null(s); }
void save_sampler_cost(struct save_sampler *s, uint64_t *counts, uint64_t *ns)
{
    (void)counts;
    (void)ns;
    assert_non_null(s);
}
size_t save_sampler_take(struct save_sampler *s, struct xpc_dirty_count *to)
{
    (void)to;
    assert_non_null(s);
    return 0;
}

/* The save under way. */
static inline struct save_session *session(void)
{
    return interpose_owner();
}

/* ---- the save loop ----------------------------------------------------- */

static int libxl_suspend(void *data)
{
    (void)data;
    w.asked_to_suspend = w.suspended = true;
    return 1;
}

static int libxl_switch_qemu_logdirty(uint32_t domid, unsigned int enable,
                                      void *data)
{
    (void)data;
    assert_int_equal(domid, 7);
    w.dm_log = enable;
    return 0;
}

/*
 * Two megabytes are enough for a bandwidth: of 1 GB/s, if the clock stands
 * still otherwise. Returns 0 or -1.
 */
static int send_some(void)
{
    static char page[65536];

    for (int i = 0; i < 32; i++) {
        if (write(w.io_fd, page, sizeof(page)) < 0)
            return -1;
        fake_clock_advance(sizeof(page));
    }
    return 0;
}

/* Returns what the policy says at the iteration's end. */
static inline int iterate(unsigned int n)
{
    struct precopy_stats s = { .iteration = n, .dirty_count = w.dirty };
    int rc = w.cb->precopy_policy(s, NULL);

    assert_int_equal(rc, XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(send_some(), 0);
    s.dirty_count = -1;
    return w.cb->precopy_policy(s, NULL);
}

static int failed(int errnoval)
{
    errno = errnoval;
    return -1;
}

/* The whole of a save to fd, with these parameters; its report in *r. */
static inline int save_to(int fd, const char *params, int (*script)(void),
                   struct xpc_report *r)
{
    struct save_callbacks libxl = {
        .suspend = libxl_suspend,
        .switch_qemu_logdirty = libxl_switch_qemu_logdirty,
    };
    char err[XPC_ERR_LEN];
    int rc;

    memset(&w, 0, sizeof(w));
    w.script = script;
    w.dirty = DIRTY;
    store_set("/libxl/7/type", guest_type);
    store_set(PRECOPY "params", params);
    rc = xc_domain_save(NULL, fd, 7, XCFLAGS_LIVE, &libxl, XC_STREAM_PLAIN,
                        -1);
    xpc_report_init(r);
    assert_int_equal(xen_store_read_report((struct xs_handle *)&store, 7, r,
                                           err), 0);
    assert_null(store_get(PRECOPY "active"));
    assert_null(store_get(PRECOPY "cancel"));
    assert_null(store_get(PRECOPY "current"));
    assert_int_equal(w.locks, 0);
    return rc;
}

#endif
