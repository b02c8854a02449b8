/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl evacuate: its options, its journal, and what migrations print. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl_utils.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "evacuate/xl_evacuate_caps.h"
#include "evacuate/xl_evacuate_journal.h"
#include "evacuate/xl_evacuate_link.h"
#include "evacuate/xl_evacuate_migration.h"
#include "evacuate/xl_evacuate_options.h"
#include "evacuate/xl_evacuate_resume.h"
#include "evacuate/xl_evacuate_result.h"
#include "evacuate/xl_evacuate_targets.h"
#include "libxl_precopy_history.h"
#include "migrate/xl_migrate_options.h"
#include "support/torture.h"

#define UUID "6a1f0c5e-3c1b-4f0e-9d52-0f6a2b1c7d3e"

static char dir[] = "/tmp/torture_xl_evacuate.XXXXXX";

static void append(const char *path, const char *text)
{
    FILE *f = fopen(path, "a");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    char run[sizeof(dir) + 8];

    (void)state;
    strcpy(strrchr(dir, '.'), ".XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(run, sizeof(run), "%s/run", dir);
    setenv("XEN_PRECOPY_RUN", run, 1);
    setenv(LIBXL_PRECOPY_HISTORY_ENV, dir, 1);
    return 0;
}

static int teardown(void **state)
{
    char *command;
    int r;

    (void)state;
    command = xl_asprintf("rm -r %s", dir);
    r = system(command);
    free(command);
    return r;
}

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
        { "evacuate", "a target is needed: --to=HOST" },
        { "evacuate --to=a:0", "--to=a:0: a weight is a number above 0" },
        { "evacuate --to=a:x", "--to=a:x: a weight is a number above 0" },
        { "evacuate --to=a,a", "--to: a is there twice" },
        { "evacuate --to=,", "--to: \"\" is no host" },
        { "evacuate --to=-x", "--to: \"-x\" is no host" },
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

/* ---- the journal ------------------------------------------------------- */

static void add(struct journal *j, const char *event, uint64_t pid,
                uint64_t pid_start, uint64_t status)
{
    struct journal_line line = {
        .event = (char *)event, .domain = (char *)"web1",
        .uuid = (char *)UUID, .target = (char *)"host2", .pid = pid,
        .pid_start = pid_start, .status = status,
    };
    char err[XPC_ERR_LEN];

    assert_int_equal(journal_add(j, &line, err), 0);
}

static void begin(struct journal *j)
{
    struct journal_arg args[] = { { (char *)"evacuate" },
                                  { (char *)"--to=host2" } };
    struct journal_line line = { .event = (char *)"begin", .args = args,
                                 .nr_args = 2, .deadline_s = 1767225600 };
    char err[XPC_ERR_LEN];

    assert_int_equal(journal_lock(j, err), 0);
    assert_int_equal(journal_begin(j, err), 0);
    assert_int_equal(journal_add(j, &line, err), 0);
}

static void torture_xl_evacuate_journal_survives_a_torn_line(void **state)
{
    struct journal j = JOURNAL_INIT;
    struct journal_line *lines;
    char err[XPC_ERR_LEN], **args;
    int argc;
    size_t nr;

    (void)state;
    begin(&j);
    add(&j, "start", 0, 0, 0);
    assert_int_equal(write(j.fd, "{\"event\":\"pi", 12), 12);
    journal_close(&j);

    assert_int_equal(journal_lock(&j, err), 0);
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    assert_int_equal(nr, 2);
    args = resume_arguments(lines, nr, &argc);
    assert_int_equal(argc, 2);
    assert_string_equal(args[1], "--to=host2");
    assert_null(args[2]);
    free(args);
    assert_int_equal(resume_deadline(lines, nr), 1767225600);
    journal_free(lines, nr);
    /* What is added now is a line of its own. */
    add(&j, "finish", 0, 0, 0);
    close(j.fd);
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    assert_int_equal(nr, 3);
    assert_null(resume_arguments(lines, nr, &argc));
    assert_int_equal(resume_deadline(lines, nr), 0);
    journal_free(lines, nr);
    journal_close(&j);
}

/* Half a line must not spoil the next one. */
static void torture_xl_evacuate_journal_on_a_full_disk(void **state)
{
    struct rlimit before, full;
    struct journal j = JOURNAL_INIT;
    struct journal_line line = { .event = (char *)"start", .uuid = UUID };
    struct journal_line *lines;
    char err[XPC_ERR_LEN];
    struct stat st;
    size_t nr;

    (void)state;
    begin(&j);
    assert_int_equal(fstat(j.fd, &st), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = before;
    full.rlim_cur = st.st_size + 20;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    assert_int_equal(journal_add(&j, &line, err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    add(&j, "end", 0, 0, MIGRATE_OK);
    close(j.fd);
    if (journal_resume(&j, &lines, &nr, err))
        fail_msg("%s", err);
    assert_int_equal(nr, 2);
    assert_string_equal(lines[1].event, "end");
    journal_free(lines, nr);
    journal_close(&j);
}

static void torture_xl_evacuate_journal_that_is_none(void **state)
{
    static const char *const bad[] = {
        "{}\n{\n", "x\n", "[]\n", "{\"event\":7}\n", "{\"pid\":-1}\n",
        "{\"event\":\"begin\",\"args\":[{}]}\n",
        "{\"event\":\"begin\",\"args\":[{\"text\":\"evacuate\"},"
        "{\"text\":null}]}\n",
    };
    struct journal_line *lines;
    char err[XPC_ERR_LEN];
    size_t nr;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct journal j = JOURNAL_INIT;

        assert_int_equal(journal_lock(&j, err), 0);
        assert_int_equal(journal_begin(&j, err), 0);
        assert_true(write(j.fd, bad[i], strlen(bad[i])) > 0);
        close(j.fd);
        assert_int_equal(journal_resume(&j, &lines, &nr, err), -1);
        assert_non_null(strstr(err, "move it away"));
        journal_free(lines, nr);
        journal_close(&j);
    }
}

static void torture_xl_evacuate_excludes_another(void **state)
{
    struct journal j = JOURNAL_INIT, other = JOURNAL_INIT;
    char err[XPC_ERR_LEN], expected[64];

    (void)state;
    assert_int_equal(journal_lock(&j, err), 0);
    assert_int_equal(journal_lock(&other, err), -1);
    snprintf(expected, sizeof(expected), "process %ld is evacuating this host",
             (long)getpid());
    assert_memory_equal(err, expected, strlen(expected));
    journal_close(&other);
    journal_close(&j);
    assert_int_equal(journal_lock(&j, err), 0);
    journal_close(&j);
}

static void torture_xl_evacuate_finds_what_runs(void **state)
{
    uint64_t start = migration_pid_start(getpid());
    struct evacuate_guest guest = { .name = (char *)"web1", .uuid = UUID };
    struct evacuate_domain there[] = { { (char *)"web1", 1 },
                                       { (char *)"web1--incoming", 300 } };
    struct evacuate_target target = { .host = "host2", .domains = there,
                                      .nr_domains = 2 };
    struct xpc_schedule_target schedule_target = { .free_bytes = 700 };
    struct xpc_move move = { .target = XPC_NO_TARGET, .not_on = 3 };
    struct evacuation e = {
        .guests = &guest, .targets = &target,
        .s = { .moves = &move, .nr_moves = 1, .targets = &schedule_target,
               .nr_targets = 1 },
    };
    struct journal j = JOURNAL_INIT;
    struct journal_line *lines;
    char err[XPC_ERR_LEN];
    size_t nr, moved;
    int status;

    (void)state;
    assert_true(start > 0);
    begin(&j);
    add(&j, "start", 0, 0, 0);
    add(&j, "pid", getpid(), start, 0);
    close(j.fd);
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    assert_int_equal(resume_count_running(lines, nr), 1);
    resume_take_over(&e, &j, lines, nr, &moved);
    assert_int_equal(move.state, XPC_MOVE_RUNS);
    assert_int_equal(move.target, 0);
    assert_int_equal(guest.m.pid, getpid());
    assert_false(guest.m.ours);
    /* What its copy has already is not needed once more. */
    assert_int_equal(schedule_target.free_bytes, 1000);
    assert_int_equal(move.not_on, 2);
    journal_free(lines, nr);

    /* One that had ended when its number was noted. */
    guest.m.pid_start = 0;
    guest.m.pid = 99999999;
    assert_true(migration_ended(&guest.m, &status));
    assert_int_equal(status, -1);

    /* A later process with the same number is another one. */
    migration_dispose(&guest.m);
    add(&j, "pid", getpid(), start + 1, 0);
    close(j.fd);
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    assert_int_equal(resume_count_running(lines, nr), 0);
    journal_free(lines, nr);

    add(&j, "end", 0, 0, MIGRATE_ABORTED);
    close(j.fd);
    move = (struct xpc_move){ .target = XPC_NO_TARGET };
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    resume_take_over(&e, &j, lines, nr, &moved);
    assert_int_equal(move.state, XPC_MOVE_WAITS);
    assert_int_equal(move.rank, EVACUATE_AGAIN);
    journal_free(lines, nr);
    journal_close(&j);
}

/* A line about one of several guests. */
static void add_of(struct journal *j, const char *event, int guest,
                   uint64_t pid, uint64_t status)
{
    static char uuid[37];
    struct journal_line line = {
        .event = (char *)event, .domain = (char *)"web1", .uuid = uuid,
        .target = (char *)"host2", .pid = pid,
        .pid_start = migration_pid_start(pid), .status = status,
    };
    char err[XPC_ERR_LEN];

    snprintf(uuid, sizeof(uuid), "%.35s%d", UUID, guest);
    assert_int_equal(journal_add(j, &line, err), 0);
}

/* Their migrations have ended while nobody looked. */
static void torture_xl_evacuate_settles_what_is_not_here(void **state)
{
    struct evacuate_target target = { .host = "host2" };
    struct xpc_schedule_target schedule_target = { 0 };
    struct evacuation e = {
        .targets = &target,
        .s = { .targets = &schedule_target, .nr_targets = 1 },
    };
    struct journal j = JOURNAL_INIT;
    struct journal_line *lines;
    char err[XPC_ERR_LEN], *report;
    size_t nr, moved = 0;

    (void)state;
    begin(&j);
    /* 1 has arrived, of 2 and 3 it is not known, 4 was ended here. */
    for (int i = 1; i <= 4; i++) {
        add_of(&j, "start", i, 0, 0);
        if (i != 2)
            add_of(&j, "pid", i, 99999999, 0);
    }
    report = xl_asprintf("%s/%.35s1.report", j.dir, UUID);
    append(report, "{\"version\":1,\"outcome\":\"migrated\"}");
    add_of(&j, "end", 3, 0, MIGRATE_UNKNOWN);
    add_of(&j, "end", 4, 0, MIGRATE_ABORTED);
    close(j.fd);
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    assert_int_equal(resume_settle(&e, &j, lines, nr, &moved, err), 0);
    assert_int_equal(moved, 1);
    assert_int_equal(e.s.nr_moves, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(e.guests[i].unknown);
        assert_int_equal(e.s.moves[i].state, XPC_MOVE_LEFT);
        assert_ptr_equal(e.s.moves[i].curve, &e.guests[i].curve);
        free(e.guests[i].name);
        free(e.guests[i].text);
    }
    free(e.guests);
    free(e.s.moves);
    journal_free(lines, nr);
    close(j.fd);

    /* The one that has arrived is noted as that. */
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    assert_string_equal(lines[nr - 1].event, "end");
    assert_int_equal(lines[nr - 1].status, MIGRATE_OK);
    assert_memory_equal(lines[nr - 1].uuid + 35, "1", 2);
    journal_free(lines, nr);
    journal_close(&j);
    free(report);
}

/* The guest's domain, as Xen has it. */
static libxl_dominfo switching;
static int looks;

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *nr_r)
{
    (void)ctx;
    *nr_r = 1;
    /* It is taken back in the end. */
    if (++looks == 3)
        switching.shutdown = false;
    return &switching;
}

void libxl_dominfo_list_free(libxl_dominfo *list, int nr)
{
    (void)list;
    (void)nr;
}

uint64_t clock_now_ns(void)
{
    return 1;
}

int clock_sleep_until(uint64_t until_ns)
{
    (void)until_ns;
    return 0;
}

static void torture_xl_evacuate_waits_for_a_switchover(void **state)
{
    struct journal j = JOURNAL_INIT;
    struct journal_line *lines;
    char err[XPC_ERR_LEN];
    size_t nr;

    (void)state;
    begin(&j);
    add(&j, "pid", getpid(), migration_pid_start(getpid()), 0);
    close(j.fd);
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    libxl_uuid_from_string(&switching.uuid, UUID);
    switching.shutdown = true;
    looks = 0;
    resume_wait(NULL, lines, nr);
    assert_int_equal(looks, 3);
    /* It runs here: it is just being copied. */
    resume_wait(NULL, lines, nr);
    assert_int_equal(looks, 4);
    journal_free(lines, nr);
    journal_close(&j);
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
    o.ssh_command = ssh = xl_asprintf("sh %s/ssh", dir);
    append(ssh + strlen("sh "),
           "if [ $3 = info ]; then printf 'x\\nfree_memory    : 124\\n'; exit; fi\n"
           "cat <<END\n"
           "Name                ID   Mem VCPUs      State   Time(s)\n"
           "Domain-0             0   512     1     r-----      25.0\n"
           "a b                  3  1100     1     -b----       1.0\n"
           "web1--incoming      14    96     1     --p---       0.0\n"
           "END\n");
    assert_int_equal(evacuate_ask_target(&e, 0, err), 0);
    assert_int_equal(schedule_target.free_bytes, 100 << 20);
    assert_int_equal(target.nr_domains, 3);
    assert_string_equal(target.domains[1].name, "a b");
    assert_int_equal(target.domains[1].memory_bytes, UINT64_C(1100) << 20);
    assert_string_equal(target.domains[2].name, "web1--incoming");
    assert_int_equal(target.domains[2].memory_bytes, 96 << 20);
    evacuate_free_domains(&target);
    free(ssh);
}

/* ---- migrations -------------------------------------------------------- */

static void torture_xl_evacuate_reads_progress(void **state)
{
    struct migration m = { .progress = xl_asprintf("%s/progress", dir) };

    (void)state;
    migration_read(&m, 1);          /* there is no file yet */
    append(m.progress, "{\"event\":\"sending\",\"iteration\":1,\"percent\":25,"
           "\"total-bytes\":5000000,\"elapsed-us\":1000000,"
           "\"suspended\":false}\n{\"event\":\"iter");
    migration_read(&m, 1);
    assert_int_equal(m.percent, 25);
    assert_true(m.bytes_per_s == 5e6);
    assert_int_equal(m.iteration, 0);
    assert_true(m.rate_bytes_per_s == 0);
    append(m.progress, "ation\",\"iteration\":1,\"pages\":1000,"
           "\"bytes\":4000000,\"duration-us\":500000,\"dirty-pages\":77,"
           "\"decision\":{\"predicted-downtime-us\":250000}}\n");
    migration_read(&m, 2);
    assert_int_equal(m.iteration, 2);
    assert_int_equal(m.dirty_pages, 77);
    assert_int_equal(m.predicted_ns, 250 * XPC_MS);
    assert_true(m.bytes_per_s == 8e6);
    assert_int_equal(m.iteration_ns, 2);
    append(m.progress, "{\"event\":\"sending\",\"iteration\":2,\"percent\":9,"
           "\"total-bytes\":19000000,\"elapsed-us\":3000000,"
           "\"suspended\":false}\n");
    migration_read(&m, 5 * XPC_S);
    assert_true(m.rate_bytes_per_s == 7e6);
    assert_int_equal(m.rate_from_ns, 3 * XPC_S);
    append(m.progress, "nonsense\n{\"event\":\"sending\",\"iteration\":2,"
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
    assert_true(migration_pid_start(pid) >= migration_pid_start(getpid()));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(migration_pid_start(pid), 0);
}

static void torture_xl_evacuate_finds_the_message(void **state)
{
    struct migration m = { .log = xl_asprintf("%s/log", dir) };
    char *text;

    (void)state;
    append(m.log, "xl migrate: switchover overhead learned\n"
           "xl migrate: can't be reached\nMigration of g1: failed\n");
    text = migration_message(&m);
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
    /* Alone, and without one: it is all that a single one can send. */
    two[1].alone = true;
    two[1].m.cap_bytes_per_s = 0;
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

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_evacuate_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(options),
        T(bad_options),
        T(journal_survives_a_torn_line),
        T(journal_on_a_full_disk),
        T(journal_that_is_none),
        T(excludes_another),
        T(finds_what_runs),
        T(settles_what_is_not_here),
        T(waits_for_a_switchover),
        T(asks_a_target),
        T(reads_progress),
        T(tells_processes_apart),
        T(finds_the_message),
        T(keeps_the_lower_cap),
        T(link_is_faster_than_stated),
        T(link_from_a_report),
    };

    return torture_run(argc, argv, tests);
}
