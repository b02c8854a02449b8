/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xl shows during a migration, and the transport's process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "json/migration.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_progress.h"
#include "migrate/xl_transport.h"
#include "support/torture.h"

static char path[64], out[4096];
static int saved[2];

/* Redirects both outputs to a file ... */
static void capture(void)
{
    fflush(NULL);
    strcpy(path, "/tmp/torture_xl_progress.XXXXXX");
    close(mkstemp(path));
    saved[0] = dup(STDOUT_FILENO);
    saved[1] = dup(STDERR_FILENO);
    assert_non_null(freopen(path, "a", stdout));
    assert_non_null(freopen(path, "a", stderr));
}

/* ... and reads it into out[]. */
static void release(void)
{
    FILE *f;

    fflush(NULL);
    dup2(saved[0], STDOUT_FILENO);
    dup2(saved[1], STDERR_FILENO);
    close(saved[0]);
    close(saved[1]);
    f = fopen(path, "r");
    assert_non_null(f);
    out[fread(out, 1, sizeof(out) - 1, f)] = 0;
    fclose(f);
    unlink(path);
}

static const struct xpc_iteration an_iteration = {
    .number = 2, .pages = 5936, .bytes = 25000000,
    .duration_ns = 2000000000, .dirty_pages = 2035,
    .decision = { .predicted_downtime_ns = 312000000,
                  .time_left_ns = 42000000000 },
};

static struct progress shown_with(int mode, uint64_t duration_ns)
{
    struct migrate_options o = { .progress = mode };
    struct progress p;

    o.params.duration_ns = duration_ns;
    progress_init(&p, &o);
    return p;
}

static void torture_xl_progress_tells_of_a_guest_that_is_slowed_down(
    void **state)
{
    struct progress p = shown_with(PROGRESS_PLAIN, 0);
    struct xpc_iteration it = an_iteration;

    (void)state;
    it.decision.slow_down_percent = 35;
    capture();
    progress_show_iteration(&p, &it);
    release();
    assert_non_null(strstr(out, ", slowing the guest down by 35%\n"));
}

static void torture_xl_progress_prints_an_iteration(void **state)
{
    struct progress p = shown_with(PROGRESS_PLAIN, 60 * XPC_S);

    (void)state;
    capture();
    progress_show_iteration(&p, &an_iteration);
    progress_break(&p);
    release();
    assert_string_equal(out, "iteration 2: 5936 pages, 23.8 MiB in 2.00 s "
                        "(100 Mbit/s); 2035 dirty, predicted downtime "
                        "312 ms, 42.0 s left\n");
    assert_int_equal(p.shown, 2);
    p = shown_with(PROGRESS_PLAIN, 0);
    capture();
    progress_show_iteration(&p, &an_iteration);
    release();
    assert_null(strstr(out, "left"));   /* without a duration */
}

static void torture_xl_progress_prints_changed_parameters(void **state)
{
    struct progress p = shown_with(PROGRESS_PLAIN, 60 * XPC_S);
    struct xpc_params to = p.params;

    (void)state;
    to.duration_ns = 90 * XPC_S;
    capture();
    progress_set_params(&p, &to);
    progress_set_params(&p, &to);       /* unchanged */
    release();
    assert_string_equal(out, "changed: duration 60.0 s -> 90.0 s\n");
    assert_int_equal(p.params.duration_ns, 90 * XPC_S);
    p = shown_with(PROGRESS_JSON, 60 * XPC_S);
    capture();
    progress_set_params(&p, &to);
    release();
    assert_true(!strncmp(out, "{\"event\":\"parameters\",", 22));
    assert_non_null(strstr(out, "\"duration-ms\":90000"));
}

