/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl evacuate: its options, its targets, and what migrations print. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/process.h"
#include "evacuate/xl_evacuate_caps.h"
#include "evacuate/xl_evacuate_link.h"
#include "evacuate/xl_evacuate_measure.h"
#include "evacuate/xl_evacuate_migration.h"
#include "evacuate/xl_evacuate_options.h"
#include "evacuate/xl_evacuate_result.h"
#include "evacuate/xl_evacuate_targets.h"
#include "support/temp_dir.h"
#include "support/torture.h"

/* ---- options ----------------------------------------------------------- */

static int parse(struct evacuate_options *o, char *err, const char *words)
{
    static char copy[512];
    static char *argv[32];
    int argc = 0;

    snprintf(copy, sizeof(copy), "%s", words);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    argv[argc] = NULL;
    *err = 0;
    return evacuate_parse_options(argc, argv, o, err);
}

static void torture_xl_evacuate_options(void **state)
{
    struct evacuate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(parse(&o, err, "evacuate --to=host2:2,root@host3 "
                           "--to=fe80::1 --first=a --last=b,c --leave=d "
                           "--concurrency=4 --reserve=100 --link=10Gbit "
                           "--deadline=2h --precopy-downtime=300ms "
                           "--precopy-strict --json x y"), 0);
    assert_int_equal(o.to.nr, 3);
    assert_string_equal(o.to.name[0], "host2");
    assert_true(o.weights[0] == 2 && o.weights[1] == 1);
    assert_string_equal(o.to.name[2], "fe80::1");
    assert_int_equal(o.last.nr, 2);
    assert_string_equal(o.last.name[1], "c");
    assert_int_equal(o.reserve_bytes, 100 << 20);
    assert_int_equal(o.link_bytes_per_s, 1250000000);
    assert_int_equal(o.deadline_ns, 7200 * XPC_S);
    assert_int_equal(o.stated.downtime_ns, 300 * XPC_MS);
    assert_int_equal(o.nr_passed, 2);
    assert_string_equal(o.passed[0], "--precopy-downtime=300ms");
    assert_string_equal(o.passed[1], "--precopy-strict");
    assert_int_equal(o.nr_domains, 2);
    evacuate_options_dispose(&o);
    assert_int_equal(parse(&o, err, "evacuate --to=a --deadline=06:30"), 0);
    assert_true(o.deadline_ns > 0 && o.deadline_ns <= 90000 * XPC_S);
    evacuate_options_dispose(&o);
    assert_int_equal(parse(&o, err, "evacuate --resume --yes --json "
                           "--dry-run --report /tmp/x"), 0);
    evacuate_options_dispose(&o);
}

static void torture_xl_evacuate_bad_options(void **state)
{
    static const char *const bad[][2] = {
        { "evacuate --to=a:0", "--to=a:0: a weight is a number above 0" },
        { "evacuate --to=a:x", "--to=a:x: a weight is a number above 0" },
        { "evacuate --to=a,a", "--to: a is there twice" },
        { "evacuate --to=a,root@A:2", "--to: root@A is there twice" },
        { "evacuate --to=,", "--to: \"\" is no host" },
        { "evacuate --to=-x", "--to: \"-x\" is no host" },
        { "evacuate --to=a;b", "--to: \"a;b\" is no host" },
        { "evacuate --to=a,$(b)", "--to: \"$(b)\" is no host" },
        { "evacuate --to=a --first=b,", "--first: a name is empty" },
        { "evacuate --to=a --deadline=24:00", "--deadline=24:00: a time such" },
        { "evacuate --to=a --concurrency=33", "--concurrency=33:" },
        { "evacuate --to=a --precopy-downtime=x", "--precopy-downtime=x:" },
        { "evacuate --resume --to=a", "--resume goes on as it was begun" },
        { "evacuate --resume x", "--resume goes on as it was begun" },
        { "evacuate --to=a --leave=caf\xe9", "an argument is not in UTF-8" },
        { "evacuate --to=a --precopy-policy=stock --precopy-downtime=1s",
          "--precopy-downtime has no effect with --precopy-policy=stock" },
        { "evacuate --to=a --nonsense", "--nonsense is no option" },
    };
    struct evacuate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(&o, err, bad[i][0]), -1);
        evacuate_options_dispose(&o);
        if (strncmp(err, bad[i][1], strlen(bad[i][1])))
            fail_msg("%s: %s", bad[i][0], err);
    }
}

