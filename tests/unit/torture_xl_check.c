/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate --check: what it finds at receivers of all kinds, and prints. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "check/xl_check.h"
#include "check/xl_check_shell.h"
#include "support/fake_clock.h"
#include "support/fake_migration.h"
#include "support/torture.h"

static struct question q;
static struct check_result r;
static struct migrate_options o;
static char predict_file[512];

static int setup(void **state)
{
    memset(&q, 0, sizeof(q));
    memset(&r, 0, sizeof(r));
    memset(&o, 0, sizeof(o));
    r.domain = strdup("g1");
    r.target = strdup("there");
    xpc_cells_init(&r.prediction);
    question_add(&q, QUESTION_SOURCE, "x 1");
    question_add(&q, QUESTION_NAME, "g1");
    question_add(&q, QUESTION_MEMORY, "1024");
    question_add(&q, QUESTION_DISK, "/nowhere");
    question_add(&q, QUESTION_CLOCK, "");
    if (migration_setup(state))
        return -1;
    snprintf(predict_file, sizeof(predict_file), "%s.predict", stock.got);
    return setenv("TORTURE_PREDICT", predict_file, 1);
}

static int teardown(void **state)
{
    fake_clock_step(0);
    check_result_dispose(&r);
    return migration_teardown(state);
}

static void look(void)
{
    int null = open("/dev/null", O_WRONLY), err = dup(2), rc;

    dup2(null, 2);
    rc = check_receiver(&sending.s, migration.command, &o, &q, &r);
    fflush(stderr);
    dup2(err, 2);
    close(err);
    close(null);
    assert_int_equal(rc, 0);
    assert_string_equal(sending.did, "");
}

static void expect_item(size_t i, const char *what, int status,
                        const char *text)
{
    assert_true(i < r.nr_items);
    assert_string_equal(r.items[i].what, what);
    assert_int_equal(r.items[i].status, status);
    assert_non_null(strstr(r.items[i].text ? r.items[i].text : "", text));
}

static void torture_xl_check_our_receiver(void **state)
{
    (void)state;
    stock_does("cat >$GOT; exit 1");
    look();
    assert_int_equal(r.receiver, CHECK_RECEIVER_OURS);
    assert_int_equal(r.nr_items, 4);
    expect_item(0, "name", REPLY_UNKNOWN, "Xen can't be asked");
    expect_item(1, "memory", REPLY_UNKNOWN, "");
    expect_item(2, "disk", REPLY_WRONG, "No such file");
    assert_string_equal(r.items[2].of, "/nowhere");
    expect_item(3, "clock", REPLY_OK, "");
    assert_true(r.round_trip_ns > 0);
    assert_true(r.bandwidth_bits_per_s > 0);
    assert_true(r.clock_known);
}

/* The clocks of receivers that are told to be ahead are. */
int clock_gettime(clockid_t id, struct timespec *now)
{
    const char *ahead = id == CLOCK_REALTIME ? getenv("TORTURE_AHEAD") : NULL;
    int rc = syscall(SYS_clock_gettime, id, now);

    if (!rc && ahead)
        now->tv_sec += atoi(ahead);
    return rc;
}

static void torture_xl_check_clocks_that_differ(void **state)
{
    static const struct {
        const char *ahead, *text;
    } clocks[] = {
        { "3600", "s ahead there: set both by NTP" },
        { "-3600", "s behind there: set both by NTP" },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        teardown(state);
        setup(state);
        stock_does("cat >$GOT; exit 1");
        snprintf(migration.command, sizeof(migration.command),
                 "TORTURE_AHEAD=%s exec %s --receive", clocks[i].ahead,
                 migration_self);
        look();
        expect_item(3, "clock", REPLY_WRONG, clocks[i].text);
    }
}

/* Its answer lacks the bit that says that it takes questions. */
static void torture_xl_check_an_older_receiver(void **state)
{
    uint8_t answer[CHANNEL_ANSWER_SIZE];
    char octal[4 * CHANNEL_ANSWER_SIZE + 1];

    (void)state;
    channel_answer_put(answer);
    answer[23] = 0;
    for (int i = 0; i < CHANNEL_ANSWER_SIZE; i++)
        sprintf(octal + 4 * i, "\\%03o", answer[i]);
    snprintf(migration.command, sizeof(migration.command),
             "printf 'xl migration receiver ready, send binary domain "
             "data.\\n'; head -c %d >/dev/null; printf '%s'; cat >%s",
             CHANNEL_HELLO_SIZE, octal, stock.got);
    look();
    assert_int_equal(r.receiver, CHECK_RECEIVER_OLDER);
    assert_int_equal(r.nr_items, 3);
    expect_item(2, "disk", REPLY_UNKNOWN, "upgrade it");
    free(stock_file("", &(size_t){ 0 }));
}

