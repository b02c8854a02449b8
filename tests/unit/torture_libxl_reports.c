/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last report of each domain.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl_precopy_history.h"
#include "libxl_precopy_reports.h"
#include "support/torture.h"

static char top[64], dir[96];
static char err[LIBXL_PRECOPY_ERR_LEN];

static int setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/torture_libxl_reports.XXXXXX");
    assert_non_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/history", top);
    return 0;
}

static int teardown(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", top);
    return system(command);
}

/* Sets when the file of a domain was written. */
static void set_time(const char *file, time_t s)
{
    const struct timespec times[] = { { .tv_sec = s }, { .tv_sec = s } };
    char path[160];

    snprintf(path, sizeof(path), "%s/reports/%s.json", dir, file);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void keep(const char *domain, uint64_t total_bytes)
{
    struct xpc_report r;

    xpc_report_init(&r);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.domain = strdup(domain);
    r.target = strdup("host2");
    r.start_s = 1700000000;
    r.total_bytes = total_bytes;
    assert_int_equal(libxl_precopy_report_keep(dir, &r, err), 0);
    assert_string_equal(err, "");
    xpc_report_dispose(&r);
}

/* The bytes in the last report; 0: there is none. */
static uint64_t last(const char *domain)
{
    struct xpc_report r;
    uint64_t bytes;
    int rc;

    xpc_report_init(&r);
    rc = libxl_precopy_report_last(dir, domain, &r, err);
    assert_string_equal(err, "");
    assert_true(!rc || rc == ERROR_NOTFOUND);
    bytes = rc ? 0 : r.total_bytes;
    if (!rc && domain)
        assert_string_equal(r.domain, domain);
    xpc_report_dispose(&r);
    return bytes;
}

static void torture_libxl_reports_are_the_last_ones(void **state)
{
    (void)state;
    assert_int_equal(last(NULL), 0);
    assert_int_equal(last("g1"), 0);
    keep("g1", 1);
    keep("g1", 2);
    set_time("g1", 1000);
    assert_int_equal(last("g1"), 2);
    assert_int_equal(last(NULL), 2);
    keep("g2", 3);
    set_time("g2", 2000);
    assert_int_equal(last(NULL), 3);
    assert_int_equal(last("g1"), 2);
    assert_int_equal(last("g3"), 0);
    set_time("g1", 3000);
    assert_int_equal(last(NULL), 2);
}

static void torture_libxl_reports_stay_in_their_folder(void **state)
{
    libxl_precopy_history *list;
    struct dirent *e;
    struct stat st;
    char path[160];
    int files = 0;
    size_t nr;
    DIR *d;

    (void)state;
    keep("../../x", 7);
    keep("", 8);
    assert_int_equal(last("../../x"), 7);
    assert_int_equal(last(""), 8);
    snprintf(path, sizeof(path), "%s/reports", dir);
    d = opendir(path);
    assert_non_null(d);
    while ((e = readdir(d))) {
        if (*e->d_name == '.')
            continue;
        assert_int_equal(fstatat(dirfd(d), e->d_name, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        files++;
    }
    closedir(d);
    assert_int_equal(files, 2);
    /* They are no histories. */
    assert_int_equal(libxl_precopy_history_list(dir, &list, &nr, err), 0);
    assert_int_equal(nr, 0);
    assert_string_equal(err, "");
    libxl_precopy_history_list_free(list, nr);
}

static void torture_libxl_reports_are_bounded(void **state)
{
    char name[16];

    (void)state;
    for (int i = 0; i < LIBXL_PRECOPY_REPORTS_MAX; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        keep(name, i + 1);
        set_time(name, 5000 - i);
    }
    assert_int_equal(last("g63"), 64);
    keep("one-more", 100);
    assert_int_equal(last("g63"), 0);
    assert_int_equal(last("g62"), 63);
    assert_int_equal(last("one-more"), 100);
}

static void torture_libxl_reports_damaged_ones_are_refused(void **state)
{
    struct xpc_report r;
    char path[160];
    FILE *f;

    (void)state;
    keep("g1", 1);
    snprintf(path, sizeof(path), "%s/reports/g1.json", dir);
    f = fopen(path, "w");
    fputs("{\"version\": 2}", f);
    fclose(f);
    xpc_report_init(&r);
    assert_int_equal(libxl_precopy_report_last(dir, "g1", &r, err),
                     ERROR_INVAL);
    assert_non_null(strstr(err, "reports/g1.json: precopy report: version"));
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_libxl_reports_are_the_last_ones),
        TEST(torture_libxl_reports_stay_in_their_folder),
        TEST(torture_libxl_reports_are_bounded),
        TEST(torture_libxl_reports_damaged_ones_are_refused),
    };

    return torture_run(argc, argv, tests);
}