/* A file of many hosts has a section for this one, too. */
static void torture_xl_evacuate_takes_targets_of_the_file(void **state)
{
    struct conf_section sections[] = {
        { .kind = CONF_DEFAULT },
        { .kind = CONF_TARGET, .name = "host1" },
        { .kind = CONF_TARGET, .name = "Host2.example" },
        { .kind = CONF_GUEST, .name = "x" },
        { .kind = CONF_TARGET, .name = "host3" },
    };
    struct conf_file f = { .sections = sections, .nr = 5 };
    static const char *const heres[] = { "host1", "HOST1.example" };
    struct evacuate_options o;
    char err[XPC_ERR_LEN], *argument;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(parse(&o, err, "evacuate --leave=x"), 0);
        assert_int_equal(evacuate_take_targets(&o, &f, heres[i], err), 0);
        assert_int_equal(o.to.nr, 2);
        assert_true(o.weights[0] == 1);
        argument = evacuate_to_argument(&o);
        assert_string_equal(argument, "--to=Host2.example,host3");
        free(argument);
        evacuate_options_dispose(&o);
    }
    /* host1.here is another one than host1.example. */
    assert_int_equal(parse(&o, err, "evacuate"), 0);
    assert_int_equal(evacuate_take_targets(&o, &f, "Host2.here", err), 0);
    assert_int_equal(o.to.nr, 3);
    evacuate_options_dispose(&o);
    /* What is stated outweighs the file. */
    assert_int_equal(parse(&o, err, "evacuate --to=host9"), 0);
    assert_int_equal(evacuate_take_targets(&o, &f, "host1", err), 0);
    assert_int_equal(o.to.nr, 1);
    evacuate_options_dispose(&o);
}

static void torture_xl_evacuate_needs_a_target(void **state)
{
    struct conf_section section = { .kind = CONF_TARGET, .name = "host1" };
    struct conf_file f = { .sections = &section, .nr = 1 };
    struct evacuate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(parse(&o, err, "evacuate"), 0);
    assert_int_equal(evacuate_take_targets(&o, &f, "host1", err), -1);
    assert_string_equal(err, "a target is needed: --to=HOST, or a section "
                        "[target HOST] in precopy.conf");
    evacuate_options_dispose(&o);
}

/* ---- targets ----------------------------------------------------------- */

static void torture_xl_evacuate_asks_a_target(void **state)
{
    struct evacuate_target target = { .host = "host2" };
    struct xpc_schedule_target schedule_target = { 0 };
    struct evacuate_options o = { .reserve_bytes = 24 << 20 };
    struct evacuation e = {
        .o = &o, .targets = &target,
        .s = { .targets = &schedule_target, .nr_targets = 1 },
    };
    char err[XPC_ERR_LEN], *ssh;

    (void)state;
    o.ssh_command = ssh = xl_asprintf("sh %s/ssh", temp_dir);
    append_file(ssh + strlen("sh "),
           "if [ $3 = info ]; then printf 'x\\nfree_memory    : 124\\n'; exit; fi\n"
           "cat <<END\n"
           "Name                ID   Mem VCPUs      State   Time(s)\n"
           "Domain-0             0   512     1     r-----      25.0\n"
           "a b                  3  1100     1     -b----       1.0\n"
           "web1--incoming      14    96     1     --p---       0.0\n"
           "END\n");
    assert_int_equal(evacuate_ask_target(&e, 0, -1, err), 0);
    assert_int_equal(schedule_target.free_bytes, 100 << 20);
    assert_int_equal(target.nr_domains, 3);
    assert_string_equal(target.domains[1].name, "a b");
    assert_int_equal(target.domains[1].memory_bytes, UINT64_C(1100) << 20);
    assert_string_equal(target.domains[2].name, "web1--incoming");
    assert_int_equal(target.domains[2].memory_bytes, 96 << 20);
    evacuate_free_domains(&target);
    free(ssh);
}

