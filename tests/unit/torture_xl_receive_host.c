/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a target, beside migrations to it that are under way. */
#include <stdlib.h>
#include <string.h>

#include "receive/xl_receive_host.h"
#include "support/fake_domains.h"
#include "support/torture.h"

static struct receive_host host;

/* ---- libxl -------------------------------------------------------------- */

int libxl_get_free_memory(libxl_ctx *ctx, uint64_t *kib_r)
{
    (void)ctx;
    *kib_r = 10000;
    return 0;
}

const libxl_version_info *libxl_get_version_info(libxl_ctx *ctx)
{
    static const libxl_version_info v = {
        .commandline = (char *)"dom0_mem=512M",
    };

    (void)ctx;
    return &v;
}

/* ---- tests -------------------------------------------------------------- */

static void set_domain(uint32_t domid, const char *name, uint64_t max_kib,
                       uint64_t current_kib)
{
    fake_domains[domid] = (struct fake_domain){
        .name = name,
        .info = { .max_memkb = max_kib, .current_memkb = current_kib },
    };
}

static void torture_xl_receive_host_knows_what_is_due(void **state)
{
    const struct check_host *h = receive_host_open(&host);
    uint64_t free_kib, more_kib, due_kib;

    (void)state;
    nr_fake_domains = 3;
    set_domain(0, "Domain-0", 9000, 5000);
    /* A guest with a balloon can't have that: it runs. */
    set_domain(1, "web1", 4000, 2000);
    set_domain(2, "db1--incoming", 3000, 1000);
    assert_int_equal(h->ops->memory(h->opaque, &free_kib, &more_kib,
                                    &due_kib), 0);
    assert_int_equal(free_kib, 10000);
    assert_int_equal(due_kib, 2000);
    /* One that is broken off takes no more. */
    fake_domains[2].info.dying = true;
    assert_int_equal(h->ops->memory(h->opaque, &free_kib, &more_kib,
                                    &due_kib), 0);
    assert_int_equal(due_kib, 0);
    /* Without a name, as one that is just being created. */
    set_domain(2, NULL, 3000, 1000);
    assert_int_equal(h->ops->memory(h->opaque, &free_kib, &more_kib,
                                    &due_kib), 0);
    assert_int_equal(due_kib, 0);
    receive_host_close(&host);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_receive_host_knows_what_is_due),
    };

    return torture_run(argc, argv, tests);
}
