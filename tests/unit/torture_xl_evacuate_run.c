/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl evacuate carries out its plan. This program is also the xl that it starts:
 * "migrate" does what a file says for the domain, and tells another.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/process.h"
#include "evacuate/xl_evacuate_run.h"
#include "history/xl_history.h"
#include "migrate/xl_migrate_options.h"
#include "support/opens.h"
#include "support/temp_dir.h"
#include "support/torture.h"

#define NR 3

static struct evacuate_guest guests[NR];
static struct evacuate_target targets[2];
static struct xpc_schedule_target schedule_targets[2];
static struct xpc_move moves[NR];
static struct evacuate_options options;
static struct evacuation e;
static struct journal journal;
static struct evacuate_show show;
static struct evacuate_run run;
static int interrupts[2];
static int interrupt_after;         /* so many calls of poll(); 0: never */
static int signals[4];              /* then, one for each call */
static uint64_t clock_ns;
static uint64_t tick_ns;            /* of a call of poll() */
static unsigned int here;           /* domains that are here, as bits */

/* ---- the world ---------------------------------------------------------- */

uint64_t clock_now_ns(void)
{
    return clock_ns;
}

int clock_sleep_until(uint64_t until_ns)
{
    clock_ns = until_ns;
    return 0;
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    (void)ctx;
    if (!(here & (1u << domid)))
        return -1;
    memcpy(libxl_uuid_bytearray(&info->uuid), guests[domid - 1].uuid_bytes,
           16);
    return 0;
}

/* Instead of waiting for time to pass: for a child. */
int poll(struct pollfd *fds, nfds_t nr, int timeout)
{
    struct signalfd_siginfo si = { .ssi_signo = signals[0] };
    siginfo_t info;

    (void)fds;
    (void)nr;
    (void)timeout;
    clock_ns += tick_ns;
    if (interrupt_after > 1 || !signals[0]) {
        interrupt_after -= interrupt_after > 1;
        waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
        return 0;
    }
    assert_int_equal(write(interrupts[1], &si, sizeof(si)), sizeof(si));
    memmove(signals, signals + 1, sizeof(signals) - sizeof(signals[0]));
    signals[3] = 0;
    return 0;
}

/* dir/NAME, to be freed. */
static char *in_dir(const char *name)
{
    return xl_asprintf("%s/%s", getenv("TORTURE_DIR"), name);
}

static void write_file(const char *path, const char *mode, const char *text)
{
    FILE *f = fopen(path, mode);

    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
}

/* What is to become of a domain: "STATUS OUTCOME". */
static void expect_migration(int domid, const char *fate)
{
    char *name = xl_asprintf("fate.%d", domid), *path = in_dir(name);

    write_file(path, "w", fate);
    free(name);
    free(path);
}

/* Until the evacuation breaks it off; by its end it is finished instead. */
static void wait_for_term(void)
{
    sigset_t set;
    int sig;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (sigwait(&set, &sig))
        abort();
}

/* xl migrate ... DOMID HOST */
static int fake_migrate(int argc, char **argv)
{
    char *name = xl_asprintf("fate.%s", argv[argc - 2]), *path = in_dir(name);
    char *line = xl_asprintf("%s %s\n", argv[argc - 2], argv[argc - 1]);
    char outcome[32] = "migrated", text[256], *dying = in_dir("dying");
    FILE *f = fopen(path, "r");
    int status = 0;

    if (f && fscanf(f, "%d %31s", &status, outcome) != 2)
        abort();
    if (f)
        fclose(f);
    if (status == MIGRATE_REFUSED && !strcmp(argv[argc - 1], "host3"))
        status = 0;             /* only host2 refuses */
    write_file(in_dir("log"), "a", line);
    if (signal(SIGPIPE, SIG_DFL) != SIG_DFL)
        write_file(in_dir("ignoring"), "w", "");
    if (status == MIGRATE_INTERRUPTED)
        wait_for_term();
    if (!strcmp(argv[argc - 1], "dying")) {
        unlink(dying);
        fputs("xl migrate: the target has gone\n", stderr);
        return 1;
    }
    snprintf(text, sizeof(text), "{\"version\":1,\"outcome\":\"%s\","
             "\"predicted-downtime-us\":100000,\"actual-downtime-us\":110000}",
             outcome);
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "--report=", 9))
            write_file(argv[i] + 9, "w", text);
    }
    return status;
}

