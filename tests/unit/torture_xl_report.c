/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report's file and text, and what is held back of libxl's log.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/migration.h"
#include "migrate/xl_downtime.h"
#include "migrate/xl_logger.h"
#include "migrate/xl_report.h"
#include "migrate/xl_report_file.h"
#include "support/torture.h"

static char dir[64], path[128];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/torture_xl_report.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/report", dir);
    return 0;
}

/* How many files are in the folder; removes them. */
static int sweep(void)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int n = 0;

    assert_non_null(d);
    while ((e = readdir(d))) {
        if (*e->d_name != '.')
            n += !unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return n;
}

static int teardown(void **state)
{
    (void)state;
    sweep();
    rmdir(dir);
    return 0;
}

static void slurp(const char *name, char *buf, size_t len)
{
    FILE *f = fopen(name, "r");

    assert_non_null(f);
    buf[fread(buf, 1, len - 1, f)] = 0;
    fclose(f);
}

static void a_report(struct xpc_report *r)
{
    xpc_report_init(r);
    r->outcome = XPC_OUTCOME_MIGRATED;
    r->text = strdup("suspending: fits");
    r->suspended_ns = 1000000000;
    r->suspend_asked_ns = 995000000;
    r->final_bitmap_ns = 1001000000;
    r->pages_sent_ns = 1090000000;
    r->state_sent_ns = 1100000000;
    r->stream_end_ns = 1101000000;
    r->target_ready_ns = 1180000000;
    r->go_ns = 1180500000;
    r->target_started_ns = 1225000000;
    r->final_pages = 128;
    r->final_bytes = (512 << 10) + 32768;
    r->device_bytes = 32768;
    r->predicted_downtime_ns = 250000000;
    r->actual_downtime_ns = 225000000;
    r->total_bytes = 1 << 20;
    r->total_time_ns = 2000000000;
    r->iterations = calloc(1, sizeof(*r->iterations));
    r->nr_iterations = 1;
    r->iterations[0] = (struct xpc_iteration){
        .number = 1, .pages = 32784, .bytes = 134283264,
        .duration_ns = 1000000000, .dirty_pages = 77,
    };
}

static void torture_xl_report_replaces_the_file_whole(void **state)
{
    struct report_file rf;
    struct xpc_report r, back;
    char err[XPC_ERR_LEN], buf[8192];
    struct stat st;
    FILE *old = fopen(path, "w");

    (void)state;
    fputs("what was there", old);
    fclose(old);
    assert_int_equal(report_file_open(&rf, path, err), 0);
    /* Nothing is lost until the new one is complete. */
    slurp(path, buf, sizeof(buf));
    assert_string_equal(buf, "what was there");
    a_report(&r);
    assert_int_equal(report_file_close(&rf, &r), 0);
    slurp(path, buf, sizeof(buf));
    xpc_report_init(&back);
    assert_int_equal(xpc_from_json(&xpc_report_type, &back, buf, strlen(buf),
                                   err), 0);
    assert_int_equal(back.actual_downtime_ns, 225000000);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0400, 0400);
    assert_int_equal(sweep(), 1);
    xpc_report_dispose(&r);
    xpc_report_dispose(&back);
}

static void write_report(const char *name)
{
    struct report_file rf;
    struct xpc_report r;
    char err[XPC_ERR_LEN];

    assert_int_equal(report_file_open(&rf, name, err), 0);
    a_report(&r);
    assert_int_equal(report_file_close(&rf, &r), 0);
    xpc_report_dispose(&r);
}

