/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard's decisions, with libxl's and Xen's functions in this file. What
 * the plug-in has told it is in the socket, and the socket closed, before it
 * reads. The time advances only when it waits for the toolstack.
 */
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libxl_utils.h>
#include <xenctrl.h>

#include <xenprecopy/units.h>

#include "base/process.h"
#include "migrate/xl_save_guard.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/lock.h"
#include "xen/saver.h"

#define REQUEST "/local/domain/7/control/shutdown"

static struct {
    bool gone, another, suspended;
    bool other_saves;           /* another helper saves the domain */
    int unanswered;             /* that many questions, from now on */
    uint64_t unanswered_at_ns;  /* three from then on; 0: never */
    pid_t pid;                  /* the toolstack's, without a pidfd; or 0 */
    uint64_t start;             /* when that was started */
    int resume_rc;
    uint64_t resumes_at_ns;     /* the toolstack resumes it; 0: never */
    uint64_t suspends_at_ns;    /* late; 0: never */
    uint64_t ends_at_ns;        /* the toolstack ends; 0: never */
    /* What the guard has done. */
    int resumed, log_off;
    uint64_t resumed_ns;
} world;

/* ---- the time ------------------------------------------------------------ */

static uint64_t now_ns;

#define BEGIN_NS (1000 * XPC_S)

static bool is_due(uint64_t at_ns)
{
    return at_ns && now_ns - BEGIN_NS >= at_ns;
}

int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    (void)fds;
    /* With one descriptor, it is the toolstack's. */
    if (nr == 1 && is_due(world.ends_at_ns))
        return 1;
    now_ns += timeout_ms * XPC_MS;
    if (is_due(world.resumes_at_ns))
        world.suspended = false;
    if (is_due(world.unanswered_at_ns)) {
        world.unanswered = 3;
        world.unanswered_at_ns = 0;
    }
    if (is_due(world.suspends_at_ns) && !world.resumed)
        world.suspended = true;
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    (void)id;
    *ts = (struct timespec){ .tv_sec = now_ns / XPC_S,
                             .tv_nsec = now_ns % XPC_S };
    return 0;
}

/* ---- libxl and Xen ----------------------------------------------------- */

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    (void)ctx;
    assert_int_equal(domid, 7);
    info->domain_type = LIBXL_DOMAIN_TYPE_PVH;
    info->uuid.uuid[0] = world.another ? 2 : 1;
    info->shutdown = world.suspended;
    info->shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    if (world.unanswered) {
        world.unanswered--;
        return ERROR_FAIL;
    }
    return world.gone ? ERROR_DOMAIN_NOTFOUND : 0;
}

int libxl_domain_resume(libxl_ctx *ctx, uint32_t domid, int suspend_cancel,
                        const libxl_asyncop_how *how)
{
    (void)ctx;
    (void)how;
    assert_int_equal(domid, 7);
    assert_int_equal(suspend_cancel, 1);
    assert_true(world.suspended);
    assert_false(world.another);
    world.resumed++;
    world.resumed_ns = now_ns - BEGIN_NS;
    world.suspended = world.resume_rc;
    return world.resume_rc;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    (void)ctx;
    (void)domid;
    return strdup("g1");
}

int xc_hvm_param_get(xc_interface *xch, uint32_t domid, uint32_t param,
                     uint64_t *value)
{
    (void)xch;
    (void)domid;
    (void)param;
    *value = 1;
    return 0;
}

int xc_shadow_control(xc_interface *xch, uint32_t domid, unsigned int sop,
                      unsigned int *mb, unsigned int mode)
{
    (void)xch;
    (void)domid;
    (void)mb;
    (void)mode;
    world.log_off += sop == XEN_DOMCTL_SHADOW_OP_OFF;
    return 0;
}

int xen_saver_check(uint32_t domid, char err[XPC_ERR_LEN])
{
    (void)domid;
    (void)err;
    return world.other_saves ? -1 : 0;
}

void xen_lock_sign(int fd, const char *doing)
{
    assert_int_equal(fd, 42);
    assert_string_equal(doing, "save-guard");
}

/* ---- fixture ------------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    now_ns = BEGIN_NS;
    store_set(REQUEST, "");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_reset();
    return 0;
}

/* The guard after the plug-in has sent these messages. */
static int guard(const char *messages, const char *toolstack)
{
    struct save_guard_job job = {
        .domid = 7, .uuid.uuid = { 1 }, .lock_fd = 42, .toolstack_fd = 99,
    };
    int fds[2], rc;

    if (world.pid)
        job.toolstack_fd = -1;
    job.toolstack_pid = world.pid;
    job.toolstack_start = world.start;
    snprintf(job.toolstack, sizeof(job.toolstack), "%s", toolstack);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(write(fds[0], messages, strlen(messages)),
                     strlen(messages));
    close(fds[0]);
    job.fd = fds[1];
    rc = save_guard_run(&job);
    close(fds[1]);
    return rc;
}

