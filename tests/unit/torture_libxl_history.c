/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of the history: names, damage, and concurrent writers.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "libxl_precopy_history.h"
#include "support/torture.h"

static char top[64], dir[96];
static char err[LIBXL_PRECOPY_ERR_LEN];

static int setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/torture_libxl_history.XXXXXX");
    assert_non_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/new/history", top);
    strcpy(err, "nothing was said");
    unsetenv(LIBXL_PRECOPY_HISTORY_ENV);
    return 0;
}

static int teardown(void **state)
{
    char command[192];

    (void)state;
    snprintf(command, sizeof(command), "chmod -R u+w %s; rm -r %s", top, top);
    return system(command);
}

static int add(const char *target, const char *domain)
{
    struct xpc_report r;

    xpc_report_init(&r);
    r.outcome = XPC_OUTCOME_MIGRATED;
    r.decision.bandwidth_bytes_per_s = 1 << 30;
    r.predicted_downtime_ns = r.actual_downtime_ns = 80 * XPC_MS;
    return libxl_precopy_history_add(dir, target, &r, 1700000000, domain,
                                     err);
}

/* The number of migrations in the history; -1: there is none. */
static int known(const char *target)
{
    libxl_precopy_history h;
    int rc, n;

    libxl_precopy_history_init(&h);
    rc = libxl_precopy_history_read(dir, target, &h, err);
    if (rc && rc != ERROR_NOTFOUND)
        fail_msg("%s: %s", target, err);
    assert_string_equal(err, "");
    n = rc ? -1 : (int)h.nr_entries;
    libxl_precopy_history_dispose(&h);
    return n;
}

/* The names in the directory that start like a history's. */
static int files(char names[][256], int room)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int n = 0;

    assert_non_null(d);
    while ((e = readdir(d))) {
        if (*e->d_name == '.')
            continue;
        assert_true(n < room);
        strcpy(names[n++], e->d_name);
    }
    closedir(d);
    return n;
}

static void torture_libxl_history_is_empty_at_first(void **state)
{
    libxl_precopy_history *list;
    size_t nr = 7;

    (void)state;
    assert_int_equal(known("host2"), -1);
    assert_int_equal(libxl_precopy_history_list(dir, &list, &nr, err), 0);
    assert_int_equal(nr, 0);
    libxl_precopy_history_list_free(list, nr);
    /* Reading does not create the directory. */
    assert_int_equal(access(dir, F_OK), -1);
}

static void torture_libxl_history_has_one_file_per_target(void **state)
{
    libxl_precopy_history *list;
    struct stat st;
    size_t nr;

    (void)state;
    assert_int_equal(add("host3", "g1"), 0);
    assert_int_equal(add("host2", "g1"), 0);
    assert_int_equal(add("host2", "g2"), 0);
    assert_string_equal(err, "");
    assert_int_equal(known("host2"), 2);
    assert_int_equal(known("host3"), 1);
    assert_int_equal(libxl_precopy_history_list(dir, &list, &nr, err), 0);
    assert_string_equal(err, "");
    assert_int_equal(nr, 2);
    assert_string_equal(list[0].target, "host2");
    assert_string_equal(list[0].entries[1].domain, "g2");
    assert_string_equal(list[1].target, "host3");
    libxl_precopy_history_list_free(list, nr);
    /* Only root may read the names of domains. */
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
}

static uint64_t stock_since(const char *target)
{
    libxl_precopy_history h;
    uint64_t stock;

    libxl_precopy_history_init(&h);
    assert_int_equal(libxl_precopy_history_read(dir, target, &h, err), 0);
    stock = h.stock_s;
    libxl_precopy_history_dispose(&h);
    return stock;
}

static void torture_libxl_history_keeps_the_kind_of_receiver(void **state)
{
    (void)state;
    assert_int_equal(libxl_precopy_history_receiver(dir, "host2", 1700000000,
                                                    err), 0);
    assert_string_equal(err, "");
    assert_int_equal(known("host2"), 0);
    assert_int_equal(add("root@Host2", "g1"), 0);
    assert_int_equal(known("host2"), 1);
    assert_int_equal(stock_since("host2"), 1700000000);
    assert_int_equal(libxl_precopy_history_receiver(dir, "host2", 0, err), 0);
    assert_int_equal(stock_since("host2"), 0);
    assert_int_equal(known("host2"), 1);
    /* That the receiver is ours is not kept. */
    assert_int_equal(libxl_precopy_history_receiver(dir, "host3", 0, err), 0);
    assert_int_equal(known("host3"), -1);
}

