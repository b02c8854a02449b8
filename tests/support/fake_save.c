/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "conf/load.h"
#include "json/migration.h"
#include "save/interpose.h"
#include "save/toolstack_watch.h"
#include "support/conf_fixture.h"
#include "support/fake_save.h"
#include "support/torture.h"
#include "xen/dm_log.h"
#include "xen/lock.h"
#include "xen/logdirty.h"
#include "xen/saver.h"
#include "xen/source.h"
#include "xen/store.h"

const char *guest_type = "pvh";
struct save_callbacks *fake_callbacks;
bool no_guard, guard_killed;
uint32_t fake_scheduler;
uint16_t fake_cap;
struct fake_env env;

/* ---- what the plug-in interposes ----------------------------------------- */

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
    env.cb = cb;
    env.io_fd = io_fd;
    rc = env.script();
    env.cb = NULL;
    return rc;
}

static long long real_logdirty(xc_interface *xch, uint32_t domid,
                               unsigned int sop, xc_hypercall_buffer_t *b,
                               unsigned long pages, unsigned int mode,
                               xc_shadow_op_stats_t *stats)
{
    (void)xch;
    (void)domid;
    (void)mode;
    assert_true(sop == XEN_DOMCTL_SHADOW_OP_PEEK ||
                sop == XEN_DOMCTL_SHADOW_OP_CLEAN);
    env.cleans += sop == XEN_DOMCTL_SHADOW_OP_CLEAN;
    if (sop == XEN_DOMCTL_SHADOW_OP_CLEAN && env.on_clean)
        env.on_clean();
    if (stats)
        stats->dirty_count = env.dirty;
    if (env.read_log && b && env.read_log(sop, b->hbuf)) {
        errno = EFAULT;
        return -1;
    }
    return pages;
}

static int real_shadow(xc_interface *xch, uint32_t domid, unsigned int sop,
                       unsigned int *mb, unsigned int mode)
{
    (void)xch;
    (void)mb;
    (void)mode;
    assert_int_equal(domid, 7);
    env.switches += sop == XEN_DOMCTL_SHADOW_OP_OFF || env.log_is_off;
    errno = env.log_is_unknown ? ENOMEM : EINVAL;
    return sop == XEN_DOMCTL_SHADOW_OP_OFF || env.log_is_off ? 0 : -1;
}

static ssize_t real_write(int fd, const void *buf, size_t len)
{
    return syscall(SYS_write, fd, buf, len);
}

ssize_t libc_writev(int fd, const struct iovec *iov, int nr)
{
    return syscall(SYS_writev, fd, iov, nr);
}