/* ---- an evacuation ------------------------------------------------------- */

static void make_guest(int i)
{
    struct evacuate_guest *g = &guests[i];

    *g = (struct evacuate_guest){
        .domid = i + 1, .name = xl_asprintf("g%d", i + 1), .limited = true,
        .curve = { .total_pages = 100000 },
    };
    snprintf(g->uuid, sizeof(g->uuid), "6a1f0c5e-3c1b-4f0e-9d52-0f6a2b1c7d0%d",
             i);
    g->uuid_bytes[15] = i;
    for (int n = 1; n <= 32; n *= 2)
        xpc_curve_add(&g->curve, n * XPC_S, n * 10, n * 10, n * 10);
    xpc_params_init(&g->params);
    g->params.downtime_ns = 2 * XPC_S;
    moves[i] = (struct xpc_move){
        .curve = &g->curve, .memory_bytes = 1, .target = XPC_NO_TARGET,
    };
    here |= 1u << g->domid;
}

static int setup(void **state)
{
    char err[XPC_ERR_LEN], *path;

    if (temp_dir_setup(state) || pipe2(interrupts, O_NONBLOCK | O_CLOEXEC))
        return -1;
    setenv("TORTURE_DIR", temp_dir, 1);
    path = temp_path("ssh");
    append_file(path, "#!/bin/sh\n"
                "[ \"$1\" != dying ] || [ -e \"$TORTURE_DIR/dying\" ] || "
                "exit 1\n"
                "[ \"$3\" = list ] || printf 'a\\nfree_memory : 1000\\n'\n");
    options = (struct evacuate_options){ .ssh_command = path };
    here = 0;
    interrupt_after = 0;
    tick_ns = XPC_S;
    memset(signals, 0, sizeof(signals));
    for (int i = 0; i < NR; i++)
        make_guest(i);
    targets[0] = (struct evacuate_target){ .host = "host2" };
    targets[1] = (struct evacuate_target){ .host = "dying" };
    schedule_targets[0] = schedule_targets[1] =
        (struct xpc_schedule_target){ .free_bytes = UINT64_MAX };
    e = (struct evacuation){
        .o = &options, .guests = guests, .targets = targets,
        .s = { .moves = moves, .nr_moves = NR, .targets = schedule_targets,
               .nr_targets = 1, .link_bytes_per_s = 125000000 },
    };
    journal = (struct journal)JOURNAL_INIT;
    show = (struct evacuate_show){ .json = true, .last_ns = UINT64_MAX / 2 };
    run = (struct evacuate_run){
        .e = &e, .j = &journal, .show = &show, .interrupt_fd = interrupts[0],
        .begun_ns = clock_ns,
    };
    return journal_lock(&journal, err) || journal_begin(&journal, err) ||
           evacuate_plan(&e, err) ? -1 : 0;
}

static int teardown(void **state)
{
    free((char *)options.ssh_command);
    free(targets[1].text);
    for (size_t t = 0; t < 2; t++)
        libxl_precopy_history_dispose(&targets[t].history);
    free(e.ends);
    journal_close(&journal);
    close(interrupts[0]);
    close(interrupts[1]);
    for (int i = 0; i < NR; i++) {
        free(guests[i].name);
        free(guests[i].text);
        migration_dispose(&guests[i].m);
    }
    return temp_dir_teardown(state);
}

/* How often migrations of a domain to a host (NULL: any) were started. */
static int started(int domid, const char *host)
{
    char *path = in_dir("log"), to[32];
    FILE *f = fopen(path, "r");
    int d, n = 0;

    while (f && fscanf(f, "%d %31s", &d, to) == 2)
        n += d == domid && (!host || !strcmp(to, host));
    if (f)
        fclose(f);
    free(path);
    return n;
}