static void torture_xl_check_a_stock_receiver(void **state)
{
    (void)state;
    stock_does("head -c 48 >/dev/null; exit 1");
    snprintf(migration.command, sizeof(migration.command),
             "exec %s migrate-receive", stock.script);
    look();
    assert_int_equal(r.receiver, CHECK_RECEIVER_STOCK);
    assert_int_equal(r.nr_items, 3);
    expect_item(0, "name", REPLY_UNKNOWN, "a stock receiver");
    assert_int_equal(r.bandwidth_bits_per_s, 0);
}

/* ---- a shell in place of a receiver ------------------------------------- */

/* An ssh whose far end is here, with this in the place of xl. */
static void make_ssh(const char *xl)
{
    static char ssh[200];
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/xl", stock.dir);
    f = fopen(path, "w");
    fprintf(f, "#!/bin/sh\n%s\n", xl);
    fclose(f);
    chmod(path, 0700);
    snprintf(ssh, sizeof(ssh), "env PATH=%s:/usr/bin:/bin env -u",
             stock.dir);
    o.ssh_command = ssh;
    o.host = "there";
}

static struct reply *ask_shell(void)
{
    static struct reply reply;

    assert_int_equal(check_shell(&sending.s, &o, &q, &reply), 0);
    assert_int_equal(reply.nr, q.nr);
    return &reply;
}

static void torture_xl_check_by_a_shell(void **state)
{
    struct reply *reply;

    (void)state;
    question_add(&q, QUESTION_INCOMING, "g1");
    question_add(&q, QUESTION_SCRIPT, "/bin/sh");
    question_add(&q, QUESTION_XEN, "4.17");
    question_add(&q, QUESTION_DISK, "/");
    make_ssh("case $1 in list) ;; domid) [ $2 = g1 ] && echo 7 ;;\n"
             "info) case $2 in free_memory) echo 2 ;; *) echo 4.16.1 ;; esac\n"
             "esac");
    reply = ask_shell();
    assert_int_equal(reply->item[1].status, REPLY_WRONG);   /* name */
    assert_non_null(strstr(reply->item[1].text, "domain 7 there"));
    assert_int_equal(reply->item[2].status, REPLY_OK);      /* memory */
    assert_int_equal(reply->item[2].number, 2048);
    assert_int_equal(reply->item[3].status, REPLY_WRONG);   /* disk */
    assert_int_equal(reply->item[4].status, REPLY_UNKNOWN); /* clock */
    assert_int_equal(reply->item[5].status, REPLY_OK);      /* incoming */
    assert_int_equal(reply->item[6].status, REPLY_OK);
    assert_int_equal(reply->item[7].status, REPLY_WRONG);   /* Xen */
    assert_non_null(strstr(reply->item[7].text, "4.16, older than 4.17"));
    assert_int_equal(reply->item[8].status, REPLY_OK);
}

/* Values are never part of a command. */
static void torture_xl_check_shell_quotes_everything(void **state)
{
    char path[200], value[900];
    struct reply *reply;

    (void)state;
    snprintf(path, sizeof(path), "%s/made", stock.dir);
    snprintf(value, sizeof(value), "/no'; touch %s; `touch %s`$(touch %s)\"'",
             path, path, path);
    q.nr = 0;
    question_add(&q, QUESTION_DISK, value);
    question_add(&q, QUESTION_NAME, value);
    make_ssh("exit 1");
    reply = ask_shell();
    assert_int_equal(reply->item[0].status, REPLY_WRONG);
    assert_int_equal(reply->item[1].status, REPLY_UNKNOWN);
    assert_int_equal(access(path, F_OK), -1);
}

/* Neither ends by itself, nor reads or writes anything. */
static void hang(void)
{
    o.ssh_command = "sleep 1000 #";
    o.host = "there";
}

static void torture_xl_check_shell_that_hangs(void **state)
{
    struct reply reply;

    (void)state;
    hang();
    fake_clock_step(1000 * XPC_S);
    assert_int_equal(check_shell(&sending.s, &o, &q, &reply), -1);
    assert_false(sending.s.interrupted);
}

static void torture_xl_check_shell_is_interrupted(void **state)
{
    struct reply reply;

    (void)state;
    hang();
    raise(SIGINT);
    assert_int_equal(check_shell(&sending.s, &o, &q, &reply), -1);
    assert_true(sending.s.interrupted);
}

/* What a hostile target says instead. */
static void torture_xl_check_shell_output_is_not_trusted(void **state)
{
    static const char *const bad[] = {
        "", "xl migration receiver ready, send binary domain data.\n",
        "xen-precopy check", "xen-precopy check\n99999999999 0\n-1 1\n3\n"
        "1 99999999999999999999999\n1 ?\n2 x\n",
    };
    struct reply reply;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(check_shell_read(bad[i], &q, &reply), -1);
    for (size_t i = 2; i < 4; i++) {
        assert_int_equal(check_shell_read(bad[i], &q, &reply), 0);
        for (unsigned int j = 2; j < q.nr; j++)
            assert_int_equal(reply.item[j].status, REPLY_UNKNOWN);
    }
}

