/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A save whose toolstack ends. Child processes act as toolstack and helper, and
 * report what happens over a pipe, a letter for each event.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "save/toolstack_watch.h"
#include "support/torture.h"

static int out;

static void report_event(char c)
{
    if (write(out, &c, 1) != 1)
        abort();
}

static void on_term(int sig)
{
    (void)sig;
    report_event('T');
}

/* Runs part in a process. Returns the events until all processes ended. */
static const char *events_of(void (*part)(void))
{
    static char buf[16];
    int fds[2];
    size_t len = 0;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    if (!pid) {
        out = fds[1];
        signal(SIGTERM, on_term);
        part();
        _exit(0);
    }
    close(fds[1]);
    while ((n = read(fds[0], buf + len, sizeof(buf) - 1 - len)) > 0)
        len += n;
    buf[len] = 0;
    close(fds[0]);
    waitpid(pid, NULL, 0);
    return buf;
}

static void clean_up(void)
{
    report_event('c');
}

static void exit_process(void)
{
    save_toolstack_watch(clean_up);
    exit(255);
}

/* The helper closes ready once it watches. */
static void helper(int ready)
{
    save_toolstack_watch(clean_up);
    close(ready);
    /* The signal ends this early. */
    usleep(10 * 1000 * 1000);
}

static void end_toolstack(void)
{
    int fds[2];
    char c;

    if (pipe(fds))
        abort();
    if (!fork()) {
        close(fds[0]);
        helper(fds[1]);
        _exit(0);
    }
    close(fds[1]);
    if (read(fds[0], &c, 1))
        abort();
    raise(SIGKILL);
}

/* A thread of the toolstack that has blocked everything starts the helper. */
static void end_toolstack_that_blocks(void)
{
    sigset_t blocked;

    sigfillset(&blocked);
    /* Stock's helper unblocks this itself. */
    sigdelset(&blocked, SIGTERM);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    end_toolstack();
}

static int started[2], word[2];
static pid_t helper_pid;

static void *start_helper(void *arg)
{
    char c;

    (void)arg;
    helper_pid = fork();
    if (!helper_pid) {
        close(started[0]);
        save_toolstack_watch(clean_up);
        close(started[1]);
        /* The stock helper reads like this, and would fail with EINTR. */
        report_event(read(word[0], &c, 1) == 1 ? 'w' : '?');
        _exit(0);
    }
    close(started[1]);
    if (read(started[0], &c, 1))
        abort();
    usleep(100 * 1000);         /* until it reads */
    return NULL;
}

static void end_toolstack_thread(void)
{
    pthread_t t;

    if (pipe(started) || pipe(word) ||
        pthread_create(&t, NULL, start_helper, NULL) ||
        pthread_join(t, NULL))
        abort();
    usleep(100 * 1000);         /* time for a signal */
    if (write(word[1], "", 1) != 1)
        abort();
    waitpid(helper_pid, NULL, 0);
}

static void torture_toolstack_watch_cleans_up_at_exit(void **state)
{
    (void)state;
    assert_string_equal(events_of(exit_process), "c");
}

static void torture_toolstack_watch_ends_a_save_without_toolstack(
    void **state)
{
    (void)state;
    assert_string_equal(events_of(end_toolstack), "T");
}

static void torture_toolstack_watch_ends_a_save_with_signals_blocked(
    void **state)
{
    (void)state;
    assert_string_equal(events_of(end_toolstack_that_blocks), "T");
}

static void torture_toolstack_watch_ignores_a_thread_that_ends(void **state)
{
    (void)state;
    assert_string_equal(events_of(end_toolstack_thread), "w");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_toolstack_watch_cleans_up_at_exit),
        cmocka_unit_test(torture_toolstack_watch_ends_a_save_without_toolstack),
        cmocka_unit_test(
            torture_toolstack_watch_ends_a_save_with_signals_blocked),
        cmocka_unit_test(torture_toolstack_watch_ignores_a_thread_that_ends),
    };

    return torture_run(argc, argv, tests);
}