static void assert_is_report(const char *name)
{
    char buf[8192];

    slurp(name, buf, sizeof(buf));
    assert_int_equal(*buf, '{');
    assert_non_null(strstr(buf, "\"migrated\""));
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void torture_xl_report_keeps_a_files_mode_and_owner(void **state)
{
    bool root = !geteuid();
    struct stat st;

    (void)state;
    put(path, "old");
    assert_int_equal(chmod(path, 0640), 0);
    if (root)
        assert_int_equal(chown(path, 12, 34), 0);
    write_report(path);
    assert_is_report(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    if (root) {
        assert_int_equal(st.st_uid, 12);
        assert_int_equal(st.st_gid, 34);
    }
    assert_int_equal(sweep(), 1);
}

/* Relative, and two of them; it is the last one's file that is replaced. */
static void torture_xl_report_goes_where_links_lead(void **state)
{
    char first[128], second[128], buf[64];
    struct stat st;

    (void)state;
    snprintf(first, sizeof(first), "%s/first", dir);
    snprintf(second, sizeof(second), "%s/second", dir);
    assert_int_equal(symlink("second", first), 0);
    assert_int_equal(symlink(path, second), 0);
    /* What does not exist yet is made there. */
    write_report(first);
    assert_is_report(path);
    put(path, "old");
    write_report(first);
    assert_is_report(path);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(readlink(first, buf, sizeof(buf)), 6);
    assert_true(readlink(second, buf, sizeof(buf)) > 0);
    assert_int_equal(sweep(), 3);
}

static void torture_xl_report_of_links_in_a_circle_is_an_error(void **state)
{
    struct report_file rf;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(symlink("report", path), 0);
    assert_int_equal(report_file_open(&rf, path, err), -1);
    assert_non_null(strstr(err, "symbolic links"));
}

/* A hard link is another name for the same. */
static void torture_xl_report_shows_under_all_names(void **state)
{
    char other[128];

    (void)state;
    snprintf(other, sizeof(other), "%s/other", dir);
    put(path, "a text that was longer than the report will be, perhaps");
    assert_int_equal(link(path, other), 0);
    write_report(path);
    assert_is_report(path);
    assert_is_report(other);
    assert_int_equal(sweep(), 2);
}

/*
 * Runs in a child with its standard output to the file at path, by a shell's
 * redirection: what was written there before stays.
 */
static void report_to(const char *name)
{
    struct stat st;
    char buf[8192];
    pid_t pid;
    int status;

    put(path, "");
    pid = fork();
    if (!pid) {
        assert_non_null(freopen(path, "a", stdout));
        assert_true(dup2(STDOUT_FILENO, 9) == 9);
        fputs("before\n", stdout);
        write_report(name);
        fputs("after\n", stdout);
        fflush(stdout);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    slurp(path, buf, sizeof(buf));
    assert_memory_equal(buf, "before\n{", 8);
    assert_non_null(strstr(buf, "}\nafter\n"));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(sweep(), 1);
}

/* In a folder of its own: the test must not harm the machine's /dev. */
static void torture_xl_report_goes_to_descriptors(void **state)
{
    struct stat before, after;
    char link[128];

    (void)state;
    assert_int_equal(lstat("/dev/stdout", &before), 0);
    report_to("/proc/self/fd/1");
    report_to("/dev/fd/9");
    report_to("/dev/stdout");
    assert_int_equal(lstat("/dev/stdout", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    /* By a link of the user's, as in a container's image. */
    snprintf(link, sizeof(link), "%s.link", dir);
    assert_int_equal(symlink("/dev/stdout", link), 0);
    report_to(link);
    assert_int_equal(unlink(link), 0);
}

static void torture_xl_report_to_a_closed_descriptor_is_an_error(void **state)
{
    struct report_file rf;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(report_file_open(&rf, "/proc/self/fd/77", err), -1);
    assert_non_null(strstr(err, "can't be written"));
}

static void torture_xl_report_goes_into_a_fifo(void **state)
{
    char buf[8192];
    struct stat st;
    int fd;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    write_report(path);
    assert_true(read(fd, buf, sizeof(buf)) > 0);
    assert_int_equal(*buf, '{');
    close(fd);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(sweep(), 1);
}

static void torture_xl_report_forgotten_leaves_nothing(void **state)
{
    struct report_file rf;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(report_file_open(&rf, path, err), 0);
    assert_int_equal(report_file_close(&rf, NULL), 0);
    assert_int_equal(report_file_close(&rf, NULL), 0);
    assert_int_equal(sweep(), 0);
    assert_int_equal(report_file_open(&rf, NULL, err), 0);
    assert_int_equal(report_file_close(&rf, NULL), 0);
}

static void torture_xl_report_unwritable_is_said_before(void **state)
{
    static const char *const bad[] = { "/nowhere/at/all", "/", "/tmp/" };
    struct report_file rf;
    char err[XPC_ERR_LEN];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(report_file_open(&rf, bad[i], err), -1);
        assert_non_null(strstr(err, bad[i]));
        assert_int_equal(report_file_close(&rf, NULL), 0);
    }
}

static void torture_xl_report_devices_are_written_in_place(void **state)
{
    struct report_file rf;
    struct xpc_report r;
    char err[XPC_ERR_LEN];
    struct stat st;

    (void)state;
    a_report(&r);
    assert_int_equal(report_file_open(&rf, "/dev/null", err), 0);
    assert_int_equal(report_file_close(&rf, &r), 0);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    /* A full disk is no success. */
    assert_int_equal(report_file_open(&rf, "/dev/full", err), 0);
    assert_int_equal(report_file_close(&rf, &r), -1);
    xpc_report_dispose(&r);
}

/* The report as it is printed for people. */
static void text_of_report(char *buf, size_t len, const struct xpc_report *r)
{
    FILE *f = fopen(path, "w+");

    report_print(f, "g1", r);
    fclose(f);
    slurp(path, buf, len);
}

static void torture_xl_report_shows_predicted_beside_actual(void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    a_report(&r);
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "Migration of g1: migrated\n"));
    assert_non_null(strstr(buf, "suspending: fits\n"));
    assert_non_null(strstr(buf, "predicted 250 ms, actual 225 ms"));
    assert_non_null(strstr(buf, "32784"));
    assert_non_null(strstr(buf, "stop-and-copy"));
    xpc_report_dispose(&r);
}

/* It does not run here, so that is not to be said. */
static void torture_xl_report_says_that_the_guest_stays_paused(void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    a_report(&r);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.decision.reason = XPC_REASON_PAUSED;
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "g1: aborted, the guest stays paused here\n"));
    assert_null(strstr(buf, "runs here"));
    xpc_report_dispose(&r);
}

