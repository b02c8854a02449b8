/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of a target for a guest's devices. */
#include <stdlib.h>
#include <string.h>

#include "check/xl_check_question.h"
#include "common/xl_cpu.h"
#include "support/torture.h"

static libxl_domain_config config;
static struct question q;
static libxl_device_disk disks[4];
static libxl_device_nic nics[4];

static int setup(void **state)
{
    (void)state;
    memset(&q, 0, sizeof(q));
    libxl_domain_config_init(&config);
    for (int i = 0; i < 4; i++) {
        libxl_device_disk_init(&disks[i]);
        libxl_device_nic_init(&nics[i]);
    }
    config.disks = disks;
    config.nics = nics;
    config.c_info.type = LIBXL_DOMAIN_TYPE_PVH;
    return 0;
}

/* Checks what is asked, as "KIND VALUE" to a NULL. */
static void expect_asked(const char *const *items)
{
    static const char *const kinds[QUESTION_KINDS] = {
        [QUESTION_DISK] = "disk", [QUESTION_BRIDGE] = "bridge",
        [QUESTION_SCRIPT] = "script", [QUESTION_DEVICE_MODEL] = "model",
    };
    unsigned int i;

    check_ask_devices(&q, &config);
    for (i = 0; items[i]; i++) {
        const char *space = strchr(items[i], ' ');

        assert_true(i < q.nr);
        assert_string_equal(q.item[i].value, space + 1);
        assert_memory_equal(kinds[q.item[i].kind], items[i],
                            space - items[i]);
    }
    assert_int_equal(q.nr, i);
}

#define EXPECT_ASKED(...) \
    expect_asked((const char *const[]){ __VA_ARGS__ NULL })

static void torture_xl_check_question_of_disks(void **state)
{
    (void)state;
    config.num_disks = 4;
    disks[0].pdev_path = "/dev/vg/a";
    disks[0].backend = LIBXL_DISK_BACKEND_PHY;
    disks[1].pdev_path = "/images/b.qcow2";
    disks[1].backend = LIBXL_DISK_BACKEND_QDISK;
    disks[2].is_cdrom = 1;
    disks[2].pdev_path = "";
    disks[3].pdev_path = "rbd:pool/c";
    EXPECT_ASKED("script block", "disk /dev/vg/a", "disk /images/b.qcow2",);
}

/* Only its script knows what the target of a disk is. */
static void torture_xl_check_question_of_disks_with_scripts(void **state)
{
    (void)state;
    config.num_disks = 3;
    disks[0].script = "block-drbd";
    disks[0].pdev_path = "/res";
    disks[1].script = "/etc/xen/scripts/block";
    disks[1].pdev_path = "/images/a";
    disks[2].backend_domname = "storage";
    disks[2].pdev_path = "/images/b";
    EXPECT_ASKED("script block-drbd", "script /etc/xen/scripts/block",
                 "disk /images/a",);
}

static void torture_xl_check_question_of_nics(void **state)
{
    (void)state;
    config.num_nics = 4;
    nics[0].bridge = "br0";
    nics[1].bridge = "br0";
    nics[1].script = "vif-bridge";
    nics[2].bridge = "ovs0.5";
    nics[2].script = "vif-openvswitch";
    nics[3].bridge = "br1";
    nics[3].backend_domid = 3;
    EXPECT_ASKED("script vif-bridge", "bridge br0", "script vif-openvswitch",);
}

static void torture_xl_check_question_of_the_device_model(void **state)
{
    (void)state;
    config.c_info.type = LIBXL_DOMAIN_TYPE_HVM;
    EXPECT_ASKED("model ",);
    q.nr = 0;
    config.b_info.device_model = "/opt/qemu";
    EXPECT_ASKED("model /opt/qemu",);
    q.nr = 0;
    libxl_defbool_set(&config.b_info.device_model_stubdomain, true);
    EXPECT_ASKED();
}

/* ---- features ------------------------------------------------------------ */

static void torture_xl_check_question_cpu_words(void **state)
{
    static const struct cpu_leaf list[] = {
        { 0x1, UINT32_MAX, 1, 2, 3, 4 },
        { 0x7, 0, 5, 6, 7, 8 },
        { 0x7, 1, 9, 0, 0, 0 },
        { 0xd, 1, 10, 0, 0, 0 },
        { 0x12345, 0, 99, 99, 99, 99 },
        /* AMD's copies of leaf 1's bits do not count. */
        { 0x80000001, UINT32_MAX, 0, 0, 0, 0x2183fbff },
    };
    uint32_t words[CPU_WORDS], got[CPU_WORDS];
    char text[CPU_TEXT_LEN + 10];

    (void)state;
    cpu_words_from(words, list, sizeof(list) / sizeof(list[0]));
    cpu_words_put(text, words);
    assert_string_equal(text, "00000004:00000003:20000800:00000000:00000006:"
                        "00000007:00000008:0000000a:00000000:00000009:"
                        "00000000:00000000");
    /* A later version's may be longer. */
    strcat(text, ":ffffffff");
    assert_int_equal(cpu_words_get(got, text), 0);
    assert_memory_equal(got, words, sizeof(got));
    assert_int_equal(cpu_words_get(got, "0000000g"), -1);
    assert_int_equal(cpu_words_get(got, "00000001,"), -1);
}

/* A short buffer ends the list, not its count. */
static void torture_xl_check_question_cpu_missing(void **state)
{
    uint32_t guest[CPU_WORDS], host[CPU_WORDS] = { 0 };
    char text[20];

    (void)state;
    memset(guest, 0xff, sizeof(guest));
    assert_int_equal(cpu_missing(guest, host, text, sizeof(text)),
                     CPU_WORDS * 32);
    assert_true(strlen(text) < sizeof(text));
    assert_int_equal(cpu_missing(guest, guest, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(torture_xl_check_question_of_disks),
        TEST(torture_xl_check_question_of_disks_with_scripts),
        TEST(torture_xl_check_question_of_nics),
        TEST(torture_xl_check_question_of_the_device_model),
        TEST(torture_xl_check_question_cpu_words),
        TEST(torture_xl_check_question_cpu_missing),
    };

    return torture_run(argc, argv, tests);
}
