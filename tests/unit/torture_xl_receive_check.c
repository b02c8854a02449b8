/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a target replies about itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xl_cpu.h"
#include "receive/xl_receive_check.h"
#include "support/torture.h"

/* The target. */
static struct {
    const char *name;               /* of its one domain, 5; NULL: none */
    bool dying, unknown, no_scripts;
    uint64_t free_kib, more_kib, due_kib;
    char dir[64], path[128];
    struct check_host host;
} t;

static struct question q;
static struct reply r;
static struct check_asked asked;

static int op_find(void *opaque, const char *name, int64_t *domid_r,
                   bool *dying_r)
{
    (void)opaque;
    *domid_r = t.name && !strcmp(t.name, name) ? 5 : -1;
    *dying_r = t.dying;
    return t.unknown ? -1 : 0;
}

static int op_memory(void *opaque, uint64_t *free_r, uint64_t *more_r,
                     uint64_t *due_r)
{
    (void)opaque;
    *due_r = t.due_kib;
    *free_r = t.free_kib;
    *more_r = t.more_kib;
    return t.unknown ? -1 : 0;
}

static int op_runs_scripts(void *opaque)
{
    (void)opaque;
    return !t.no_scripts;
}

static int op_version(void *opaque, unsigned int *major_r,
                      unsigned int *minor_r)
{
    (void)opaque;
    *major_r = 4;
    *minor_r = 17;
    return t.unknown ? -1 : 0;
}

static int op_cpu(void *opaque, uint32_t *words_r)
{
    (void)opaque;
    memset(words_r, 0, CPU_WORDS * sizeof(*words_r));
    words_r[0] = 0xf0;
    return t.unknown ? -1 : 0;
}

static const struct check_ops ops = {
    .find           = op_find,
    .memory         = op_memory,
    .runs_scripts   = op_runs_scripts,
    .version        = op_version,
    .cpu            = op_cpu,
};

