/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard, with a child of the test in the part of xl: how it ends, and
 * what the guard then has to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/xl_guard.h"
#include "support/torture.h"

/* The part of xl: ends by SIGKILL unless it exits. */
typedef void part_fn(struct guard *g);

/* Runs it. Returns the guard's word, 0: it was never called upon. */
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
        /* Not held open by what is started later. */
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

static void killed_at_once(struct guard *g)
{
    (void)g;
}

static void killed_after_go(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    guard_tell(g, GUARD_GO);
}

static void ends_well(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    guard_end(g);
    assert_int_equal(g->pid, 0);
    guard_tell(g, GUARD_GO);    /* to nobody */
    guard_end(g);
}

/* The whole group of processes is killed, as by a terminal or a supervisor. */
static void group_killed(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    kill(0, SIGKILL);
}

/* A helper that lives on, and tells when its end has come. */
static void helper_survives(struct guard *g)
{
    pid_t xl = getpid();

    guard_tell(g, GUARD_HERE);
    if (!fork()) {
        while (getppid() == xl)
            usleep(1000);
        usleep(50 * 1000);
        /* What it says last counts: so the guard has waited for it. */
        guard_tell(g, GUARD_THERE);
        _exit(0);
    }
}

/* It goes to work while xl has other things to end, which does not wait. */
static void leaves_the_rest(struct guard *g)
{
    guard_tell(g, GUARD_HERE);
    guard_tell(g, GUARD_LATE);
    guard_end(g);
    pause();
}

static void torture_xl_guard_is_called_upon(void **state)
{
    (void)state;
    assert_int_equal(run_part(killed_at_once), GUARD_UNTOUCHED);
}

static void torture_xl_guard_knows_the_last_word(void **state)
{
    (void)state;
    assert_int_equal(run_part(killed_after_go), GUARD_GO);
}

static void torture_xl_guard_is_silent_when_all_is_done(void **state)
{
    (void)state;
    assert_int_equal(run_part(ends_well), 0);
}

static void torture_xl_guard_survives_its_group(void **state)
{
    (void)state;
    assert_int_equal(run_part(group_killed), GUARD_HERE);
}

static void torture_xl_guard_waits_for_the_helper(void **state)
{
    (void)state;
    assert_int_equal(run_part(helper_survives), GUARD_THERE);
}

static void torture_xl_guard_is_left_the_rest(void **state)
{
    (void)state;
    assert_int_equal(run_part(leaves_the_rest), GUARD_LATE);
}

/* xl is killed; what the receiver says only then, the guard hears. */
static void torture_xl_guard_hears_the_receiver(void **state)
{
    struct transport t;
    struct guard g;
    int word, status;
    pid_t pid;

    (void)state;
    /* The guard, whose parent is killed, becomes our child. */
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

/* The further connections end with xl, and the guard hears the first. */
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
        cmocka_unit_test(torture_xl_guard_is_called_upon),
        cmocka_unit_test(torture_xl_guard_knows_the_last_word),
        cmocka_unit_test(torture_xl_guard_is_silent_when_all_is_done),
        cmocka_unit_test(torture_xl_guard_survives_its_group),
        cmocka_unit_test(torture_xl_guard_waits_for_the_helper),
        cmocka_unit_test(torture_xl_guard_is_left_the_rest),
        cmocka_unit_test(torture_xl_guard_hears_the_receiver),
        cmocka_unit_test(torture_xl_guard_keeps_no_channel_open),
    };

    return torture_run(argc, argv, tests);
}
