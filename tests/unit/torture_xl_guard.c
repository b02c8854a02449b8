/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard. A child process acts as xl, and ends in different ways; the guard
 * then reports what it was told last.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/xl_guard.h"
#include "support/few_files.h"
#include "support/torture.h"

/* Acts as xl. Killed with SIGKILL on return. */
typedef void part_fn(struct guard *g);

/* Runs part. Returns the guard's state; 0: the guard had nothing to do. */
static int run_part(part_fn *part)
{
    struct guard g;
    int fds[2], word, r;
    char said = 0;
    pid_t pid;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    if (!pid) {
        close(fds[0]);
        setpgid(0, 0);
        r = guard_start(&g, NULL, &word);
        if (!r) {
            char c = word;

            _exit(write(fds[1], &c, 1) == 1 ? 0 : 1);
        }
        /* Later children must not hold it open. */
        close(fds[1]);
        if (r > 0)
            part(&g);
        raise(SIGKILL);
    }
    close(fds[1]);
    if (read(fds[0], &said, 1) != 1)
        said = 0;
    close(fds[0]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return said;
}

static void end_at_once(struct guard *g)
{
    (void)g;
}

static void end_after_go(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    guard_tell(g, GUARD_GO);
}

static void end_well(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    guard_end(g);
    assert_int_equal(g->pid, 0);
    guard_tell(g, GUARD_GO);    /* has no effect */
    guard_end(g);
}

/* The process group is killed, as by a terminal or a supervisor. */
static void kill_group(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    kill(0, SIGKILL);
}

/* A helper that outlives xl. */
static void leave_helper(struct guard *g)
{
    pid_t xl = getpid();

    guard_tell(g, GUARD_HERE);
    if (!fork()) {
        while (getppid() == xl)
            usleep(1000);
        usleep(50 * 1000);
        /* This shows that the guard has waited for the helper. */
        guard_tell(g, GUARD_THERE);
        _exit(0);
    }
}

/* The guard acts while xl, which does not wait for it, still runs. */
static void leave_the_rest(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    guard_tell(g, GUARD_LATE);
    guard_end(g);
    pause();
}

/*
 * With two descriptors left there is a pipe, but nothing more. No guard may act
 * then while xl runs.
 */
static void torture_xl_guard_none_without_descriptors(void **state)
{
    struct guard g;
    int word = 0, r;

    (void)state;
    few_files(2);
    r = guard_start(&g, NULL, &word);
    few_files_end();
    if (!r)
        _exit(1);           /* this is the guard */
    assert_int_equal(r, -1);
    assert_int_equal(g.pid, 0);
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
}

static void torture_xl_guard_acts_when_xl_is_killed(void **state)
{
    (void)state;
    assert_int_equal(run_part(end_at_once), GUARD_UNTOUCHED);
}

static void torture_xl_guard_knows_the_last_state(void **state)
{
    (void)state;
    assert_int_equal(run_part(end_after_go), GUARD_GO);
}

static void torture_xl_guard_does_nothing_if_xl_ends_well(void **state)
{
    (void)state;
    assert_int_equal(run_part(end_well), 0);
}

static void torture_xl_guard_survives_its_process_group(void **state)
{
    (void)state;
    assert_int_equal(run_part(kill_group), GUARD_HERE);
}

static void torture_xl_guard_waits_for_the_helper(void **state)
{
    (void)state;
    assert_int_equal(run_part(leave_helper), GUARD_THERE);
}

static void torture_xl_guard_acts_while_xl_runs(void **state)
{
    (void)state;
    assert_int_equal(run_part(leave_the_rest), GUARD_LATE);
}

/* xl is killed, and the guard reads what the receiver then says. */
static void torture_xl_guard_reads_from_the_receiver(void **state)
{
    struct transport t;
    struct guard g;
    int word, status;
    pid_t pid;

    (void)state;
    /* When its parent is killed, the guard becomes our child. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid = fork();
    if (!pid) {
        assert_int_equal(transport_open(&t, "cat >/dev/null; echo answer"), 0);
        if (!guard_start(&g, &t, &word)) {
            transport_drain(&t, 10000);
            _exit(transport_ended_with(&t, "answer\n", 7) ? 0 : 1);
        }
        assert_int_equal(transport_run(&t), 0);
        assert_int_equal(write(t.send_fd, "abc", 3), 3);
        raise(SIGKILL);
    }
    waitpid(pid, NULL, 0);
    while (waitpid(-1, &status, 0) > 0 || errno == EINTR)
        assert_true(!WIFEXITED(status) || !WEXITSTATUS(status));
}

/* The further connections end with xl; the guard keeps the first one. */
static void torture_xl_guard_keeps_no_channel_open(void **state)
{
    char file[] = "/tmp/torture_xl_guard.XXXXXX", first[200], second[100];
    struct transport t, further;
    struct guard g;
    int word, status;
    pid_t pid;

    (void)state;
    close(mkstemp(file));
    unlink(file);
    snprintf(first, sizeof(first), "cat >/dev/null; until [ -e %s ]; do "
             "sleep 0.02; done; echo answer", file);
    snprintf(second, sizeof(second), "cat >/dev/null; touch %s", file);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid = fork();
    if (!pid) {
        assert_int_equal(transport_start(&t, first), 0);
        assert_int_equal(transport_start(&further, second), 0);
        transport_close_spare(&t);
        transport_close_spare(&further);
        t.further = &further;
        t.nr_further = 1;
        if (!guard_start(&g, &t, &word)) {
            transport_drain(&t, 10000);
            _exit(transport_ended_with(&t, "answer\n", 7) ? 0 : 1);
        }
        raise(SIGKILL);
    }
    waitpid(pid, NULL, 0);
    while (waitpid(-1, &status, 0) > 0 || errno == EINTR)
        assert_true(!WIFEXITED(status) || !WEXITSTATUS(status));
    assert_int_equal(unlink(file), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_guard_acts_when_xl_is_killed),
        cmocka_unit_test(torture_xl_guard_none_without_descriptors),
        cmocka_unit_test(torture_xl_guard_knows_the_last_state),
        cmocka_unit_test(torture_xl_guard_does_nothing_if_xl_ends_well),
        cmocka_unit_test(torture_xl_guard_survives_its_process_group),
        cmocka_unit_test(torture_xl_guard_waits_for_the_helper),
        cmocka_unit_test(torture_xl_guard_acts_while_xl_runs),
        cmocka_unit_test(torture_xl_guard_reads_from_the_receiver),
        cmocka_unit_test(torture_xl_guard_keeps_no_channel_open),
    };

    return torture_run(argc, argv, tests);
}
