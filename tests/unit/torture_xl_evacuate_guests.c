/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which domains an evacuation moves, and which targets it takes. */
#include <stdlib.h>
#include <string.h>

#include "evacuate/xl_evacuate_targets.h"
#include "support/capture.h"
#include "support/fake_domains.h"
#include "support/temp_dir.h"
#include "support/torture.h"

#define MANY 300

static struct evacuate_options options;
static struct evacuation e;

/* ---- fixtures --------------------------------------------------------- */

static int setup(void **state)
{
    fake_domains_reset();
    fake_domains[0].name = "Domain-0";
    nr_fake_domains = 1;
    options = (struct evacuate_options){ .to.nr = 1, .to.name[0] = "host2" };
    e = (struct evacuation){ .o = &options };
    return temp_dir_setup(state);
}

static int teardown(void **state)
{
    free((char *)options.ssh_command);
    evacuate_dispose(&e);
    return temp_dir_teardown(state);
}

static struct fake_domain *add(const char *name)
{
    struct fake_domain *d = &fake_domains[nr_fake_domains++];

    d->name = name;
    return d;
}

static int find(char *err)
{
    *err = 0;
    return evacuate_find_guests(&e, err);
}

/* What "xl list" prints on the target, after domain 0. */
static void target_lists(const char *lines)
{
    char *path = temp_path("ssh");

    append_file(path, "#!/bin/sh\ncase $3 in\n"
                "info) printf 'a\\nfree_memory            : 1000\\n' ;;\n"
                "list) cat <<END\n"
                "Name                 ID   Mem VCPUs      State   Time(s)\n"
                "Domain-0              0  1024     2     r-----    62.5\n");
    append_file(path, lines);
    append_file(path, "END\nesac\n");
    options.ssh_command = path;
}

/* ---- tests ------------------------------------------------------------ */

static int run_find(int argc, char **argv)
{
    char err[XPC_ERR_LEN];

    (void)argc;
    (void)argv;
    return find(err);
}

static void torture_xl_evacuate_guests_of_the_dead(void **state)
{
    (void)state;
    add("g1");
    add(NULL)->info.dying = true;
    add("g3")->info.shutdown = true;
    add("g4")->info.shutdown = true;
    options.leave.name[0] = "g4";
    options.leave.nr = 1;
    assert_int_equal(capture(run_find, "evacuate", NULL), 0);
    assert_int_equal(e.s.nr_moves, 1);
    assert_string_equal(e.guests[0].name, "g1");
    /* It is not passed over in silence, unless it is to stay. */
    assert_string_equal(captured_err, "xl evacuate: domain 3 (g3) is shut "
                        "down, and stays here: see xl list\n");
}

/* The advice must help. */
static void torture_xl_evacuate_guests_without_a_name(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    add("g1");
    add(NULL);
    assert_int_equal(find(err), -1);
    assert_non_null(strstr(err, "--leave=2"));
    evacuate_dispose(&e);
    e = (struct evacuation){ .o = &options };
    options.leave.name[0] = "2";
    options.leave.nr = 1;
    if (find(err))
        fail_msg("%s", err);
    assert_int_equal(e.s.nr_moves, 1);
}

static void torture_xl_evacuate_guests_none_and_many(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(find(err), 0);
    assert_int_equal(e.s.nr_moves, 0);
    evacuate_dispose(&e);
    e = (struct evacuation){ .o = &options };
    for (int i = 0; i < MANY; i++)
        add("g");
    assert_int_equal(find(err), -1);
    assert_non_null(strstr(err, "at most 256 domains"));
}

static void torture_xl_evacuate_guests_to_this_host(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    add("web 1");
    add("db");
    target_lists("web 1                 1   256     1     -b----     7.1\n"
                 "db                    2   256     1     -b----     7.1\n");
    assert_int_equal(find(err), 0);
    assert_int_equal(evacuate_ask_targets(&e, err), -1);
    assert_non_null(strstr(err, "host2 has the same domains"));
}

static void torture_xl_evacuate_guests_whose_name_is_taken(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    add("web 1");
    add("db");
    target_lists("web 1                 9   256     1     -b----     7.1\n"
                 "db--incoming          2   256     1     --p---     7.1\n");
    assert_int_equal(find(err), 0);
    if (evacuate_ask_targets(&e, err))
        fail_msg("%s", err);
    assert_int_equal(e.s.moves[0].not_on, 1);
    assert_int_equal(e.s.moves[1].not_on, 1);
    assert_int_equal(e.s.targets[0].free_bytes, 1000 << 20);
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_evacuate_guests_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(of_the_dead),
        T(without_a_name),
        T(none_and_many),
        T(to_this_host),
        T(whose_name_is_taken),
    };

    return torture_run(argc, argv, tests);
}