/* Ends within the vectors, as with a pipe that has not enough room. */
static ssize_t real_writev(int fd, const struct iovec *iov, int nr)
{
    struct iovec some[1024];
    size_t room;
    int n = 0;

    if (!env.write_room)
        return libc_writev(fd, iov, nr);
    for (room = env.write_room(); n < nr && room; n++) {
        some[n] = iov[n];
        if (some[n].iov_len > room)
            some[n].iov_len = room;
        room -= some[n].iov_len;
    }
    return libc_writev(fd, some, n);
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

void *xc__hypercall_buffer_alloc_pages(xc_interface *xch,
                                       xc_hypercall_buffer_t *b, int nr)
{
    (void)xch;
    return b->hbuf = calloc(nr, XPC_PAGE_SIZE);
}

void xc__hypercall_buffer_free_pages(xc_interface *xch,
                                     xc_hypercall_buffer_t *b, int nr)
{
    (void)xch;
    (void)nr;
    free(b->hbuf);
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
                          xc_domaininfo_t *info)
{
    (void)xch;
    (void)max;
    if (env.unanswered) {
        errno = ENOMEM;
        return -1;
    }
    *info = (xc_domaininfo_t){
        .domain = first, .tot_pages = DIRTY + env.grown_pages,
        .nr_online_vcpus = 2, .max_vcpu_id = 3, .handle = { 1, 2, 3 },
        .cpu_time = env.cpu_time_ns,
        .flags = XEN_DOMINF_hvm_guest | (env.dying ? XEN_DOMINF_dying : 0) |
                 (env.paused && env.paused-- ? XEN_DOMINF_paused : 0) |
                 (!env.suspended ? 0 : XEN_DOMINF_shutdown |
                  SHUTDOWN_suspend << XEN_DOMINF_shutdownshift),
    };
    return 1;
}

/* A pool with the scheduler of env.scheduler. */
xc_cpupoolinfo_t *xc_cpupool_getinfo(xc_interface *xch, uint32_t poolid)
{
    static xc_cpupoolinfo_t pool;

    (void)xch;
    pool = (xc_cpupoolinfo_t){ .cpupool_id = poolid,
                               .sched_id = env.scheduler ? env.scheduler :
                                           XEN_SCHEDULER_CREDIT2 };
    return &pool;
}

void xc_cpupool_infofree(xc_interface *xch, xc_cpupoolinfo_t *info)
{
    (void)xch;
    assert_non_null(info);
}

static void set_cap(uint16_t weight, uint16_t cap)
{
    assert_int_equal(weight, 256);
    assert_true(env.nr_caps < 32);
    env.cap = env.caps[env.nr_caps++] = cap;
    env.slow_when_asked |= env.asked_to_suspend && cap;
}

int xc_sched_credit2_domain_get(xc_interface *xch, uint32_t domid,
                                struct xen_domctl_sched_credit2 *s)
{
    (void)xch;
    assert_int_equal(domid, 7);
    assert_true(!env.scheduler || env.scheduler == XEN_SCHEDULER_CREDIT2);
    *s = (struct xen_domctl_sched_credit2){ .weight = 256, .cap = env.cap };
    return 0;
}

int xc_sched_credit2_domain_set(xc_interface *xch, uint32_t domid,
                                struct xen_domctl_sched_credit2 *s)
{
    (void)xch;
    assert_int_equal(domid, 7);
    errno = EPERM;
    if (env.cap_fails)
        return -1;
    set_cap(s->weight, s->cap);
    return 0;
}

int xc_sched_credit_domain_get(xc_interface *xch, uint32_t domid,
                               struct xen_domctl_sched_credit *s)
{
    (void)xch;
    assert_int_equal(domid, 7);
    assert_int_equal(env.scheduler, XEN_SCHEDULER_CREDIT);
    *s = (struct xen_domctl_sched_credit){ .weight = 256, .cap = env.cap };
    return 0;
}

int xc_sched_credit_domain_set(xc_interface *xch, uint32_t domid,
                               struct xen_domctl_sched_credit *s)
{
    (void)xch;
    assert_int_equal(domid, 7);
    set_cap(s->weight, s->cap);
    return 0;
}

void xc_report_error(xc_interface *xch, int code, const char *fmt, ...);
void xc_report_error(xc_interface *xch, int code, const char *fmt, ...)
{
    size_t len = strlen(env.log);
    va_list al;

    (void)xch;
    (void)code;
    va_start(al, fmt);
    vsnprintf(env.log + len, sizeof(env.log) - len, fmt, al);
    va_end(al);
    strncat(env.log, "\n", sizeof(env.log) - strlen(env.log) - 1);
}

static void log_system(const char *fmt, va_list al)
{
    size_t len = strlen(env.syslog);

    vsnprintf(env.syslog + len, sizeof(env.syslog) - len, fmt, al);
    strncat(env.syslog, "\n", sizeof(env.syslog) - strlen(env.syslog) - 1);
}

void syslog(int priority, const char *fmt, ...)
{
    va_list al;

    assert_int_equal(priority, LOG_DAEMON | LOG_ERR);
    va_start(al, fmt);
    log_system(fmt, al);
    va_end(al);
}

/* The same with _FORTIFY_SOURCE. */
void __syslog_chk(int priority, int flag, const char *fmt, ...);

void __syslog_chk(int priority, int flag, const char *fmt, ...)
{
    va_list al;

    (void)flag;
    assert_int_equal(priority, LOG_DAEMON | LOG_ERR);
    va_start(al, fmt);
    log_system(fmt, al);
    va_end(al);
}

int xen_logdirty_off(uint32_t domid)
{
    assert_int_equal(domid, 7);
    env.log_dirty_off = true;
    return 0;
}

int xen_dm_log_off(uint32_t domid)
{
    assert_int_equal(domid, 7);
    env.dm_log = false;
    return 0;
}

void save_toolstack_watch(void (*at_exit)(void))
{
    env.at_exit = at_exit;
}

/* ---- other processes ----------------------------------------------------- */

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
    if (env.locked)
        return -1;
    env.locks++;
    return 0;
}

void xen_lock_release(int fd)
{
    env.locks -= fd == 0;
}

pid_t xen_saver_find(uint32_t domid)
{
    assert_int_equal(domid, 7);
    errno = EMFILE;
    return env.other;
}

pid_t xen_saver_find_stock(uint32_t domid)
{
    return xen_saver_find(domid);
}

int xen_saver_check(uint32_t domid, char err[XPC_ERR_LEN])
{
    snprintf(err, XPC_ERR_LEN, "process %d is saving it", (int)env.other);
    errno = EBUSY;
    return xen_saver_find(domid) ? -1 : 0;
}

int xen_saver_stop(pid_t pid)
{
    env.stopped = pid;
    return 0;
}

int save_guard_start(struct save_guard *g, uint32_t domid, int lock_fd,
                     char err[XPC_ERR_LEN])
{
    assert_int_equal(domid, 7);
    assert_int_equal(lock_fd, 0);
    assert_null(env.cb);
    snprintf(err, XPC_ERR_LEN, "it has no guard");
    if (no_guard)
        return -1;
    g->pid = 1;
    strcat(env.guard, "started");
    return 0;
}

bool save_guard_stands(const struct save_guard *g)
{
    return !g->pid || !guard_killed;
}

void save_guard_asked(struct save_guard *g)
{
    if (!g->pid)
        return;
    assert_false(env.asked_to_suspend);
    strcat(env.guard, " asked");
}