static void torture_xl_progress_redraws_one_line(void **state)
{
    struct progress p = shown_with(PROGRESS_AUTO, 0);

    (void)state;
    p.redraw = true;
    capture();
    progress_show_iteration(&p, &an_iteration);
    progress_show_iteration(&p, &an_iteration);
    progress_break(&p);
    progress_break(&p);
    release();
    assert_int_equal(out[0], '\r');
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void torture_xl_progress_json_has_one_line_per_event(void **state)
{
    struct progress p = shown_with(PROGRESS_JSON, 0);
    struct xpc_iteration back = { 0 };
    char err[XPC_ERR_LEN];

    (void)state;
    progress_set_frames(&p, 1, 30, 120);
    p.last_ns = 0;
    capture();
    progress_tick(&p, 0);
    release();
    assert_true(!strncmp(out, "{\"event\":\"sending\",\"iteration\":1,"
                         "\"percent\":25,", 46));
    capture();
    progress_show_iteration(&p, &an_iteration);
    release();
    assert_true(!strncmp(out, "{\"event\":\"iteration\",", 21));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    assert_int_equal(xpc_from_json(&xpc_iteration_type, &back, out,
                                   strlen(out), err), 0);
    assert_int_equal(back.number, 2);
    assert_int_equal(back.bytes, an_iteration.bytes);
}

static void torture_xl_progress_none_is_silent(void **state)
{
    struct progress p = shown_with(PROGRESS_NONE, 0);

    (void)state;
    progress_set_frames(&p, 1, 5, 10);
    p.last_ns = 0;
    capture();
    progress_tick(&p, 0);
    progress_show_iteration(&p, &an_iteration);
    progress_break(&p);
    release();
    assert_string_equal(out, "");
}

static void torture_xl_progress_prints_the_share_of_an_iteration(void **state)
{
    struct progress p = shown_with(PROGRESS_PLAIN, 0);

    (void)state;
    capture();
    progress_tick(&p, 0);           /* before the first iteration */
    progress_set_frames(&p, 2, 50, 100);
    progress_tick(&p, 0);           /* too early for a line */
    release();
    assert_string_equal(out, "");
    p.last_ns = 0;
    capture();
    progress_tick(&p, 0);
    release();
    assert_non_null(strstr(out, "iteration 2: 50% sent"));
    progress_set_frames(&p, 2, 100, 100);
    p.last_ns = 0;
    capture();
    progress_tick(&p, 0);
    release();
    assert_non_null(strstr(out, "iteration 2: 100% sent"));
}

/* libxl waits for two minutes: for the request, and for the suspend. */
static void torture_xl_progress_prints_the_wait_for_the_suspend(void **state)
{
    struct progress p = shown_with(PROGRESS_PLAIN, 0);

    (void)state;
    progress_set_frames(&p, 2, 100, 100);
    p.asked_ns = clock_now_ns() - 12 * XPC_S;
    p.last_ns = 0;
    capture();
    progress_tick(&p, 0);
    release();
    assert_string_equal(out, "waiting for the guest to acknowledge the "
                        "request to suspend: 12 s of 60\n");
    p.acknowledged_ns = clock_now_ns() - 7 * XPC_S;
    capture();
    progress_tick(&p, 0);           /* too early */
    p.last_ns = 0;
    progress_tick(&p, 0);
    release();
    assert_string_equal(out, "waiting for the guest to suspend: 7 s of 60\n");
    p.mode = PROGRESS_JSON;
    p.last_ns = 0;
    capture();
    progress_tick(&p, 0);
    release();
    assert_true(!strncmp(out, "{\"event\":\"suspending\",\"acknowledged\":"
                         "true,\"elapsed-us\":7", 54));
    assert_non_null(strstr(out, ",\"limit-us\":60000000}\n"));
}

static void torture_xl_progress_prints_the_wait_to_take_back(void **state)
{
    struct progress p = shown_with(PROGRESS_PLAIN, 0);

    (void)state;
    p.last_ns = 0;
    capture();
    progress_show_wait(&p, 12 * XPC_S, 288 * XPC_S);
    progress_show_wait(&p, 12 * XPC_S, 288 * XPC_S);
    release();
    assert_string_equal(out, "waiting for the guest to suspend, to resume it: "
                        "12.0 s, 288 s left\n");
    p.mode = PROGRESS_JSON;
    p.last_ns = 0;
    capture();
    progress_show_wait(&p, 12 * XPC_S, 288 * XPC_S);
    release();
    assert_string_equal(out, "{\"event\":\"taking-back\",\"elapsed-us\":"
                        "12000000,\"left-us\":288000000}\n");
}

static void torture_xl_progress_last_copy_is_not_an_iteration(void **state)
{
    struct progress p = shown_with(PROGRESS_PLAIN, 60 * XPC_S);

    (void)state;
    progress_set_frames(&p, 5, 50, 100);
    p.suspended = true;
    p.last_ns = 0;
    capture();
    progress_tick(&p, 0);
    release();
    assert_non_null(strstr(out, "suspended, copying the rest: 50% sent"));
    assert_null(strstr(out, "iteration"));
    assert_null(strstr(out, "left"));
}

/* ---- the transport ----------------------------------------------------- */

static void torture_xl_progress_transport_ignores_ctrl_c(void **state)
{
    struct transport t;
    char buf[8] = "";
    int fd = interrupt_open();

    (void)state;
    assert_int_equal(transport_start(&t, "kill -INT $$; kill -HUP $$; "
                                         "read x; echo $x"), 0);
    assert_int_equal(write(t.send_fd, "yes\n", 4), 4);
    assert_int_equal(read(t.recv_fd, buf, sizeof(buf)), 4);
    assert_string_equal(buf, "yes\n");
    transport_end(&t, true, false, -1);
    assert_int_equal(t.send_fd, -1);
    assert_int_equal(t.recv_fd, -1);
    transport_end(&t, true, false, -1);
    close(fd);
}

static void torture_xl_progress_transport_that_hangs_is_killed(void **state)
{
    struct transport t;
    pid_t pid;

    (void)state;
    assert_int_equal(transport_start(&t, "exec sleep 60"), 0);
    pid = t.pid;
    capture();
    transport_end(&t, true, false, -1);
    release();
    assert_non_null(strstr(out, "ending it"));
    /* The process is gone, and there is no child to wait for. */
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(waitpid(pid, NULL, 0), -1);
}

static void torture_xl_progress_transport_that_fails_is_reported(void **state)
{
    struct transport t;

    (void)state;
    assert_int_equal(transport_start(&t, "exit 3"), 0);
    capture();
    transport_end(&t, true, false, -1);
    release();
    assert_non_null(strstr(out, "exited with error status 3"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            torture_xl_progress_tells_of_a_guest_that_is_slowed_down),
        cmocka_unit_test(torture_xl_progress_prints_an_iteration),
        cmocka_unit_test(torture_xl_progress_prints_changed_parameters),
        cmocka_unit_test(torture_xl_progress_redraws_one_line),
        cmocka_unit_test(torture_xl_progress_json_has_one_line_per_event),
        cmocka_unit_test(torture_xl_progress_none_is_silent),
        cmocka_unit_test(torture_xl_progress_prints_the_share_of_an_iteration),
        cmocka_unit_test(torture_xl_progress_prints_the_wait_for_the_suspend),
        cmocka_unit_test(torture_xl_progress_prints_the_wait_to_take_back),
        cmocka_unit_test(torture_xl_progress_last_copy_is_not_an_iteration),
        cmocka_unit_test(torture_xl_progress_transport_ignores_ctrl_c),
        cmocka_unit_test(torture_xl_progress_transport_that_hangs_is_killed),
        cmocka_unit_test(torture_xl_progress_transport_that_fails_is_reported),
    };

    return torture_run(argc, argv, tests);
}