static void torture_xl_report_counts_zero_pages(void **state)
{
    struct xpc_report r;
    char buf[4096];
    FILE *f = fopen(path, "w+");

    (void)state;
    a_report(&r);
    r.total_pages_sent = 4321;
    r.total_zero_pages = 28463;
    r.zero_pages_in_full = 1000;
    report_print(f, "g1", &r);
    fclose(f);
    slurp(path, buf, sizeof(buf));
    assert_non_null(strstr(buf, "4321 normal, 28463 duplicate (all zero"));
    assert_non_null(strstr(buf, "zero pages: 1000, 3.91 MiB, were sent in full"));
    xpc_report_dispose(&r);
}

/* The part at a column's middle: 225 ms on 60 columns, 3.75 ms each. */
static void torture_xl_report_says_where_the_downtime_went(void **state)
{
    struct xpc_report r;
    char buf[4096];
    const char *bar;
    FILE *f = fopen(path, "w+");

    (void)state;
    a_report(&r);
    downtime_print(f, &r);
    fclose(f);
    slurp(path, buf, sizeof(buf));
    bar = strchr(buf, '[');
    assert_non_null(bar);
    assert_int_equal(strcspn(bar + 1, "]"), 60);
    assert_int_equal(strspn(bar + 1, "p"), 24);
    assert_int_equal(strspn(bar + 25, "s"), 3);
    assert_int_equal(strspn(bar + 28, "r"), 21);
    assert_int_equal(strspn(bar + 49, "t"), 12);
    assert_non_null(strstr(buf, "p pages 89.0 ms (512 KiB)"));
    assert_non_null(strstr(buf, "s state 10.0 ms (32.0 KiB)"));
    assert_non_null(strstr(buf, "r restore 79.0 ms"));
    assert_non_null(strstr(buf, "t start 44.5 ms"));
    assert_non_null(strstr(buf, "took 5.00 ms to suspend"));
    xpc_report_dispose(&r);
}