/* Asks a target whose ssh is this script. */
static int ask_with(const char *script, int interrupt_fd, char *err)
{
    struct evacuate_target target = { .host = "host2" };
    struct xpc_schedule_target schedule_target = { 0 };
    char *ssh = xl_asprintf("sh %s/ssh", temp_dir);
    struct evacuate_options o = { .ssh_command = ssh };
    struct evacuation e = {
        .o = &o, .targets = &target,
        .s = { .targets = &schedule_target, .nr_targets = 1 },
    };
    int rc;

    unlink(ssh + strlen("sh "));
    append_file(ssh + strlen("sh "), script);
    rc = evacuate_ask_target(&e, 0, interrupt_fd, err);
    evacuate_free_domains(&target);
    free(ssh);
    return rc;
}

static void torture_xl_evacuate_says_why_a_target_does_not_answer(
    void **state)
{
    static const char info[] =
        "[ $3 != info ] || { printf 'x\\nfree_memory : 124\\n'; exit; }\n";
    static const char *const answers[][2] = {
        { "echo Warning: added >&2; echo Permission denied >&2; exit 255",
          "xl info\" failed: Permission denied" },
        { "echo 'xl: \033[1mno' >&2; echo >&2; exit 1", "failed: xl: ?[1mno" },
        { "exit 3", "xl list\" failed: exit status 3" },
        { "kill -KILL $$", "xl list\" failed: no answer within 60 s" },
    };
    char err[XPC_ERR_LEN], *script;

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        script = xl_asprintf("%s%s\n", i < 2 ? "" : info, answers[i][0]);
        assert_int_equal(ask_with(script, -1, err), -1);
        if (strncmp(err, "host2 can't be asked: \"sh /tmp/", 31) ||
            !strstr(err, answers[i][1]))
            fail_msg("%s", err);
        free(script);
    }
    /* What a good answer is accompanied by does not matter. */
    assert_int_equal(ask_with("echo Warning: added >&2; echo;"
                              "echo 'free_memory : 7'", -1, err), 0);
}

static void torture_xl_evacuate_asks_until_interrupted(void **state)
{
    char err[XPC_ERR_LEN], *path = xl_asprintf("%s/fifo", temp_dir), *script;
    int fds[2], fifo;
    char c;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    fifo = open(path, O_RDONLY | O_NONBLOCK);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    script = xl_asprintf("exec 9>%s; trap '' TERM; sleep 100; echo", path);
    assert_int_equal(ask_with(script, fds[0], err), -1);
    assert_int_equal(errno, EINTR);
    /* Nothing of it is left. */
    assert_int_equal(fcntl(fifo, F_SETFL, 0), 0);
    assert_int_equal(read(fifo, &c, 1), 0);
    close(fifo);
    close(fds[0]);
    close(fds[1]);
    free(script);
    free(path);
}

/* ---- migrations -------------------------------------------------------- */

static void torture_xl_evacuate_reads_progress(void **state)
{
    struct migration m = { .progress = xl_asprintf("%s/progress", temp_dir) };

    (void)state;
    migration_read(&m, 1);          /* there is no file yet */
    append_file(m.progress, "{\"event\":\"sending\",\"iteration\":1,\"percent\":25,"
           "\"total-bytes\":5000000,\"elapsed-us\":1000000,"
           "\"suspended\":false}\n{\"event\":\"iter");
    migration_read(&m, 1);
    assert_int_equal(m.percent, 25);
    assert_true(m.bytes_per_s == 5e6);
    assert_int_equal(m.iteration, 0);
    assert_true(m.rate_bytes_per_s == 0);
    append_file(m.progress, "ation\",\"iteration\":1,\"pages\":1000,"
           "\"bytes\":4000000,\"duration-us\":500000,\"dirty-pages\":77,"
           "\"decision\":{\"predicted-downtime-us\":250000}}\n");
    migration_read(&m, 2);
    assert_int_equal(m.iteration, 2);
    assert_int_equal(m.dirty_pages, 77);
    assert_int_equal(m.predicted_ns, 250 * XPC_MS);
    assert_true(m.bytes_per_s == 8e6);
    assert_int_equal(m.iteration_ns, 2);
    append_file(m.progress, "{\"event\":\"sending\",\"iteration\":2,\"percent\":9,"
           "\"total-bytes\":19000000,\"elapsed-us\":3000000,"
           "\"suspended\":false}\n");
    migration_read(&m, 5 * XPC_S);
    assert_true(m.rate_bytes_per_s == 7e6);
    assert_int_equal(m.rate_from_ns, 3 * XPC_S);
    append_file(m.progress, "nonsense\n{\"event\":\"sending\",\"iteration\":2,"
           "\"percent\":100,\"total-bytes\":1,\"elapsed-us\":1,"
           "\"suspended\":true}\n");
    migration_read(&m, 3);
    assert_true(m.suspended && m.sent);
    migration_dispose(&m);
}