void save_guard_suspended(struct save_guard *g)
{
    assert_true(env.suspended);
    if (g->pid)
        strcat(env.guard, " suspended");
}

/* Before the report of a success is written, after that of a failure. */
void save_guard_end(struct save_guard *g, int rc)
{
    if (!g->pid)
        return;
    assert_true(!store_get(PRECOPY "report") == !rc);
    assert_int_equal(env.locks, 1);
    strcat(env.guard, rc ? " failed" : " done");
}

/* The guest's memory cannot be read. */
struct xpc_source *xen_source_open(uint32_t domid, char err[XPC_ERR_LEN])
{
    (void)domid;
    snprintf(err, XPC_ERR_LEN, "there is none");
    return NULL;
}

const struct xpc_dirty_count *fake_samples;
size_t nr_fake_samples;

static struct save_sampler *fake_sampler(void)
{
    return (struct save_sampler *)fake_samples;
}

struct save_sampler *save_sampler_start(uint32_t domid)
{
    (void)domid;
    return fake_sampler();
}

void save_sampler_stop(struct save_sampler *s)
{
    assert_true(!s || s == fake_sampler());
}

void save_sampler_clean_begins(struct save_sampler *s) { assert_non_null(s); }
void save_sampler_cleaned(struct save_sampler *s) { assert_non_null(s); }
void save_sampler_hold(struct save_sampler *s) { assert_non_null(s); }
void save_sampler_release(struct save_sampler *s) { assert_non_null(s); }
void save_sampler_cost(struct save_sampler *s, uint64_t *counts, uint64_t *ns)
{
    assert_non_null(s);
    *counts = *ns = 0;
}
size_t save_sampler_take(struct save_sampler *s, struct xpc_dirty_count *to)
{
    assert_non_null(s);
    memcpy(to, fake_samples, nr_fake_samples * sizeof(*to));
    return nr_fake_samples;
}

struct save_session *session(void)
{
    return interpose_owner();
}

/* ---- the save loop ----------------------------------------------------- */

int fake_suspend(void *data)
{
    (void)data;
    env.asked_to_suspend = env.suspended = true;
    return 1;
}

static int libxl_switch_qemu_logdirty(uint32_t domid, unsigned int enable,
                                      void *data)
{
    (void)data;
    assert_int_equal(domid, 7);
    env.dm_log = enable;
    return 0;
}

int loop_send_some(void)
{
    static char page[65536];

    for (int i = 0; i < 32; i++) {
        if (write(env.io_fd, page, sizeof(page)) < 0)
            return -1;
        fake_clock_advance(sizeof(page));
    }
    return 0;
}

int loop_iterate(unsigned int n)
{
    struct precopy_stats s = { .iteration = n, .dirty_count = env.dirty };
    int rc;

    /* What is decided must not depend on how busy the machine is. */
    fake_clock_stop();
    rc = env.cb->precopy_policy(s, env.cb->data);
    assert_int_equal(rc, XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(loop_send_some(), 0);
    s.dirty_count = -1;
    rc = env.cb->precopy_policy(s, env.cb->data);
    fake_clock_run();
    return rc;
}

int loop_fail(int errnoval)
{
    errno = errnoval;
    return -1;
}

static void store_params(const char *params)
{
    static const char once[] = "once ";
    char path[64];

    snprintf(path, sizeof(path), PRECOPY "once/%ld", (long)getppid());
    if (params && !strncmp(params, once, strlen(once))) {
        store_set(path, params + strlen(once));
        params = NULL;
    }
    store_set(PRECOPY "params", params);
}

int fake_save(int fd, const char *params, int (*script)(void),
                   struct xpc_report *r)
{
    struct save_callbacks libxl = {
        .suspend = fake_suspend,
        .switch_qemu_logdirty = libxl_switch_qemu_logdirty,
    };
    char err[XPC_ERR_LEN];
    int rc;

    memset(&env, 0, sizeof(env));
    env.scheduler = fake_scheduler;
    env.cap = fake_cap;
    if (!getenv(CONF_ENV))
        conf_fixture_use("");
    env.script = script;
    env.dirty = DIRTY;
    store_set("/libxl/7/type", guest_type);
    store_params(params);
    rc = xc_domain_save(NULL, fd, 7, XCFLAGS_LIVE,
                        fake_callbacks ? fake_callbacks : &libxl,
                        XC_STREAM_PLAIN, -1);
    xpc_report_init(r);
    assert_int_equal(xen_store_read_report((struct xs_handle *)&store, 7, r,
                                           err), 0);
    assert_null(store_get(PRECOPY "active"));
    assert_null(store_get(PRECOPY "cancel"));
    assert_null(store_get(PRECOPY "current"));
    assert_int_equal(env.locks, 0);
    return rc;
}

int fake_save_to_null(const char *params, int (*script)(void),
                      struct xpc_report *r)
{
    int fd = open("/dev/null", O_WRONLY), rc;

    fake_clock_stop();
    rc = fake_save(fd, params, script, r);
    fake_clock_run();
    close(fd);
    return rc;
}