/* What was kept of the evacuation for the next one to a host; 0: nothing. */
static double pace_kept(const char *host)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history h;
    double pace;

    libxl_precopy_history_init(&h);
    libxl_precopy_history_read(NULL, host, &h, err);
    pace = xpc_history_pace(&h, h.pace_s);
    libxl_precopy_history_dispose(&h);
    return pace;
}

static void torture_xl_evacuate_run_moves_all(void **state)
{
    (void)state;
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    for (int i = 0; i < NR; i++) {
        assert_int_equal(moves[i].state, XPC_MOVE_MOVED);
        assert_int_equal(started(i + 1, NULL), 1);
        assert_int_equal(guests[i].actual_ns, 110 * XPC_MS);
    }
    /* After the last one, nothing is to come. */
    assert_int_equal(e.nr_ends, NR);
    assert_int_equal(e.ends[NR - 1].at_ns, e.ends[NR - 1].end_ns);
    assert_true(e.ends[0].end_ns > e.ends[0].at_ns);
}

/* The first ones took much longer than forecast: so will the others. */
static void torture_xl_evacuate_run_learns_the_pace(void **state)
{
    (void)state;
    options.concurrency = e.s.concurrency = 1;
    tick_ns = 6 * XPC_S;
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_true(e.s.pace > 1.3 && e.s.pace < 2);
    /* The last two take 3.3 s each by the rate of the link. */
    assert_true(e.ends[0].end_ns - e.ends[0].at_ns > 8 * XPC_S);
    /* For the next one, without doubts. */
    assert_true(pace_kept("host2") > e.s.pace);
    assert_true(pace_kept("host2") < 2.2);
    assert_true(pace_kept("dying") == 0);
}

/* Those before were slower still. */
static void torture_xl_evacuate_run_begins_at_an_earlier_pace(void **state)
{
    (void)state;
    options.concurrency = e.s.concurrency = 1;
    tick_ns = 6 * XPC_S;
    e.s.pace = e.earlier_pace = 3;
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_true(e.ends[0].end_ns - e.ends[0].at_ns > 12 * XPC_S);
    assert_true(e.s.pace > 1.5 && e.s.pace < 2.4);
    assert_true(pace_kept("host2") < e.s.pace);
}

/* Interrupted while the nth migrates. Returns how many are moved then. */
static int moved_with_interrupt(int nth)
{
    int moved = 0;

    options.concurrency = e.s.concurrency = 1;
    tick_ns = 6 * XPC_S;
    interrupt_after = nth;
    signals[0] = SIGINT;
    evacuate_run(&run);
    assert_int_equal(run.interrupts, 1);
    for (int i = 0; i < NR; i++)
        moved += moves[i].state == XPC_MOVE_MOVED;
    return moved;
}

static void torture_xl_evacuate_run_keeps_the_pace_before_an_interrupt(
    void **state)
{
    (void)state;
    assert_int_equal(moved_with_interrupt(3), 3);
    assert_true(pace_kept("host2") > 1.3);
}

/* What is not begun any more was in the forecast of the second one. */
static void torture_xl_evacuate_run_keeps_no_pace_after_an_interrupt(
    void **state)
{
    (void)state;
    assert_int_equal(moved_with_interrupt(2), 2);
    assert_true(pace_kept("host2") == 0);
}

/* If the process that runs is not noted, --resume can't find it. */
static void torture_xl_evacuate_run_begins_nothing_that_is_not_noted(
    void **state)
{
    struct stat st;

    (void)state;
    /* Room for "start", not for "pid", too. */
    fill_disk(journal.fd, 250);
    assert_int_equal(evacuate_run(&run), EVACUATE_FAILED);
    empty_disk();
    assert_int_equal(fstat(journal.fd, &st), 0);
    assert_true(st.st_size > 0);
    for (int i = 0; i < NR; i++) {
        assert_int_equal(started(i + 1, NULL), 0);
        assert_int_equal(moves[i].state, XPC_MOVE_WAITS);
    }
}