static void torture_xl_evacuate_tells_processes_apart(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (!pid) {
        for (;;)
            pause();
    }
    assert_true(process_start(pid) >= process_start(getpid()));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(process_start(pid), 0);
}

static void torture_xl_evacuate_finds_the_message(void **state)
{
    struct migration m = { .log = xl_asprintf("%s/log", temp_dir) };
    char *text;

    (void)state;
    append_file(m.log, "xl migrate: switchover overhead learned\n"
           "xl migrate: can't be reached\nMigration of g1: failed\n"
           "xl migrate: downtime 1 s from /etc/xen/precopy.conf:4\n");
    text = migration_message(&m, "downtime 1 s from /etc/xen/precopy.conf:4");
    assert_string_equal(text, "can't be reached");
    free(text);
    migration_dispose(&m);
}

static void torture_xl_evacuate_keeps_the_lower_cap(void **state)
{
    struct evacuate_guest guest = { .params.max_bytes_per_s = 1000 };
    struct xpc_move move = { .cap_bytes_per_s = 0 };
    struct evacuation e = { .guests = &guest, .s.moves = &move };

    (void)state;
    assert_int_equal(evacuate_cap(&e, 0), 1000);
    move.cap_bytes_per_s = 500;
    assert_int_equal(evacuate_cap(&e, 0), 500);
    move.cap_bytes_per_s = 2000;
    assert_int_equal(evacuate_cap(&e, 0), 1000);
    guest.params.max_bytes_per_s = 0;
    assert_int_equal(evacuate_cap(&e, 0), 2000);
}

/* ---- links ------------------------------------------------------------- */

#define LINK 125000000

/* Two that run, to a target with a link of its own. */
static struct evacuate_guest two[2];
static struct xpc_move two_moves[2];
static struct xpc_schedule_target two_target;
static struct evacuation both;

static void begin_two(void)
{
    for (int i = 0; i < 2; i++) {
        two[i] = (struct evacuate_guest){ .m.cap_bytes_per_s = LINK / 2 };
        two_moves[i] = (struct xpc_move){ .state = XPC_MOVE_RUNS };
    }
    two_target = (struct xpc_schedule_target){ .link_bytes_per_s = LINK };
    both = (struct evacuation){
        .guests = two, .link_given = true,
        .s = { .moves = two_moves, .nr_moves = 2, .targets = &two_target,
               .nr_targets = 1, .link_bytes_per_s = LINK },
    };
}

/* Sent at this rate in the last two seconds before now. */
static void send_at(int i, double bytes_per_s, uint64_t now_ns)
{
    two[i].m.rate_bytes_per_s = bytes_per_s;
    two[i].m.rate_from_ns = now_ns - 2 * XPC_S;
}

static void torture_xl_evacuate_link_is_faster_than_stated(void **state)
{
    (void)state;
    begin_two();
    send_at(0, 0.4 * LINK, 10 * XPC_S);
    send_at(1, 0.6 * LINK, 10 * XPC_S);
    assert_false(evacuate_learn_from_progress(&both, XPC_S));
    assert_int_equal(both.s.link_bytes_per_s, LINK);
    /* Another one was started meanwhile: the times don't match. */
    send_at(0, 1.2 * LINK, 10 * XPC_S);
    assert_false(evacuate_learn_from_progress(&both, 8 * XPC_S));
    assert_true(evacuate_learn_from_progress(&both, XPC_S));
    assert_true(both.s.link_bytes_per_s > 1.79 * LINK);
    assert_true(two_target.link_bytes_per_s > 1.79 * LINK);
    assert_false(evacuate_learn_from_progress(&both, XPC_S));
}