static void torture_xl_report_says_how_long_an_abort_stood_still(void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    a_report(&r);
    r.outcome = XPC_OUTCOME_FAILED;
    r.target_ready_ns = r.go_ns = r.target_started_ns = 0;
    r.resumed_ns = 1300000000;
    r.actual_downtime_ns = 300000000;
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "stood still for 300 ms and runs here"));
    assert_non_null(strstr(buf, "x taken back 199 ms"));
    assert_null(strstr(buf, "restore"));
    xpc_report_dispose(&r);
}

/* Broken off in the middle: it has no time, and so no rate. */
static void torture_xl_report_gives_a_broken_stop_no_rate(void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    a_report(&r);
    r.outcome = XPC_OUTCOME_FAILED;
    r.pages_sent_ns = r.state_sent_ns = r.stream_end_ns = 0;
    r.target_ready_ns = r.go_ns = r.target_started_ns = 0;
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "  stop-and-copy       128    544 KiB"
                           "         -            -\n"));
    xpc_report_dispose(&r);
}

/* The text of the report with these bandwidths, in bytes per second. */
static uint64_t cap;

static void text_with(char *buf, size_t len, uint64_t stated, uint64_t measured)
{
    struct xpc_report r;

    a_report(&r);
    r.params.bandwidth_bytes_per_s = stated;
    r.params.max_bytes_per_s = cap;
    r.decision.measured_bytes_per_s = measured;
    text_of_report(buf, len, &r);
    xpc_report_dispose(&r);
}

static void torture_xl_report_tells_of_a_bandwidth_stated_wrong(void **state)
{
    char buf[4096];

    (void)state;
    text_with(buf, sizeof(buf), 1250000000, 500000000);
    assert_non_null(strstr(buf, "bandwidth: 10.0 Gbit/s was stated, the link "
                           "gave 4.00 Gbit/s"));
    text_with(buf, sizeof(buf), 12500000, 125000000);
    assert_non_null(strstr(buf, "bandwidth: 100 Mbit/s was stated"));
    /* Near enough, none stated, none measured. */
    text_with(buf, sizeof(buf), 1250000000, 1010000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 1250000000, 1550000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 0, 1250000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 1250000000, 0);
    assert_null(strstr(buf, "bandwidth:"));
    /* It was the cap, not the link; and it was not the cap. */
    cap = 500000000;
    text_with(buf, sizeof(buf), 1250000000, 495000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 1250000000, 300000000);
    assert_non_null(strstr(buf, "the link gave 2.40 Gbit/s"));
    cap = 0;
}

/* Runs a log through the logger and returns what comes out on stderr. */
static void log_through(char *out, size_t len, bool interrupted, bool show)
{
    struct progress p = { .mode = PROGRESS_NONE };
    struct migrate_logger *l;
    xentoollog_logger *xtl;
    int saved = dup(STDERR_FILENO);

    fflush(stderr);
    assert_non_null(freopen(path, "w", stderr));
    l = migrate_logger_open(&p);
    xtl = migrate_logger_xtl(l);
    if (interrupted)
        migrate_logger_hold(l);
    xtl_log(xtl, XTL_ERROR, -1, "libxl", "one %s", "error");
    xtl_log(xtl, XTL_DEBUG, -1, "libxl", "a detail");
    xtl_log(xtl, XTL_ERROR, 125, "libxl", "saving domain: domain did not "
            "respond to suspend request");
    xtl_log(xtl, XTL_ERROR, -1, "xc", "precopy: aborted: no hope");
    xtl_log(xtl, XTL_ERROR, -1, "xc", "precopy: other parameters were "
            "refused, the old ones stay in force: because");
    xtl_progress(xtl, "xc", "Frames iteration 1", 5, 10);
    migrate_logger_forget(l, "nothing like it");
    migrate_logger_release(l, show);
    xtl_log(xtl, XTL_ERROR, -1, "libxl", "last");
    migrate_logger_close(l);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(p.iteration, 2);
    assert_int_equal(p.done, 5);
    slurp(path, out, len);
}