static void torture_libxl_history_keeps_the_pace_of_evacuations(void **state)
{
    libxl_precopy_history h;

    (void)state;
    assert_int_equal(libxl_precopy_history_evacuated(dir, "host2", 1.5,
                                                     1700000000, err), 0);
    assert_string_equal(err, "");
    assert_int_equal(add("host2", "g1"), 0);
    assert_int_equal(libxl_precopy_history_evacuated(dir, "root@Host2", 1.3,
                                                     1700000060, err), 0);
    libxl_precopy_history_init(&h);
    assert_int_equal(libxl_precopy_history_read(dir, "host2", &h, err), 0);
    assert_int_equal(h.nr_entries, 1);
    assert_int_equal(h.pace_percent, 140);
    assert_int_equal(h.pace_s, 1700000060);
    libxl_precopy_history_dispose(&h);
}

static void torture_libxl_history_recognises_a_target(void **state)
{
    (void)state;
    assert_int_equal(add("root@Host2.Example.ORG", "g1"), 0);
    assert_int_equal(known("host2.example.org"), 1);
    assert_int_equal(known("admin@HOST2.example.org"), 1);
    assert_int_equal(known("host2"), -1);
    /* In a command, what is before an @ may be significant. */
    assert_int_equal(add("ssh a@host4 xl migrate-receive", "g1"), 0);
    assert_int_equal(known("ssh b@host4 xl migrate-receive"), -1);
    assert_int_equal(known("host4 xl migrate-receive"), -1);
    assert_int_equal(known("ssh a@host4 xl migrate-receive"), 1);
}

static void torture_libxl_history_names_stay_in_the_directory(void **state)
{
    static const char *const odd[] = {
        "../../etc/passwd", "..", ".", "", "/", "a/b", ".hidden", "a..b",
        "%41", "a%41", "a", "A b", "host\n\x1b[31m", "b\xc3\xbcro", "x@",
        "socat -b 65536 - TCP:10.9.0.2:4444", "[fe80::1%eth0]",
    };
    const int nr = sizeof(odd) / sizeof(odd[0]);
    char names[64][256], above[256];
    DIR *d;

    (void)state;
    for (int i = 0; i < nr; i++)
        assert_int_equal(add(odd[i], "g1"), 0);
    /* Each has a file of its own. */
    for (int i = 0; i < nr; i++)
        assert_int_equal(known(odd[i]), 1);
    assert_int_equal(files(names, 64), nr);
    for (int i = 0; i < nr; i++) {
        assert_null(strstr(names[i], ".."));
        assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz"
                                "0123456789-_.%"), strlen(names[i]));
    }
    snprintf(above, sizeof(above), "%s/new", top);
    d = opendir(above);
    for (struct dirent *e; (e = readdir(d));)
        assert_true(*e->d_name == '.' || !strcmp(e->d_name, "history"));
    closedir(d);
}

static void torture_libxl_history_names_are_bounded(void **state)
{
    char long1[3000], long2[3000];

    (void)state;
    memset(long1, '!', sizeof(long1) - 1);
    long1[sizeof(long1) - 1] = 0;
    strcpy(long2, long1);
    long2[sizeof(long2) - 2] = '?';
    assert_int_equal(add(long1, "g1"), 0);
    assert_int_equal(known(long1), 1);
    assert_int_equal(known(long2), -1);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void torture_libxl_history_damaged_files_are_set_aside(void **state)
{
    static const char *const bad[] = {
        "", "{", "{\"version\": 9, \"target\": \"host2\", \"migrations\": []}",
    };
    libxl_precopy_history h, *list;
    char path[256], names[4][256];
    struct stat st;
    size_t nr;

    (void)state;
    snprintf(path, sizeof(path), "%s/host2.json.bad", dir);
    assert_int_equal(add("host3", "g1"), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file("host2.json", bad[i]);
        unlink(path);
        /* Reading changes nothing. */
        libxl_precopy_history_init(&h);
        assert_int_equal(libxl_precopy_history_read(dir, "host2", &h, err),
                         ERROR_INVAL);
        assert_non_null(strstr(err, "host2.json: migration history: "));
        assert_null(strchr(err, '\n'));
        assert_int_equal(libxl_precopy_history_list(dir, &list, &nr, err),
                         0);
        assert_non_null(strstr(err, "host2.json: "));
        assert_int_equal(nr, 1);
        libxl_precopy_history_list_free(list, nr);
        assert_int_equal(access(path, F_OK), -1);

        assert_int_equal(add("host2", "g1"), 0);
        assert_non_null(strstr(err, "begun anew, the old one ends in .bad"));
        assert_null(strchr(err, '\n'));
        assert_int_equal(known("host2"), 1);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, strlen(bad[i]));
        assert_int_equal(files(names, 4), 3);
    }
}