/* ---- tests --------------------------------------------------------------- */

/* It may run on the target: that it is left suspended is only said. */
static void torture_xl_save_guard_resumes_nobody_after_a_complete_save(
    void **state)
{
    (void)state;
    world.suspended = true;
    world.resumes_at_ns = 10 * XPC_S;
    assert_int_equal(guard("asc", "libvirtd"), 0);
    assert_true(is_due(10 * XPC_S));
    assert_false(is_due(11 * XPC_S));
    world.suspended = true;
    world.resumes_at_ns = 0;
    now_ns = BEGIN_NS;
    assert_int_equal(guard("asc", "libvirtd"), 1);
    assert_true(is_due(60 * XPC_S));
    now_ns = BEGIN_NS;
    world.ends_at_ns = 20 * XPC_S;
    assert_int_equal(guard("asc", "xl"), 1);
    assert_false(is_due(21 * XPC_S));
    world.gone = true;
    assert_int_equal(guard("asc", "xl"), 0);
    assert_int_equal(world.resumed, 0);
    assert_int_equal(world.log_off, 0);
}

static void torture_xl_save_guard_ends_with_nothing_to_do(void **state)
{
    (void)state;
    world.suspended = true;
    assert_int_equal(guard("d", "libvirtd"), 0);
    assert_int_equal(world.resumed, 0);
    assert_int_equal(world.log_off, 0);
    assert_int_equal(now_ns, BEGIN_NS);
}

static void torture_xl_save_guard_resumes_for_libvirt_at_once(void **state)
{
    static const char *const names[] = { "libvirtd", "virtxend" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        world.suspended = true;
        world.resumed = 0;
        assert_int_equal(guard("asf", names[i]), 0);
        assert_int_equal(world.resumed, 1);
        assert_int_equal(world.resumed_ns, 0);
        assert_int_equal(world.log_off, 0);
    }
}

/* xl resumes it, at whatever time, or it is killed before it can. */
static void torture_xl_save_guard_leaves_it_to_xl(void **state)
{
    (void)state;
    world.suspended = true;
    world.resumes_at_ns = 100 * XPC_S;
    assert_int_equal(guard("asf", "xl"), 0);
    assert_int_equal(world.resumed, 0);
    assert_true(is_due(world.resumes_at_ns));
    world.suspended = true;
    world.resumes_at_ns = 0;
    world.ends_at_ns = 200 * XPC_S;
    assert_int_equal(guard("asf", "xl"), 0);
    assert_int_equal(world.resumed, 1);
    assert_true(world.resumed_ns >= 200 * XPC_S);
}

/* Between xl's resuming it and its end, it is not resumed twice. */
static void torture_xl_save_guard_looks_again_when_xl_has_ended(void **state)
{
    (void)state;
    world.suspended = true;
    world.resumes_at_ns = 1;
    world.ends_at_ns = 1;
    assert_int_equal(guard("asf", "xl"), 0);
    assert_int_equal(world.resumed, 0);
}

static void torture_xl_save_guard_gives_other_toolstacks_time(void **state)
{
    (void)state;
    world.suspended = true;
    world.resumes_at_ns = 4 * XPC_S;
    assert_int_equal(guard("asf", "python3"), 0);
    assert_int_equal(world.resumed, 0);
    now_ns = BEGIN_NS;
    world.suspended = true;
    world.resumes_at_ns = 0;
    assert_int_equal(guard("asf", "python3"), 0);
    assert_int_equal(world.resumed, 1);
    assert_true(world.resumed_ns >= 5 * XPC_S);
    assert_true(world.resumed_ns < 6 * XPC_S);
}

/* The helper was killed; no report was written. */
static void torture_xl_save_guard_cleans_up_after_a_killed_helper(void **state)
{
    (void)state;
    world.suspended = true;
    assert_int_equal(guard("as", "libvirtd"), 0);
    assert_int_equal(world.resumed, 1);
    assert_int_equal(world.log_off, 1);
    /* Before it had asked: who has suspended the guest is not known. */
    memset(&world, 0, sizeof(world));
    world.suspended = true;
    assert_int_equal(guard("", "libvirtd"), 0);
    assert_int_equal(world.resumed, 0);
    assert_int_equal(world.log_off, 1);
    /* Another save needs the log. */
    world.other_saves = true;
    assert_int_equal(guard("", "libvirtd"), 0);
    assert_int_equal(world.log_off, 1);
}