static void torture_xl_report_false_line_is_held_back(void **state)
{
    char out[4096];

    (void)state;
    log_through(out, sizeof(out), false, false);
    assert_non_null(strstr(out, "one error"));
    assert_non_null(strstr(out, "last"));
    assert_null(strstr(out, "did not respond"));
    assert_null(strstr(out, "a detail"));
    /* xl tells the end itself, but not a refusal on the way. */
    assert_null(strstr(out, "no hope"));
    assert_non_null(strstr(out, "refused, the old ones stay"));
    log_through(out, sizeof(out), false, true);
    assert_non_null(strstr(out, "did not respond"));
    assert_true(strstr(out, "one error") < strstr(out, "did not respond"));
}

static void torture_xl_report_held_lines_can_be_forgotten(void **state)
{
    struct progress p = { .mode = PROGRESS_NONE };
    struct migrate_logger *l = migrate_logger_open(&p);
    xentoollog_logger *xtl = migrate_logger_xtl(l);

    (void)state;
    migrate_logger_hold(l);
    assert_null(migrate_logger_last(l));
    xtl_log(xtl, XTL_ERROR, 2, "libxl", "libxl.c:1:open: can't open it");
    xtl_log(xtl, XTL_ERROR, -1, "libxl", "it did not respond");
    assert_string_equal(migrate_logger_last(l), "it did not respond");
    migrate_logger_forget(l, "did not respond");
    assert_string_equal(migrate_logger_last(l),
                        "can't open it: No such file or directory");
    migrate_logger_release(l, false);
    assert_null(migrate_logger_last(l));
    migrate_logger_close(l);
}

static void torture_xl_report_an_interruptions_errors_are_held(void **state)
{
    char out[4096];

    (void)state;
    log_through(out, sizeof(out), true, false);
    assert_null(strstr(out, "one error"));
    assert_non_null(strstr(out, "last"));
    log_through(out, sizeof(out), true, true);
    assert_non_null(strstr(out, "one error"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_report_replaces_the_file_whole),
        TEST(torture_xl_report_keeps_a_files_mode_and_owner),
        TEST(torture_xl_report_goes_where_links_lead),
        TEST(torture_xl_report_of_links_in_a_circle_is_an_error),
        TEST(torture_xl_report_shows_under_all_names),
        TEST(torture_xl_report_goes_to_descriptors),
        TEST(torture_xl_report_to_a_closed_descriptor_is_an_error),
        TEST(torture_xl_report_goes_into_a_fifo),
        TEST(torture_xl_report_forgotten_leaves_nothing),
        TEST(torture_xl_report_unwritable_is_said_before),
        TEST(torture_xl_report_devices_are_written_in_place),
        TEST(torture_xl_report_shows_predicted_beside_actual),
        TEST(torture_xl_report_says_that_the_guest_stays_paused),
        TEST(torture_xl_report_counts_zero_pages),
        TEST(torture_xl_report_says_where_the_downtime_went),
        TEST(torture_xl_report_says_how_long_an_abort_stood_still),
        TEST(torture_xl_report_gives_a_broken_stop_no_rate),
        TEST(torture_xl_report_tells_of_a_bandwidth_stated_wrong),
        TEST(torture_xl_report_false_line_is_held_back),
        TEST(torture_xl_report_held_lines_can_be_forgotten),
        TEST(torture_xl_report_an_interruptions_errors_are_held),
    };

    return torture_run(argc, argv, tests);
}