static void torture_xl_check_no_receiver(void **state)
{
    (void)state;
    strcpy(migration.command, "exit 3");
    look();
    assert_int_equal(r.receiver, CHECK_RECEIVER_NONE);
    assert_int_equal(r.nr_items, 1);
    expect_item(0, "receiver", REPLY_WRONG, "was not reached");
}

/* ---- printing ------------------------------------------------------------ */

static void expect_text(const char *want)
{
    size_t len;
    char *text;
    FILE *f = open_memstream(&text, &len);

    check_result_print(f, &r);
    fclose(f);
    assert_string_equal(text, want);
    free(text);
}

static void torture_xl_check_prints_what_is_wrong(void **state)
{
    (void)state;
    check_result_add(&r, "name", NULL, REPLY_OK, NULL);
    check_result_add(&r, "disk", "/dev/\033[2J", REPLY_WRONG, "none");
    check_result_add(&r, "cpu", NULL, REPLY_UNKNOWN, "why");
    r.round_trip_ns = 2000000;
    r.bandwidth_bits_per_s = 940000000;
    r.clock_known = true;
    r.clock_ahead_ms = -12;
    expect_text("g1 to there:\n"
                "  name                             ok       \n"
                "  disk /dev/?[2J                   wrong    none\n"
                "  cpu                              unknown  why\n"
                "  round trip                       2.00 ms\n"
                "  bandwidth                        940 Mbit/s\n"
                "  clock there                      12 ms behind\n"
                "1 is wrong, 1 is not known.\n");
}

static void torture_xl_check_json(void **state)
{
    struct check_result again = { 0 };
    char *json, err[XPC_ERR_LEN];

    (void)state;
    check_result_add(&r, "disk", "/dev/a", REPLY_WRONG, "none");
    r.clock_ahead_ms = -1.5;
    json = xpc_to_json(&check_result_type, &r, true);
    *err = 0;
    assert_int_equal(xpc_from_json(&check_result_type, &again, json,
                                   strlen(json), err), 0);
    assert_int_equal(again.nr_items, 1);
    assert_int_equal(again.items[0].status, REPLY_WRONG);
    assert_string_equal(again.items[0].of, "/dev/a");
    assert_non_null(strstr(json, "\"round-trip-us\": null"));
    check_result_dispose(&again);
    free(json);
}

/* ---- the prediction ----------------------------------------------------- */

/* The command line that check_predict() has used, as words after blanks. */
static const char *predicted_with(void)
{
    static char text[1024];
    FILE *f;
    size_t n;

    check_predict(&o, &r);
    f = fopen(getenv("TORTURE_PREDICT"), "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

static void torture_xl_check_predicts_with_compression(void **state)
{
    (void)state;
    o.domain = "g1";
    xpc_params_init(&o.params);
    o.params.compress = XPC_COMPRESS_ZSTD;
    o.params.compress_level = 3;
    o.params.channels = 4;
    r.bandwidth_bits_per_s = 1000000;
    r.receiver = CHECK_RECEIVER_OURS;
    assert_non_null(strstr(predicted_with(),
                           " --compress=zstd:3 --channels=4 "));
    o.params.compress = XPC_COMPRESS_AUTO;
    o.params.compress_level = 0;
    o.params.channels = 1;
    assert_non_null(strstr(predicted_with(), " --compress=auto "));
    /* The receiver would get one plain connection. */
    r.receiver = CHECK_RECEIVER_STOCK;
    assert_null(strstr(predicted_with(), "--compress"));
    assert_non_null(strstr(predicted_with(), " --zero-page-bytes=4104 "));
    o.params.zero_pages = XPC_ZERO_PAGES_ELIDE;
    assert_null(strstr(predicted_with(), "--zero-page-bytes"));
    r.receiver = CHECK_RECEIVER_OURS;
    o.params.compress = XPC_COMPRESS_OFF;
    assert_null(strstr(predicted_with(), "--compress"));
}

/* The xl migrate-predict of this test. */
static int fake_predict(int argc, char **argv)
{
    FILE *f = fopen(getenv("TORTURE_PREDICT"), "w");

    if (!f)
        abort();
    for (int i = 0; i < argc; i++)
        fprintf(f, " %s", argv[i]);
    return fclose(f) ? 2 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_xl_check_our_receiver),
        TEST(torture_xl_check_clocks_that_differ),
        TEST(torture_xl_check_an_older_receiver),
        TEST(torture_xl_check_a_stock_receiver),
        TEST(torture_xl_check_by_a_shell),
        TEST(torture_xl_check_shell_quotes_everything),
        TEST(torture_xl_check_shell_that_hangs),
        TEST(torture_xl_check_shell_is_interrupted),
        TEST(torture_xl_check_shell_output_is_not_trusted),
        TEST(torture_xl_check_no_receiver),
        TEST(torture_xl_check_prints_what_is_wrong),
        TEST(torture_xl_check_json),
        TEST(torture_xl_check_predicts_with_compression),
    };

    if (argc > 1 && !strcmp(argv[1], "migrate-predict"))
        _exit(fake_predict(argc, argv));
    migration_main(argc, argv);
    return torture_run(argc, argv, tests);
}
