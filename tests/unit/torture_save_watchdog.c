/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watchdog's thread beside the main one, with a xenstore of one node.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "save/watchdog.h"
#include "support/torture.h"
#include "xen/store.h"

static atomic_int told, other;
static atomic_int refusals;     /* that many calls of xs_open() fail */
/* If it is set, xenstored does not answer before `answers` is posted. */
static bool stalls;
static sem_t asked, answers;

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    if (refusals) {
        refusals--;
        return NULL;
    }
    return (struct xs_handle *)&told;
}

void xs_close(struct xs_handle *xs)
{
    (void)xs;
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path,
              const void *data, unsigned int len)
{
    (void)xs;
    (void)t;
    (void)data;
    (void)len;
    if (strcmp(path, "7/overdue"))
        other++;
    told++;
    if (stalls) {
        sem_post(&asked);
        while (sem_wait(&answers)) {}
    }
    return true;
}

const char *xen_store_path(char buf[XEN_STORE_PATH_LEN], uint32_t domid,
                           const char *leaf)
{
    snprintf(buf, XEN_STORE_PATH_LEN, "%u/%s", domid, leaf);
    return buf;
}

static int setup(void **state)
{
    told = other = 0;
    *state = save_watchdog_start(7);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    save_watchdog_stop(*state);
    return 0;
}

/* The write would block for ever, and is interrupted. */
static void interrupts_a_write(struct save_watchdog *w)
{
    static const char much[1 << 20];
    int fd[2];
    ssize_t n;

    assert_int_equal(pipe(fd), 0);
    save_watchdog_set(w, clock_now_ns() + 20 * XPC_MS, false);
    assert_false(told);
    do {
        save_watchdog_writes(w, true);
        n = write(fd[1], much, sizeof(much));
        save_watchdog_writes(w, false);
    } while (n > 0);
    assert_int_equal(errno, EINTR);
    assert_true(save_watchdog_passed(w));
    assert_int_equal(told, 0);
    close(fd[0]);
    close(fd[1]);
}

static void torture_save_watchdog_interrupts_a_write(void **state)
{
    interrupts_a_write(*state);
}

/*
 * A toolstack whose threads have all signals blocked passes that on to the
 * helper.
 */
static void torture_save_watchdog_interrupts_where_signals_are_blocked(
    void **state)
{
    struct save_watchdog *w;
    sigset_t blocked, old;

    (void)state;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGALRM);
    sigprocmask(SIG_SETMASK, &blocked, &old);
    alarm(20);      /* ends a write that is not interrupted */
    w = save_watchdog_start(7);
    assert_non_null(w);
    interrupts_a_write(w);
    save_watchdog_stop(w);
    alarm(0);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void torture_save_watchdog_reports_each_deadline_once(void **state)
{
    assert_false(save_watchdog_passed(*state));
    for (int i = 1; i <= 3; i++) {
        save_watchdog_set(*state, 1, true);
        while (told < i)
            sched_yield();
        assert_true(save_watchdog_passed(*state));
    }
    save_watchdog_set(*state, clock_now_ns() + 3600 * XPC_S, true);
    assert_false(save_watchdog_passed(*state));
    save_watchdog_set(*state, 0, true);
    assert_false(save_watchdog_passed(*state));
    assert_int_equal(told, 3);
    assert_int_equal(other, 0);
}

/* Strict has no other way to end a wait for the guest. */
static void torture_save_watchdog_tells_again_if_it_could_not(void **state)
{
    refusals = 3;
    save_watchdog_set(*state, 1, true);
    while (!told)
        sched_yield();
    assert_int_equal(refusals, 0);
}

/* The main thread is not blocked while xenstored does not answer. */
static void torture_save_watchdog_holds_no_lock_during_xenstore_calls(
    void **state)
{
    sem_init(&asked, 0, 0);
    sem_init(&answers, 0, 0);
    stalls = true;
    alarm(20);      /* ends a deadlock */
    save_watchdog_set(*state, 1, true);
    while (sem_wait(&asked)) {}
    save_watchdog_writes(*state, true);
    save_watchdog_writes(*state, false);
    save_watchdog_set(*state, clock_now_ns() + 3600 * XPC_S, false);
    assert_false(save_watchdog_passed(*state));
    stalls = false;
    sem_post(&answers);
    alarm(0);
    assert_int_equal(told, 1);
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_save_watchdog_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(interrupts_a_write),
        cmocka_unit_test(
            torture_save_watchdog_interrupts_where_signals_are_blocked),
        T(reports_each_deadline_once),
        T(tells_again_if_it_could_not),
        T(holds_no_lock_during_xenstore_calls),
    };

    return torture_run(argc, argv, tests);
}