static void torture_xl_evacuate_run_tries_again_and_leaves(void **state)
{
    (void)state;
    expect_migration(2, "3 aborted");
    assert_int_equal(evacuate_run(&run), EVACUATE_SOME_LEFT);
    assert_int_equal(started(2, NULL), 2);
    assert_int_equal(moves[1].state, XPC_MOVE_LEFT);
    assert_int_equal(moves[0].state, XPC_MOVE_MOVED);
    assert_int_equal(moves[2].state, XPC_MOVE_MOVED);
}

static void torture_xl_evacuate_run_never_repeats_an_unknown_one(void **state)
{
    (void)state;
    expect_migration(1, "4 unknown");
    assert_int_equal(evacuate_run(&run), EVACUATE_UNKNOWN);
    assert_int_equal(started(1, NULL), 1);
    assert_true(guests[0].unknown);
}

static void torture_xl_evacuate_run_takes_a_dead_target_out(void **state)
{
    char *path = in_dir("dying"), err[XPC_ERR_LEN];

    (void)state;
    write_file(path, "w", "");
    free(path);
    e.s.nr_targets = 2;
    schedule_targets[1].weight = 10;
    for (int i = 0; i < NR; i++)
        moves[i].target = XPC_NO_TARGET;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_int_equal(moves[0].target, 1);
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_true(schedule_targets[1].out);
    for (int i = 0; i < NR; i++) {
        assert_int_equal(moves[i].state, XPC_MOVE_MOVED);
        assert_int_equal(moves[i].target, 0);
        assert_int_equal(started(i + 1, "host2"), 1);
    }
}

static void torture_xl_evacuate_run_goes_where_it_is_not_refused(void **state)
{
    (void)state;
    e.s.nr_targets = 2;
    targets[1].host = "host3";
    expect_migration(1, "2 refused");
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_int_equal(moves[0].target, 1);
    assert_int_equal(started(1, "host2"), 1);
    assert_int_equal(started(1, "host3"), 1);
}

/* It would take 5 s on host2, as it did before; and 2 s are its limit. */
static void torture_xl_evacuate_run_goes_where_it_keeps_its_limit(void **state)
{
    char err[XPC_ERR_LEN], *path = in_dir("host2.json");
    struct xpc_report r;
    int watch;

    (void)state;
    guests[0].kind = (struct xpc_guest){
        .device_model = XPC_DEVICE_MODEL_NO, .id = 1,
    };
    xpc_report_init(&r);
    r.outcome = XPC_OUTCOME_MIGRATED;
    r.params.guest = guests[0].kind;
    r.decision.bandwidth_bytes_per_s = 125000000;
    r.total_bytes = 1 << 27;
    r.suspended_ns = r.total_bytes;
    r.actual_downtime_ns = 5 * XPC_S;
    r.stream_end_ns = r.target_ready_ns = r.go_ns = 6 * XPC_S;
    r.target_started_ns = 7 * XPC_S;
    history_keep(stderr, "host2", "g1", time(NULL), &r);
    watch = opens_watch(path);
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_false(guests[0].fits);
    /* Not once for each guest. */
    assert_int_equal(opens_count(watch), 1);
    e.s.nr_targets = 2;
    targets[1].host = "host3";
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_int_equal(opens_count(watch), 1);
    assert_true(guests[0].fits);
    /* No refusal: that may change. */
    assert_int_equal(moves[0].not_on, 0);
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_int_equal(started(1, "host2"), 0);
    assert_int_equal(started(1, "host3"), 1);
    close(watch);
    free(path);
}

static void torture_xl_evacuate_run_stops_when_interrupted(void **state)
{
    int moved = 0, n = 0;

    (void)state;
    options.concurrency = e.s.concurrency = 1;
    signals[0] = SIGINT;
    /* A terminal that is lost may say so several times. */
    signals[1] = signals[2] = SIGHUP;
    assert_int_equal(evacuate_run(&run), EVACUATE_INTERRUPTED);
    for (int i = 0; i < NR; i++) {
        moved += moves[i].state == XPC_MOVE_MOVED;
        n += started(i + 1, NULL);
    }
    assert_int_equal(moved, 1);
    assert_int_equal(n, 1);
    assert_true(pace_kept("host2") == 0);
}

