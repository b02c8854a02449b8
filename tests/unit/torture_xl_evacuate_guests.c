/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which domains an evacuation moves, and which targets it takes. */
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"
#include "evacuate/xl_evacuate_targets.h"
#include "support/capture.h"
#include "support/conf_fixture.h"
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

/* It may be lost if all are said to have been moved. */
static void torture_xl_evacuate_guests_that_are_suspended(void **state)
{
    char err[XPC_ERR_LEN];
    struct fake_domain *d;

    (void)state;
    d = add("g1");
    d->info.shutdown = true;
    d->info.shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    *add("g2") = *d;
    fake_domains[2].name = "g2";
    options.leave.name[0] = "g2";
    options.leave.nr = 1;
    assert_int_equal(find(err), 0);
    assert_int_equal(e.s.nr_moves, 1);
    assert_int_equal(e.s.moves[0].state, XPC_MOVE_LEFT);
    assert_string_equal(e.guests[0].text, "it is suspended: see xl list");
}

static bool all_are_gone;
static char *named[] = { (char *)"g1" };

static int run_gone(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    all_are_gone = evacuate_all_are_gone(&e);
    return 0;
}

/* Nobody keeps others from starting guests meanwhile. */
static void torture_xl_evacuate_guests_that_are_new(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    add("g1");
    assert_int_equal(find(err), 0);
    nr_fake_domains = 1;
    add("g1")->info.dying = true;
    add("g2")->info.shutdown = true;
    add("g3");
    options.leave.name[0] = "g3";
    options.leave.nr = 1;
    assert_int_equal(capture(run_gone, "evacuate", NULL), 0);
    assert_true(all_are_gone);
    add("g4");
    assert_int_equal(capture(run_gone, "evacuate", NULL), 0);
    assert_false(all_are_gone);
    assert_string_equal(captured_err, "xl evacuate: domain 4 (g4) was started "
                        "meanwhile, or came back, and stays here: see xl "
                        "list\n");
    /* Only those that were named were to be moved. */
    options.nr_domains = 1;
    options.domains = named;
    assert_int_equal(capture(run_gone, "evacuate", NULL), 0);
    assert_true(all_are_gone);
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

static void parse(const char *text)
{
    char err[XPC_ERR_LEN];

    conf_fixture_use(text);
    if (conf_load(&e.conf, NULL, err))
        fail_msg("%s", err);
}

/* xl list prints none. */
static void torture_xl_evacuate_guests_apart_by_uuid(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    add("db1");
    add("db2");
    add("db3");
    add("db4");
    target_lists("db9                   9   256     1     -b----     7.1\n");
    append_file(options.ssh_command, "[ $3 != vm-list ] || echo '"
                "0123abcd-0000-0000-0000-000000000009  9    db9'\n");
    parse("[guest db1]\napart = x, 0123ABCD-0000-0000-0000-000000000009\n"
          "[guest db2]\ntogether = 0123abcd-0000-0000-0000-000000000009\n"
          "[guest 0123abcd-0000-0000-0000-000000000009]\napart = db3\n"
          "[guest db9]\napart=00000000-0000-0000-0000-000000000004\n");
    assert_int_equal(find(err), 0);
    if (evacuate_ask_targets(&e, err))
        fail_msg("%s", err);
    assert_int_equal(e.s.moves[0].not_on, 1);
    assert_int_equal(e.s.moves[1].not_on, ~UINT64_C(1));
    assert_int_equal(e.s.moves[2].not_on, 1);
    assert_int_equal(e.s.moves[3].not_on, 1);
}

static void torture_xl_evacuate_guests_together_with_one_that_stays(
    void **state)
{
    static const char *const texts[] = {
        "[guest db1]\ntogether = db2\n",
        "[guest db1]\ntogether = 00000000-0000-0000-0000-000000000002\n",
    };
    char err[XPC_ERR_LEN];

    (void)state;
    add("db1");
    add("db2");
    for (int k = 0; k < 4; k++) {
        fake_domains[2].info.shutdown = k / 2;
        fake_domains[2].info.shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
        options.leave.name[0] = "db2";
        options.leave.nr = !(k / 2);
        e = (struct evacuation){ .o = &options };
        parse(texts[k % 2]);
        assert_int_equal(find(err), -1);
        assert_non_null(strstr(err, "stays here"));
        evacuate_dispose(&e);
    }
    e = (struct evacuation){ .o = &options };
}

static void name_in(struct evacuate_names *list, const char *name)
{
    list->name[list->nr++] = (char *)name;
}

static void torture_xl_evacuate_guests_first_and_last(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    add("g1");
    add("g2");
    add("g3");
    name_in(&options.first, "g3");
    name_in(&options.first, "3");
    name_in(&options.last, "1");
    assert_int_equal(find(err), 0);
    assert_int_equal(e.s.nr_moves, 3);
    assert_int_equal(e.s.moves[0].rank, 1);
    assert_int_equal(e.s.moves[1].rank, 0);
    assert_int_equal(e.s.moves[2].rank, -1);
}

static void torture_xl_evacuate_guests_in_two_lists(void **state)
{
    struct evacuate_names *lists[] = {
        &options.first, &options.last, &options.leave,
    };
    static const char *const texts[] = {
        "--first and --last both name 2: leave one of them out",
        "--last and --leave both name 2: leave one of them out",
        "--first and --leave both name g2: leave one of them out",
    };
    char err[XPC_ERR_LEN];

    (void)state;
    add("g1");
    add("g2");
    for (int k = 0; k < 3; k++) {
        options.first.nr = options.last.nr = options.leave.nr = 0;
        name_in(lists[k], "g2");
        name_in(lists[(k + 1) % 3], "2");
        e = (struct evacuation){ .o = &options };
        assert_int_equal(find(err), -1);
        assert_string_equal(err, texts[k]);
        evacuate_dispose(&e);
    }
    e = (struct evacuation){ .o = &options };
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_evacuate_guests_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(of_the_dead),
        T(that_are_suspended),
        T(that_are_new),
        T(without_a_name),
        T(none_and_many),
        T(to_this_host),
        T(whose_name_is_taken),
        T(apart_by_uuid),
        T(together_with_one_that_stays),
        T(first_and_last),
        T(in_two_lists),
    };

    return torture_run(argc, argv, tests);
}
