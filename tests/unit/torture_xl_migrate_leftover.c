/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <libxl_utils.h>

#include "migrate/xl_migrate_leftover.h"
#include "support/capture.h"
#include "support/torture.h"

static const char *there;       /* the only other domain */

int libxl_name_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid)
{
    (void)ctx;
    if (strcmp(name, there))
        return ERROR_INVAL;
    *domid = 12;
    return 0;
}

static void expect_refused(const char *name, const char *other, const char *why)
{
    char err[XPC_ERR_LEN] = "";

    there = other;
    assert_int_equal(migrate_check_leftovers(NULL, name, err), -1);
    if (!strstr(err, why) || !strstr(err, "xl destroy ") || strchr(err, '\n'))
        fail_msg("%s", err);
}

static void torture_xl_migrate_leftover_domain_is_not_migrated(void **state)
{
    (void)state;
    expect_refused("g1--incoming", "g1--incoming", "g1--incoming is the copy");
    expect_refused("g1--migratedaway", "g1--migratedaway",
                   "g1--migratedaway is what a migration left here");
    expect_refused("evil\n\033--migratedaway", "x", "evil");
}

/* The guest would already be suspended when the name is needed. */
static void torture_xl_migrate_leftover_has_the_name_needed(void **state)
{
    (void)state;
    expect_refused("g1", "g1--migratedaway",
                   "domain 12 is called g1--migratedaway");
}

static void torture_xl_migrate_leftover_of_others_does_not_matter(
    void **state)
{
    static const char *const names[] = {
        "g1", "--migratedaway", "--incoming", "g1--incoming-2",
        "g1--migratedaway2",
    };
    char err[XPC_ERR_LEN];

    (void)state;
    there = "g2--migratedaway";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(migrate_check_leftovers(NULL, names[i], err), 0);
}

static int check(int argc, char **argv)
{
    char err[XPC_ERR_LEN];

    (void)argc;
    migrate_warn_leftover(NULL, argv[1]);
    return migrate_check_leftovers(NULL, argv[1], err);
}

static void torture_xl_migrate_leftover_is_explained_to_the_user(void **state)
{
    (void)state;
    there = "g1--incoming";
    assert_int_equal(capture(check, "", "g1", NULL), 0);
    assert_non_null(strstr(captured_err, "g1--incoming"));
    assert_non_null(strstr(captured_err, "xl destroy 12\n"));
    assert_int_equal(capture(check, "", "g2", NULL), 0);
    assert_string_equal(captured_err, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_migrate_leftover_domain_is_not_migrated),
        cmocka_unit_test(torture_xl_migrate_leftover_has_the_name_needed),
        cmocka_unit_test(torture_xl_migrate_leftover_of_others_does_not_matter),
        cmocka_unit_test(torture_xl_migrate_leftover_is_explained_to_the_user),
    };

    return torture_run(argc, argv, tests);
}