static void torture_xl_evacuate_link_from_a_report(void **state)
{
    struct xpc_report r;

    (void)state;
    begin_two();
    xpc_report_init(&r);
    /* Beside others, and with a cap: it says how fast the link is at least. */
    r.decision.measured_bytes_per_s = 0.5 * LINK;
    evacuate_learn_from_report(&both, 0, &r);
    assert_int_equal(both.s.link_bytes_per_s, LINK);
    assert_int_equal(both.s.stream_bytes_per_s, 0);
    r.decision.measured_bytes_per_s = 2 * LINK;
    evacuate_learn_from_report(&both, 0, &r);
    assert_int_equal(both.s.link_bytes_per_s, 2 * LINK);
    assert_int_equal(two_target.link_bytes_per_s, 2 * LINK);
    /* Alone, and without one: it is all that the link carries, */
    two[1].alone = true;
    two[1].m.cap_bytes_per_s = 0;
    r.decision.measured_bytes_per_s = 1.8 * LINK;
    evacuate_learn_from_report(&both, 1, &r);
    assert_int_equal(both.s.link_bytes_per_s, 1.8 * LINK);
    assert_int_equal(both.s.stream_bytes_per_s, 0);
    both.s.link_bytes_per_s = 2 * LINK;
    /* or that a single one can send. */
    r.decision.measured_bytes_per_s = LINK;
    evacuate_learn_from_report(&both, 1, &r);
    assert_int_equal(both.s.link_bytes_per_s, 2 * LINK);
    assert_int_equal(both.s.stream_bytes_per_s, LINK);
    /* Once it was slow. */
    r.decision.measured_bytes_per_s = 1.2 * LINK;
    evacuate_learn_from_report(&both, 0, &r);
    assert_int_equal(both.s.stream_bytes_per_s, 1.2 * LINK);
    r.decision.measured_bytes_per_s = 1.8 * LINK;
    evacuate_learn_from_report(&both, 0, &r);
    assert_int_equal(both.s.stream_bytes_per_s, 0);
    xpc_report_dispose(&r);
}

/* One that hardly sends anything, as another one is about to be suspended. */
static void torture_xl_evacuate_left_does_not_depend_on_a_cap(void **state)
{
    struct xpc_move *m = &two_moves[0];

    (void)state;
    begin_two();
    m->curve = &two[0].curve;
    xpc_predict_params_init(&m->params, 0, XPC_S);
    two[0].curve.total_pages = 100000;
    xpc_curve_add(&two[0].curve, XPC_S, 10, 10, 10);
    xpc_curve_add(&two[0].curve, 2 * XPC_S, 20, 20, 20);
    two[0].m.bytes_per_s = 0.05 * LINK;
    two[0].m.elapsed_ns = XPC_S;
    two[0].m.sent_ns = 2 * XPC_S;
    evacuate_update_left(&both, 0, 2 * XPC_S);
    assert_true(m->left_ns > 60 * XPC_S);
    assert_true(m->left_bytes > UINT64_C(400000000) &&
                m->left_bytes < UINT64_C(430000000));
}

/* What it prints of the first iteration is compressed, later it is not. */
static void torture_xl_evacuate_left_of_what_is_compressed(void **state)
{
    struct xpc_move *m = &two_moves[0];

    (void)state;
    begin_two();
    m->curve = &two[0].curve;
    xpc_predict_params_init(&m->params, 0, XPC_S);
    m->params.first_page.share = 0.5;
    m->params.later_page.share = 0.25;
    m->params.processors = 1;
    two[0].curve.total_pages = LINK / 4104;
    xpc_curve_add(&two[0].curve, XPC_S, 10, 10, 10);
    xpc_curve_add(&two[0].curve, 2 * XPC_S, 20, 20, 20);
    two[0].m.bytes_per_s = 0.1 * LINK;
    two[0].m.sent_bytes = 0.2 * LINK;
    two[0].m.elapsed_ns = two[0].m.sent_ns = 2 * XPC_S;
    evacuate_update_left(&both, 0, 2 * XPC_S);
    assert_true(m->left_ns > 2.9 * XPC_S && m->left_ns < 3.1 * XPC_S);
    /* A second later, there is another one to go. */
    two[0].m.iteration = 2;
    two[0].m.dirty_pages = LINK / 4104 / 5;
    two[0].m.iteration_ns = 5 * XPC_S;
    evacuate_update_left(&both, 0, 6 * XPC_S);
    assert_true(m->left_ns > 0.9 * XPC_S && m->left_ns < 1.1 * XPC_S);
}

