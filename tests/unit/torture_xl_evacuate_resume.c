/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl evacuate --resume: the journal, and what it says of the guests. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/process.h"
#include "evacuate/xl_evacuate_journal.h"
#include "evacuate/xl_evacuate_migration.h"
#include "evacuate/xl_evacuate_resume.h"
#include "migrate/xl_migrate_options.h"
#include "support/few_files.h"
#include "support/temp_dir.h"
#include "support/torture.h"

#define UUID "6a1f0c5e-3c1b-4f0e-9d52-0f6a2b1c7d3e"

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

static void torture_xl_evacuate_resume_survives_a_torn_line(void **state)
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
static void torture_xl_evacuate_resume_journal_on_a_full_disk(void **state)
{
    struct journal j = JOURNAL_INIT;
    struct journal_line line = { .event = (char *)"start", .uuid = UUID };
    struct journal_line *lines;
    char err[XPC_ERR_LEN];
    size_t nr;

    (void)state;
    begin(&j);
    fill_disk(j.fd, 20);
    assert_int_equal(journal_add(&j, &line, err), -1);
    empty_disk();
    add(&j, "end", 0, 0, MIGRATE_OK);
    close(j.fd);
    if (journal_resume(&j, &lines, &nr, err))
        fail_msg("%s", err);
    assert_int_equal(nr, 2);
    assert_string_equal(lines[1].event, "end");
    journal_free(lines, nr);
    journal_close(&j);
}

static void torture_xl_evacuate_resume_journal_that_is_none(void **state)
{
    static const char *const bad[] = {
        "{}\n{\n", "x\n", "[]\n", "{\"event\":7}\n", "{\"pid\":-1}\n",
        "{\"event\":\"begin\",\"args\":[{}]}\n",
        "{\"event\":\"begin\",\"args\":[{\"text\":\"x\"},{\"text\":null}]}\n",
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

static void torture_xl_evacuate_resume_excludes_another(void **state)
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

static void torture_xl_evacuate_resume_finds_what_runs(void **state)
{
    uint64_t start = process_start(getpid());
    struct evacuate_guest guest = { .name = (char *)"web1", .uuid = UUID };
    struct evacuate_domain there[] = { { (char *)"web1", 1, 7, "" },
                                       { (char *)"web1--incoming", 300, 8,
                                         "" } };
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
    /* It is told again how much it may send. */
    assert_true(guest.m.cap_bytes_per_s == MIGRATION_CAP_UNKNOWN);
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

/* Without a descriptor for /proc, a migration is not known to have ended. */
static void torture_xl_evacuate_resume_does_not_know_without_proc(void **state)
{
    uint64_t start = process_start(getpid());
    struct migration m = { .pid = getpid(), .pid_start = start };
    struct journal j = JOURNAL_INIT;
    struct journal_line *lines;
    char err[XPC_ERR_LEN];
    size_t nr, running;
    int status;
    bool ended;

    (void)state;
    begin(&j);
    add(&j, "pid", getpid(), start, 0);
    close(j.fd);
    assert_int_equal(journal_resume(&j, &lines, &nr, err), 0);
    few_files(0);
    running = resume_count_running(lines, nr);
    ended = migration_ended(&m, &status);
    /* Nor does a signal go to what may be another process. */
    m.pid_start = 0;
    migration_break(&m);
    few_files_end();
    assert_int_equal(running, 1);
    assert_false(ended);
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
        .pid_start = process_start(pid), .status = status,
    };
    char err[XPC_ERR_LEN];

    snprintf(uuid, sizeof(uuid), "%.35s%d", UUID, guest);
    assert_int_equal(journal_add(j, &line, err), 0);
}

/* Their migrations have ended while nobody looked. */
static void torture_xl_evacuate_resume_settles_what_is_not_here(void **state)
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
    append_file(report, "{\"version\":1,\"outcome\":\"migrated\"}");
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

static void torture_xl_evacuate_resume_waits_for_a_switchover(void **state)
{
    struct journal j = JOURNAL_INIT;
    struct journal_line *lines;
    char err[XPC_ERR_LEN];
    size_t nr;

    (void)state;
    begin(&j);
    add(&j, "pid", getpid(), process_start(getpid()), 0);
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

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_evacuate_resume_##name, \
                                    temp_dir_setup, temp_dir_teardown)
    const struct CMUnitTest tests[] = {
        T(survives_a_torn_line),
        T(journal_on_a_full_disk),
        T(journal_that_is_none),
        T(excludes_another),
        T(finds_what_runs),
        T(does_not_know_without_proc),
        T(settles_what_is_not_here),
        T(waits_for_a_switchover),
    };

    return torture_run(argc, argv, tests);
}