static void torture_xl_evacuate_run_breaks_off_at_the_second(void **state)
{
    int tries = 0;

    (void)state;
    options.concurrency = e.s.concurrency = 1;
    for (int i = 0; i < NR; i++)
        expect_migration(i + 1, "5 interrupted");
    signals[0] = signals[1] = SIGINT;
    assert_int_equal(evacuate_run(&run), EVACUATE_INTERRUPTED);
    for (int i = 0; i < NR; i++) {
        assert_int_equal(moves[i].state, XPC_MOVE_WAITS);
        tries += guests[i].tries;
    }
    assert_int_equal(tries, 1);
}

static void torture_xl_evacuate_run_tells_of_a_deadline(void **state)
{
    (void)state;
    run.deadline_ns = clock_ns + 3600 * XPC_S;
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_false(run.deadline_told);
}

/* One that had passed before it went on. */
static void torture_xl_evacuate_run_tells_of_a_deadline_that_is_over(
    void **state)
{
    (void)state;
    run.deadline_ns = clock_ns;
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_true(run.deadline_told);
}

/* One that an evacuation has started that was killed. */
static void torture_xl_evacuate_run_waits_for_what_it_did_not_start(
    void **state)
{
    struct evacuate_guest *g = &guests[0];
    int release[2];
    char c;

    (void)state;
    assert_int_equal(pipe(release), 0);
    g->m.report = journal_path(&journal, g->uuid, "report");
    g->m.progress = journal_path(&journal, g->uuid, "progress");
    g->m.log = journal_path(&journal, g->uuid, "log");
    g->m.pid = fork();
    if (!g->m.pid) {
        close(release[1]);
        if (read(release[0], &c, 1))
            abort();
        write_file(g->m.report, "w", "{\"version\":1,"
                   "\"outcome\":\"migrated\",\"actual-downtime-us\":1000}");
        _exit(0);
    }
    g->m.pid_start = process_start(g->m.pid);
    moves[0].state = XPC_MOVE_RUNS;
    moves[0].left_ns = UINT64_MAX;
    close(release[0]);
    close(release[1]);
    assert_int_equal(evacuate_run(&run), EVACUATE_OK);
    assert_int_equal(started(1, NULL), 0);
    assert_int_equal(moves[0].state, XPC_MOVE_MOVED);
    assert_int_equal(g->actual_ns, XPC_MS);
    /* It was forecast as if it had just begun. */
    assert_true(pace_kept("host2") == 0);
    waitpid(-1, NULL, 0);
}

/* "| tee log", and Ctrl-C has ended tee. Each migration can be ended by it. */
static void torture_xl_evacuate_run_outlives_who_reads(void **state)
{
    int out = dup(STDOUT_FILENO), fds[2], status;
    char *ignoring = in_dir("ignoring");

    (void)state;
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    dup2(fds[1], STDOUT_FILENO);
    close(fds[0]);
    close(fds[1]);
    status = evacuate_run(&run);
    fflush(stdout);
    clearerr(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    assert_int_equal(status, EVACUATE_OK);
    for (int i = 0; i < NR; i++)
        assert_int_equal(started(i + 1, "host2"), 1);
    assert_int_equal(access(ignoring, F_OK), -1);
    free(ignoring);
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_evacuate_run_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(moves_all),
        T(learns_the_pace),
        T(begins_at_an_earlier_pace),
        T(keeps_the_pace_before_an_interrupt),
        T(keeps_no_pace_after_an_interrupt),
        T(begins_nothing_that_is_not_noted),
        T(tries_again_and_leaves),
        T(never_repeats_an_unknown_one),
        T(takes_a_dead_target_out),
        T(goes_where_it_is_not_refused),
        T(goes_where_it_keeps_its_limit),
        T(stops_when_interrupted),
        T(breaks_off_at_the_second),
        T(tells_of_a_deadline),
        T(tells_of_a_deadline_that_is_over),
        T(waits_for_what_it_did_not_start),
        T(outlives_who_reads),
    };

    if (argc > 1 && !strcmp(argv[1], "migrate"))
        _exit(fake_migrate(argc, argv));
    if (argc > 1 && !strcmp(argv[0], "xl"))
        return 1;               /* there is nothing to measure */
    return torture_run(argc, argv, tests);
}
