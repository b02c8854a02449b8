/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xl migrate learns and keeps, and xl migrate-history as a user runs it.
 */
#include "torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xl_history.h"
#include "xpc_units.h"

static char dir[64];
static char out[1 << 16];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/torture_xl_history.XXXXXX");
    assert_non_null(mkdtemp(dir));
    setenv(LIBXL_PRECOPY_HISTORY_ENV, dir, 1);
    return 0;
}

static int teardown(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

/* A migration whose overhead is 80 ms, without pages in it. */
static void a_report(struct xpc_report *r)
{
    xpc_report_init(r);
    r->outcome = XPC_OUTCOME_MIGRATED;
    r->decision.bandwidth_bytes_per_s = 125000000;
    r->predicted_downtime_ns = 100 * XPC_MS;
    r->actual_downtime_ns = 80 * XPC_MS;
    r->total_bytes = 1 << 27;
    r->total_time_ns = 2 * XPC_S;
}

/* Keeps a report; what is said of it is in out. */
static void keep(const char *host, const struct xpc_report *r)
{
    FILE *f = fmemopen(out, sizeof(out), "w");

    history_keep(f, host, "g1", 1700000000, r);
    fclose(f);
}

static void torture_xl_history_learns_what_was_kept(void **state)
{
    struct xpc_prior p;
    struct xpc_report r;
    char text[160];

    (void)state;
    a_report(&r);
    assert_int_equal(history_learn("host2", &p), 0);
    assert_int_equal(p.overhead_ns | p.suspend_pages, 0);
    keep("host2", &r);
    assert_string_equal(out, "");
    assert_int_equal(history_learn("host2", &p), 1);
    assert_int_equal(p.overhead_ns, 80 * XPC_MS);
    history_text(text, sizeof(text), "host2", 1, &p);
    assert_string_equal(text, "switchover overhead learned from 1 migration "
                        "to host2: 80.0 ms +- 11.3 ms");
    keep("root@HOST2", &r);
    assert_int_equal(history_learn("host2", &p), 2);
    history_text(text, sizeof(text), "ho\nst2", 2, &p);
    assert_non_null(strstr(text, "from 2 migrations to ho?st2: "));
    assert_int_equal(history_learn("host3", &p), 0);
}

static void torture_xl_history_keeps_only_what_touched_a_guest(void **state)
{
    struct xpc_prior p;
    struct xpc_report r;

    (void)state;
    a_report(&r);
    /* As of a host that could not be reached. */
    r.outcome = XPC_OUTCOME_FAILED;
    r.total_bytes = 0;
    keep("hots2", &r);
    assert_int_equal(rmdir(dir), 0);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.total_bytes = 1;
    keep("host2", &r);
    assert_int_equal(history_learn("host2", &p), 0);
    assert_int_equal(access(dir, F_OK), 0);
}

static void torture_xl_history_trouble_is_one_line(void **state)
{
    char path[96];
    struct xpc_prior p;
    struct xpc_report r;
    FILE *f;

    (void)state;
    a_report(&r);
    snprintf(path, sizeof(path), "%s/host2.json", dir);
    f = fopen(path, "w");
    fputs("{\"version\": 7, \"target\": \"host2\", \"migrations\": []}", f);
    fclose(f);
    assert_int_equal(history_learn("host2", &p), 0);
    keep("host2", &r);
    assert_non_null(strstr(out, "begun anew, the old one ends in .bad\n"));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    assert_int_equal(history_learn("host2", &p), 1);

    setenv(LIBXL_PRECOPY_HISTORY_ENV, "/dev/null/history", 1);
    assert_int_equal(history_learn("host2", &p), 0);
    keep("host2", &r);
    assert_non_null(strstr(out, "xl migrate: the history is not kept: "));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_history_learns_what_was_kept),
        TEST(torture_xl_history_keeps_only_what_touched_a_guest),
        TEST(torture_xl_history_trouble_is_one_line),
    };

    return torture_run(argc, argv, tests);
}
