/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/units.h>

#include "support/fake_source.h"
#include "support/torture.h"
#include "xen/preflight.h"
#include "xen/source.h"

/* 1 GiB takes 10.8 s at 100 MB/s, if no page is zero. */
#define PAGES 262144

static double zero_share;       /* < 0: the memory cannot be read */
static unsigned int opened;

struct xpc_source *xen_source_open(uint32_t domid, char err[XPC_ERR_LEN])
{
    struct fake_source *f;

    assert_int_equal(domid, 7);
    opened++;
    strcpy(err, "no");
    if (zero_share < 0)
        return NULL;
    f = fake_source(PAGES, 1);
    for (uint64_t i = 0; i < PAGES; i++)
        f->version[i] = i % 1000 >= 1000 * zero_share;
    fake_source_begin(f);
    return &f->src;
}

static int setup(void **state)
{
    static struct xpc_params p;

    xpc_params_init(&p);
    p.guest.device_model = XPC_DEVICE_MODEL_NO;
    p.bandwidth_bytes_per_s = 100000000;
    p.duration_ns = 5 * XPC_S;
    p.zero_pages = XPC_ZERO_PAGES_ELIDE;
    zero_share = 0;
    opened = 0;
    *state = &p;
    return 0;
}

static int preflight(const struct xpc_params *p, bool hvm)
{
    char err[256] = "";
    int rc = xen_preflight(7, hvm, p, PAGES, err, sizeof(err));

    if (rc)
        assert_true(*err);
    return rc;
}

static void torture_xen_preflight_zero_pages_need_no_time(void **state)
{
    zero_share = 0.3;
    assert_int_equal(preflight(*state, true), -1);
    zero_share = 0.6;
    assert_int_equal(preflight(*state, true), 0);
    assert_int_equal(preflight(*state, false), -1);
    ((struct xpc_params *)*state)->zero_pages = XPC_ZERO_PAGES_SEND;
    assert_int_equal(preflight(*state, true), -1);
    assert_int_equal(opened, 2);
    /* The receiver may be ours, which is found out later. */
    ((struct xpc_params *)*state)->zero_pages = XPC_ZERO_PAGES_AUTO;
    assert_int_equal(preflight(*state, true), 0);
}

static void torture_xen_preflight_reads_memory_only_if_needed(void **state)
{
    struct xpc_params *p = *state;

    p->duration_ns = 20 * XPC_S;
    assert_int_equal(preflight(p, true), 0);
    p->downtime_ns = XPC_MS;            /* impossible with any pages */
    assert_int_equal(preflight(p, true), -1);
    assert_int_equal(opened, 0);
}

static void torture_xen_preflight_unknown_pages_are_not_zero(void **state)
{
    zero_share = -1;
    assert_int_equal(preflight(*state, true), -1);
    assert_int_equal(opened, 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(torture_xen_preflight_zero_pages_need_no_time),
        TEST(torture_xen_preflight_reads_memory_only_if_needed),
        TEST(torture_xen_preflight_unknown_pages_are_not_zero),
    };

    return torture_run(argc, argv, tests);
}
