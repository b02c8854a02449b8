/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a target, beside migrations to it that are under way. */
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "receive/xl_receive_host.h"
#include "support/torture.h"

static struct receive_host host;
static libxl_dominfo domains[3];
static const char *names[3];

/* ---- libxl -------------------------------------------------------------- */

int libxl_ctx_alloc(libxl_ctx **ctx_r, int version, unsigned int flags,
                    xentoollog_logger *lg)
{
    (void)version;
    (void)flags;
    (void)lg;
    *ctx_r = (libxl_ctx *)domains;
    return 0;
}

int libxl_ctx_free(libxl_ctx *ctx)
{
    (void)ctx;
    return 0;
}

void libxl_childproc_setmode(libxl_ctx *ctx,
                             const libxl_childproc_hooks *hooks, void *user)
{
    (void)ctx;
    (void)hooks;
    (void)user;
}

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

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *nr_r)
{
    (void)ctx;
    *nr_r = 3;
    return domains;
}

void libxl_dominfo_list_free(libxl_dominfo *list, int nr)
{
    (void)list;
    (void)nr;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    (void)ctx;
    return names[domid] ? strdup(names[domid]) : NULL;
}

/* ---- tests -------------------------------------------------------------- */

static void set_domain(uint32_t domid, const char *name, uint64_t max_kib,
                       uint64_t current_kib)
{
    domains[domid] = (libxl_dominfo){
        .domid = domid, .max_memkb = max_kib, .current_memkb = current_kib,
    };
    names[domid] = name;
}

static void torture_xl_receive_host_knows_what_is_due(void **state)
{
    const struct check_host *h = receive_host_open(&host);
    uint64_t free_kib, more_kib, due_kib;

    (void)state;
    set_domain(0, "Domain-0", 9000, 5000);
    /* A guest with a balloon can't have that: it runs. */
    set_domain(1, "web1", 4000, 2000);
    set_domain(2, "db1--incoming", 3000, 1000);
    assert_int_equal(h->ops->memory(h->opaque, &free_kib, &more_kib,
                                    &due_kib), 0);
    assert_int_equal(free_kib, 10000);
    assert_int_equal(due_kib, 2000);
    /* One that is broken off takes no more. */
    domains[2].dying = true;
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