/* Since when its suspend has been near: a start is held back for it. */
static void torture_xl_evacuate_suspend_is_near(void **state)
{
    struct xpc_move *m = &two_moves[0];

    (void)state;
    begin_two();
    m->curve = &two[0].curve;
    xpc_predict_params_init(&m->params, 0, XPC_S);
    m->params.setup_ns = 2 * XPC_S;
    two[0].curve.total_pages = 10 * LINK / 4104;
    xpc_curve_add(&two[0].curve, XPC_S, 10, 10, 10);
    xpc_curve_add(&two[0].curve, 2 * XPC_S, 20, 20, 20);
    evacuate_update_left(&both, 0, 5 * XPC_S);
    assert_int_equal(m->near_ns, 0);
    two[0].m.bytes_per_s = LINK;
    two[0].m.sent_bytes = 7 * (double)LINK;
    two[0].m.sent_ns = 12 * XPC_S;
    evacuate_update_left(&both, 0, 12 * XPC_S);
    assert_int_equal(m->near_ns, 0);
    /* It goes on between the times at which it says how much it has sent, */
    evacuate_update_left(&both, 0, 12900 * XPC_MS);
    assert_int_equal(m->near_ns, 0);
    assert_in_range(m->left_ns, 2 * XPC_S, 2200 * XPC_MS);
    evacuate_update_left(&both, 0, 13100 * XPC_MS);
    assert_true(m->near_ns > 0);
    /* unless it does not say anything any more. */
    two[0].m.sent_bytes = 2 * (double)LINK;
    evacuate_update_left(&both, 0, 60 * XPC_S);
    assert_int_equal(m->near_ns, 0);
    two[0].m.sent_bytes = 9 * (double)LINK;
    two[0].m.sent_ns = 62 * XPC_S;
    evacuate_update_left(&both, 0, 62 * XPC_S);
    assert_int_equal(m->near_ns, 2 * XPC_S);
    two[0].m.suspended = two[0].m.sent = true;
    evacuate_update_left(&both, 0, 63 * XPC_S);
    assert_true(m->sent);
    assert_int_equal(m->near_ns, 3 * XPC_S);
}

/* ---- measurements ------------------------------------------------------ */

#define FIT(share) \
    "{\"pages\":9,\"blocks\":3,\"share\":" share ",\"share-low\":" share \
    ",\"share-high\":" share ",\"page-ns\":1000,\"page-ns-low\":1000," \
    "\"page-ns-high\":1000}"

static void torture_xl_evacuate_takes_a_measurement(void **state)
{
    static const char json[] =
        "{\"status\":\"measured\",\"mode\":\"page-sampling\","
        "\"page-size\":4096,\"periods\":[500,1000],"
        "\"n-dirty-pages\":[10,20],\"n-sampled-pages\":1024,"
        "\"n-zero-pages\":0,\"n-total-pages\":65536,\"compression\":["
        "{\"compress\":\"lz4\",\"kept\":" FIT("0.5") "}]}";
    struct evacuate_options o = { 0 };
    char err[XPC_ERR_LEN];

    (void)state;
    begin_two();
    both.o = &o;
    assert_string_equal(evacuate_methods(&both), "off");
    two[0].name = (char *)"g1";
    two[0].params.compress = XPC_COMPRESS_LZ4;
    two[1].params.compress = XPC_COMPRESS_ZSTD;
    two[1].params.compress_level = 7;
    /* Of one of them, nothing is known. */
    if (evacuate_take_measurement(&both, 0, json, strlen(json), err))
        fail_msg("%s", err);
    assert_int_equal(two[0].curve.total_pages, 65536);
    assert_int_equal(two[0].nr_costs, 1);
    assert_true(two[0].costs[0].first.share == 0.5);
    assert_int_equal(two[0].costs[0].method.compress, XPC_COMPRESS_LZ4);
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_evacuate_##name, \
                                    temp_dir_setup, temp_dir_teardown)
    const struct CMUnitTest tests[] = {
        T(options),
        T(bad_options),
        T(takes_targets_of_the_file),
        T(needs_a_target),
        T(asks_a_target),
        T(says_why_a_target_does_not_answer),
        T(asks_until_interrupted),
        T(reads_progress),
        T(tells_processes_apart),
        T(finds_the_message),
        T(keeps_the_lower_cap),
        T(link_is_faster_than_stated),
        T(link_from_a_report),
        T(left_does_not_depend_on_a_cap),
        T(left_of_what_is_compressed),
        T(suspend_is_near),
        T(takes_a_measurement),
    };

    return torture_run(argc, argv, tests);
}