static int setup(void **state)
{
    static const char *models[] = { t.path, NULL };

    (void)state;
    memset(&t, 0, sizeof(t));
    memset(&q, 0, sizeof(q));
    strcpy(t.dir, "/tmp/torture-check-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    snprintf(t.path, sizeof(t.path), "%s/it", t.dir);
    t.host = (struct check_host){
        .ops = &ops, .boot_id = "boot-1", .script_dir = t.dir,
        .net_dir = t.dir, .device_models = models,
    };
    return 0;
}

static int teardown(void **state)
{
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/bridge", t.path);
    rmdir(path);
    if (rmdir(t.path))
        unlink(t.path);
    return rmdir(t.dir);
}

/* A file of this mode at t.path. */
static void make_file(int mode)
{
    FILE *f = fopen(t.path, "w");

    assert_non_null(f);
    fclose(f);
    chmod(t.path, mode);
}

/* Asks one thing. */
static struct reply_item *answer(unsigned int kind, const char *value)
{
    q.nr = 0;
    question_add(&q, kind, value);
    check_reply(&r, &q, &t.host, &asked);
    assert_int_equal(r.nr, 1);
    assert_int_equal(r.item[0].kind, kind);
    return &r.item[0];
}

static void expect(unsigned int kind, const char *value,
                   enum reply_status status, const char *part)
{
    struct reply_item *item = answer(kind, value);

    assert_int_equal(item->status, status);
    if (!strstr(item->text, part))
        fail_msg("'%s' is not in '%s'", part, item->text);
}

/* Asks for a name, from a host and a domain of it. */
static enum reply_status answer_from(const char *source, unsigned int kind)
{
    q.nr = 0;
    question_add(&q, QUESTION_SOURCE, source);
    question_add(&q, kind, "g1");
    check_reply(&r, &q, &t.host, &asked);
    return r.item[1].status;
}

static void torture_xl_receive_check_names(void **state)
{
    (void)state;
    assert_int_equal(answer_from("boot-2 5", QUESTION_NAME), REPLY_OK);
    t.name = "g1";
    assert_int_equal(answer_from("boot-2 5", QUESTION_NAME), REPLY_WRONG);
    assert_non_null(strstr(r.item[1].text, "domain 5 there is called g1"));
    t.dying = true;
    assert_int_equal(answer_from("boot-2 5", QUESTION_NAME), REPLY_OK);
    t.unknown = true;
    assert_int_equal(answer_from("boot-2 5", QUESTION_NAME), REPLY_UNKNOWN);
}

/* A migration to the same host: the guest itself has the name. */
static void torture_xl_receive_check_names_on_the_same_host(void **state)
{
    (void)state;
    t.name = "g1";
    assert_int_equal(answer_from("boot-1 5", QUESTION_NAME), REPLY_OK);
    assert_int_equal(r.item[0].number, 1);
    assert_int_equal(answer_from("boot-1 6", QUESTION_NAME), REPLY_WRONG);
    /* Not known is not the same. */
    t.host.boot_id = "";
    assert_int_equal(answer_from(" 5", QUESTION_NAME), REPLY_WRONG);
    assert_int_equal(answer_from("boot-1 5", QUESTION_NAME), REPLY_WRONG);
    assert_int_equal(answer_from("boot-1", QUESTION_NAME), REPLY_WRONG);
    assert_int_equal(r.item[0].number, 0);
}

static void torture_xl_receive_check_leftovers(void **state)
{
    (void)state;
    t.name = "g1--incoming";
    assert_int_equal(answer_from("boot-1 5", QUESTION_INCOMING), REPLY_WRONG);
    assert_non_null(strstr(r.item[1].text, "xl destroy 5"));
    assert_int_equal(answer_from("boot-1 5", QUESTION_AWAY), REPLY_OK);
    t.dying = true;
    assert_int_equal(answer_from("boot-1 5", QUESTION_INCOMING), REPLY_WRONG);
    assert_non_null(strstr(r.item[1].text, "try again"));
    t.dying = false;
    t.name = "g1--migratedaway";
    assert_int_equal(answer_from("boot-2 5", QUESTION_INCOMING), REPLY_OK);
    assert_int_equal(answer_from("boot-2 5", QUESTION_AWAY), REPLY_WRONG);
    assert_non_null(strstr(r.item[1].text, "xl destroy 5"));
    /* The source has looked at it. */
    assert_int_equal(answer_from("boot-1 4", QUESTION_AWAY), REPLY_OK);
}

static void torture_xl_receive_check_memory(void **state)
{
    (void)state;
    t.free_kib = 100 * 1024;
    expect(QUESTION_MEMORY, "102400", REPLY_OK, "");
    assert_int_equal(r.item[0].number, 102400);
    expect(QUESTION_MEMORY, "102401", REPLY_WRONG, "Xen has 100 MiB free");
    t.more_kib = 1024;
    expect(QUESTION_MEMORY, "103424", REPLY_OK, "");
    expect(QUESTION_MEMORY, "103425", REPLY_WRONG, "domain 0 can give");
    t.due_kib = 3024;
    expect(QUESTION_MEMORY, "100400", REPLY_OK, "");
    assert_int_equal(r.item[0].number, 100400);
    expect(QUESTION_MEMORY, "100401", REPLY_WRONG,
           "of which other migrations will take 2.95 MiB");
    t.due_kib = UINT64_MAX;
    expect(QUESTION_MEMORY, "1", REPLY_WRONG, "");
    expect(QUESTION_MEMORY, "", REPLY_UNKNOWN, "");
    expect(QUESTION_MEMORY, "99999999999999999999", REPLY_UNKNOWN, "");
    t.unknown = true;
    expect(QUESTION_MEMORY, "1", REPLY_UNKNOWN, "");
}

static void torture_xl_receive_check_disk(void **state)
{
    (void)state;
    expect(QUESTION_DISK, t.path, REPLY_WRONG, "No such file");
    make_file(0600);
    expect(QUESTION_DISK, t.path, REPLY_OK, "");
    expect(QUESTION_DISK, "rbd:pool/image", REPLY_UNKNOWN, "");
}

static void torture_xl_receive_check_bridge(void **state)
{
    char path[160];

    (void)state;
    expect(QUESTION_BRIDGE, "it", REPLY_WRONG, "no bridge it there");
    mkdir(t.path, 0700);
    expect(QUESTION_BRIDGE, "it", REPLY_WRONG, "it is no bridge");
    snprintf(path, sizeof(path), "%s/bridge", t.path);
    mkdir(path, 0700);
    expect(QUESTION_BRIDGE, "it", REPLY_OK, "");
    expect(QUESTION_BRIDGE, "../x/it", REPLY_UNKNOWN, "");
    expect(QUESTION_BRIDGE, "..", REPLY_UNKNOWN, "");
}

static void torture_xl_receive_check_script(void **state)
{
    (void)state;
    expect(QUESTION_SCRIPT, t.path, REPLY_WRONG, "No such file");
    make_file(0600);
    expect(QUESTION_SCRIPT, t.path, REPLY_WRONG, "can't be executed");
    chmod(t.path, 0700);
    expect(QUESTION_SCRIPT, t.path, REPLY_OK, "");
    expect(QUESTION_SCRIPT, "it", REPLY_OK, "");
    expect(QUESTION_SCRIPT, "another", REPLY_WRONG, "No such file");
    t.no_scripts = true;
    expect(QUESTION_SCRIPT, "another", REPLY_OK, "udev");
}

static void torture_xl_receive_check_device_model(void **state)
{
    (void)state;
    expect(QUESTION_DEVICE_MODEL, "", REPLY_WRONG, "no device model");
    expect(QUESTION_DEVICE_MODEL, "/nowhere", REPLY_WRONG, "/nowhere");
    expect(QUESTION_DEVICE_MODEL, "/bin/sh", REPLY_OK, "");
    make_file(0700);
    expect(QUESTION_DEVICE_MODEL, "", REPLY_OK, "");
}

static void torture_xl_receive_check_xen(void **state)
{
    (void)state;
    expect(QUESTION_XEN, "4.16", REPLY_OK, "4.17");
    expect(QUESTION_XEN, "4.17", REPLY_OK, "4.17");
    expect(QUESTION_XEN, "4.20", REPLY_WRONG, "older than 4.20");
    expect(QUESTION_XEN, "5.0", REPLY_WRONG, "older than 5.0");
    expect(QUESTION_XEN, "x", REPLY_UNKNOWN, "");
}

static void torture_xl_receive_check_cpu(void **state)
{
    (void)state;
    expect(QUESTION_CPU, "000000f0:00000000", REPLY_OK, "");
    expect(QUESTION_CPU, "00000030", REPLY_OK, "");
    expect(QUESTION_CPU, "000000f0:10000000", REPLY_WRONG, "avx");
    expect(QUESTION_CPU, "000000f1", REPLY_WRONG, "1:edx:0");
    expect(QUESTION_CPU, "f1", REPLY_UNKNOWN, "");
    expect(QUESTION_CPU, "", REPLY_UNKNOWN, "");
}

/* Of a later version. */
static void torture_xl_receive_check_other_questions(void **state)
{
    (void)state;
    expect(QUESTION_KINDS, "x", REPLY_UNKNOWN, "does not know");
    expect(0, "x", REPLY_UNKNOWN, "does not know");
    expect(65535, "x", REPLY_UNKNOWN, "does not know");
    assert_true(answer(QUESTION_CLOCK, "")->number > 0);
    expect(QUESTION_NOTIFY, "g1", REPLY_OK, "");
    assert_string_equal(asked.notify, "g1");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_xl_receive_check_names),
        TEST(torture_xl_receive_check_names_on_the_same_host),
        TEST(torture_xl_receive_check_leftovers),
        TEST(torture_xl_receive_check_memory),
        TEST(torture_xl_receive_check_disk),
        TEST(torture_xl_receive_check_bridge),
        TEST(torture_xl_receive_check_script),
        TEST(torture_xl_receive_check_device_model),
        TEST(torture_xl_receive_check_xen),
        TEST(torture_xl_receive_check_cpu),
        TEST(torture_xl_receive_check_other_questions),
    };

    return torture_run(argc, argv, tests);
}