/* It acknowledges the request, and suspends when the migration has ended. */
static void torture_xl_save_guard_waits_for_a_late_guest(void **state)
{
    (void)state;
    world.suspends_at_ns = 20 * XPC_S;
    assert_int_equal(guard("af", "libvirtd"), 0);
    assert_int_equal(world.resumed, 1);
    assert_true(world.resumed_ns >= 20 * XPC_S);
}

static void torture_xl_save_guard_withdraws_a_request(void **state)
{
    (void)state;
    store_set(REQUEST, "suspend");
    assert_int_equal(guard("af", "libvirtd"), 0);
    assert_int_equal(world.resumed, 0);
    assert_string_equal(store_get(REQUEST), "");
}

/* It has been resumed already: what suspends it later is not this save. */
static void torture_xl_save_guard_does_not_wait_for_a_second_suspend(
    void **state)
{
    (void)state;
    world.suspends_at_ns = 20 * XPC_S;
    assert_int_equal(guard("as", "xl"), 0);
    assert_int_equal(world.resumed, 0);
    assert_int_equal(now_ns, BEGIN_NS);
}

static void torture_xl_save_guard_knows_the_guest(void **state)
{
    (void)state;
    world.suspended = world.another = true;
    assert_int_equal(guard("asf", "libvirtd"), 0);
    assert_int_equal(guard("as", "libvirtd"), 0);
    world.gone = true;
    assert_int_equal(guard("asf", "libvirtd"), 0);
    assert_int_equal(world.resumed, 0);
    assert_int_equal(world.log_off, 0);
}

static void torture_xl_save_guard_says_when_it_can_not_resume(void **state)
{
    (void)state;
    world.suspended = true;
    world.resume_rc = ERROR_FAIL;
    assert_int_equal(guard("asf", "libvirtd"), 1);
    assert_int_equal(world.resumed, 1);
}

/* Linux before 5.3. The time advances with each look. */
static void torture_xl_save_guard_waits_for_xl_without_pidfd(void **state)
{
    (void)state;
    world.suspended = true;
    world.resumes_at_ns = 100 * XPC_S;
    world.pid = getpid();
    world.start = process_start(getpid());
    assert_int_equal(guard("asf", "xl"), 0);
    assert_int_equal(world.resumed, 0);
    assert_true(is_due(world.resumes_at_ns));
    /* It has ended, and another process has its number. */
    world.suspended = true;
    world.resumes_at_ns = 0;
    world.start++;
    assert_int_equal(guard("asf", "xl"), 0);
    assert_int_equal(world.resumed, 1);
}

/* It is asked again, before and while the toolstack is waited for. */
static void torture_xl_save_guard_asks_again_if_xen_does_not_answer(
    void **state)
{
    (void)state;
    world.suspended = true;
    world.unanswered = 5;
    assert_int_equal(guard("asf", "libvirtd"), 0);
    assert_int_equal(world.resumed, 1);
    world.suspended = true;
    world.unanswered = 5;
    world.ends_at_ns = 1;
    assert_int_equal(guard("asf", "xl"), 0);
    assert_int_equal(world.resumed, 2);
    world.suspended = true;
    world.unanswered = INT_MAX;
    assert_int_equal(guard("asf", "libvirtd"), 1);
    assert_int_equal(guard("asc", "libvirtd"), 1);
    assert_int_equal(world.resumed, 2);
}

/* Nor is it taken for resumed if the answer is missing later. */
static void torture_xl_save_guard_asks_again_while_it_waits(void **state)
{
    (void)state;
    world.suspended = true;
    world.unanswered_at_ns = 2 * XPC_S;
    assert_int_equal(guard("asf", "python3"), 0);
    assert_int_equal(world.resumed, 1);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_save_guard_resumes_nobody_after_a_complete_save),
        TEST(torture_xl_save_guard_ends_with_nothing_to_do),
        TEST(torture_xl_save_guard_resumes_for_libvirt_at_once),
        TEST(torture_xl_save_guard_leaves_it_to_xl),
        TEST(torture_xl_save_guard_looks_again_when_xl_has_ended),
        TEST(torture_xl_save_guard_gives_other_toolstacks_time),
        TEST(torture_xl_save_guard_cleans_up_after_a_killed_helper),
        TEST(torture_xl_save_guard_waits_for_a_late_guest),
        TEST(torture_xl_save_guard_withdraws_a_request),
        TEST(torture_xl_save_guard_does_not_wait_for_a_second_suspend),
        TEST(torture_xl_save_guard_knows_the_guest),
        TEST(torture_xl_save_guard_says_when_it_can_not_resume),
        TEST(torture_xl_save_guard_waits_for_xl_without_pidfd),
        TEST(torture_xl_save_guard_asks_again_if_xen_does_not_answer),
        TEST(torture_xl_save_guard_asks_again_while_it_waits),
    };

    return torture_run(argc, argv, tests);
}