static void torture_libxl_history_does_not_block_on_special_files(
    void **state)
{
    char path[256];

    (void)state;
    assert_int_equal(add("host3", "g1"), 0);
    snprintf(path, sizeof(path), "%s/host2.json", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(add("host2", "g1"), 0);
    assert_non_null(strstr(err, "not a file"));
    assert_int_equal(known("host2"), 1);
}

static void torture_libxl_history_unwritable_is_reported_in_one_line(
    void **state)
{
    char file[256];
    int fd;

    (void)state;
    /* A file in place of the directory, as root may write to any directory. */
    snprintf(file, sizeof(file), "%s/new", top);
    fd = open(file, O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(known("host2"), -1);
    assert_int_equal(add("host2", "g1"), ERROR_FAIL);
    assert_non_null(strstr(err, "/new/history: can't be made: Not a dir"));
    assert_null(strchr(err, '\n'));
}

static void torture_libxl_history_directory_is_from_the_environment(
    void **state)
{
    libxl_precopy_history h;
    char other[128];
    struct xpc_report r;

    (void)state;
    snprintf(other, sizeof(other), "%s/env", top);
    setenv(LIBXL_PRECOPY_HISTORY_ENV, other, 1);
    xpc_report_init(&r);
    assert_int_equal(libxl_precopy_history_add(NULL, "h", &r, 1, NULL, err),
                     0);
    /* The caller's directory has precedence. */
    assert_int_equal(known("h"), -1);
    libxl_precopy_history_init(&h);
    assert_int_equal(libxl_precopy_history_read(other, "h", &h, err), 0);
    libxl_precopy_history_dispose(&h);
    assert_int_equal(libxl_precopy_history_read(NULL, "h", &h, err), 0);
    libxl_precopy_history_dispose(&h);
}

/* ---- concurrent writers ----------------------------------------------- */

#define WRITERS 8
#define EACH 8                      /* all of them: XPC_HISTORY_MAX */

static void write_some(int writer)
{
    char name[32];
    int i, bad = 0;

    for (i = 0; i < EACH; i++) {
        snprintf(name, sizeof(name), "g%d-%d", writer, i);
        bad |= add("host2", name);
        snprintf(name, sizeof(name), "host-%d", writer);
        bad |= add(name, "g1");
    }
    _exit(bad ? 1 : 0);
}

static void torture_libxl_history_writers_lose_nothing(void **state)
{
    libxl_precopy_history h;
    bool seen[WRITERS][EACH] = { { false } };
    int w, i, status;
    char name[32];

    (void)state;
    for (w = 0; w < WRITERS; w++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (!pid)
            write_some(w);
    }
    for (w = 0; w < WRITERS; w++) {
        /* Meanwhile a reader sees a complete file, or none. */
        assert_in_range(known("host2") + 1, 0, XPC_HISTORY_MAX + 1);
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    libxl_precopy_history_init(&h);
    assert_int_equal(libxl_precopy_history_read(dir, "host2", &h, err), 0);
    assert_int_equal(h.nr_entries, WRITERS * EACH);
    for (size_t n = 0; n < h.nr_entries; n++) {
        assert_int_equal(sscanf(h.entries[n].domain, "g%d-%d", &w, &i), 2);
        assert_false(seen[w][i]);
        seen[w][i] = true;
    }
    libxl_precopy_history_dispose(&h);
    for (w = 0; w < WRITERS; w++) {
        snprintf(name, sizeof(name), "host-%d", w);
        assert_int_equal(known(name), EACH);
    }
}

static void torture_libxl_history_survives_a_killed_writer(void **state)
{
    int before = 1, now;

    (void)state;
    assert_int_equal(add("host2", "first"), 0);
    for (int i = 0; i < 25; i++) {
        pid_t pid = fork();

        if (!pid) {
            for (;;)
                add("host2", "g1");
        }
        usleep(i * 200);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* The file is complete, lacks nothing, and is not locked. */
        now = known("host2");
        assert_true(now >= before);
        before = now;
        assert_int_equal(add("host2", "after"), 0);
        assert_string_equal(err, "");
    }
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_libxl_history_is_empty_at_first),
        TEST(torture_libxl_history_has_one_file_per_target),
        TEST(torture_libxl_history_keeps_the_kind_of_receiver),
        TEST(torture_libxl_history_keeps_the_pace_of_evacuations),
        TEST(torture_libxl_history_recognises_a_target),
        TEST(torture_libxl_history_names_stay_in_the_directory),
        TEST(torture_libxl_history_names_are_bounded),
        TEST(torture_libxl_history_damaged_files_are_set_aside),
        TEST(torture_libxl_history_does_not_block_on_special_files),
        TEST(torture_libxl_history_unwritable_is_reported_in_one_line),
        TEST(torture_libxl_history_directory_is_from_the_environment),
        TEST(torture_libxl_history_writers_lose_nothing),
        TEST(torture_libxl_history_survives_a_killed_writer),
    };

    return torture_run(argc, argv, tests);
}
