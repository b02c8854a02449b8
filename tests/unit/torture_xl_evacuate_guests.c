/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which domains an evacuation moves, and which targets it takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "evacuate/xl_evacuate_targets.h"
#include "libxl_precopy_history.h"
#include "support/capture.h"
#include "support/torture.h"

#define MANY 300

static char dir[] = "/tmp/torture_xl_evacuate_guests.XXXXXX";
static struct evacuate_options options;
static struct evacuation e;

/* ---- domains --------------------------------------------------------- */

static struct domain {
    const char *name;               /* NULL: none */
    bool dying, shutdown;
} domains[MANY];
static int nr_domains;

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *nr)
{
    libxl_dominfo *list = calloc(nr_domains + 1, sizeof(*list));

    (void)ctx;
    for (int i = 0; i < nr_domains; i++) {
        uint8_t *uuid = libxl_uuid_bytearray(&list[i + 1].uuid);

        list[i + 1].domid = i + 1;
        list[i + 1].dying = domains[i].dying;
        list[i + 1].shutdown = domains[i].shutdown;
        uuid[15] = i + 1;
    }
    *nr = nr_domains + 1;
    return list;
}

void libxl_dominfo_list_free(libxl_dominfo *list, int nr)
{
    (void)nr;
    free(list);
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    const char *name = domains[domid - 1].name;

    (void)ctx;
    return name ? strdup(name) : NULL;
}

int libxl_domain_qualifier_to_domid(libxl_ctx *ctx, const char *name,
                                    uint32_t *domid)
{
    char *end;

    (void)ctx;
    *domid = strtoul(name, &end, 10);
    if (!*end)
        return 0;
    for (int i = 0; i < nr_domains; i++) {
        *domid = i + 1;
        if (domains[i].name && !strcmp(domains[i].name, name))
            return 0;
    }
    return -1;
}

int libxl_is_stubdom(libxl_ctx *ctx, uint32_t domid, uint32_t *target)
{
    (void)ctx;
    (void)domid;
    (void)target;
    return 0;
}

/* ---- fixtures --------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    strcpy(strrchr(dir, '.'), ".XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    setenv(LIBXL_PRECOPY_HISTORY_ENV, dir, 1);
    memset(domains, 0, sizeof(domains));
    nr_domains = 0;
    options = (struct evacuate_options){ .to.nr = 1, .to.name[0] = "host2" };
    e = (struct evacuation){ .o = &options };
    return 0;
}

static int teardown(void **state)
{
    char *command = xl_asprintf("rm -r %s", dir);
    int r = system(command);

    (void)state;
    free(command);
    free((char *)options.ssh_command);
    evacuate_dispose(&e);
    return r;
}

static int find(char *err)
{
    *err = 0;
    return evacuate_find_guests(&e, err);
}

/* What "xl list" prints on the target, after domain 0. */
static void target_lists(const char *lines)
{
    char *path = xl_asprintf("%s/ssh", dir);
    FILE *f = fopen(path, "w");

    fprintf(f, "#!/bin/sh\ncase $3 in\n"
            "info) printf 'a\\nfree_memory            : 1000\\n' ;;\n"
            "list) cat <<END\n"
            "Name                 ID   Mem VCPUs      State   Time(s)\n"
            "Domain-0              0  1024     2     r-----    62.5\n"
            "%sEND\nesac\n", lines);
    assert_int_equal(fclose(f), 0);
    chmod(path, 0700);
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
    domains[0] = (struct domain){ .name = "g1" };
    domains[1] = (struct domain){ .dying = true };
    domains[2] = (struct domain){ .name = "g3", .shutdown = true };
    domains[3] = (struct domain){ .name = "g4", .shutdown = true };
    nr_domains = 4;
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
    domains[0] = (struct domain){ .name = "g1" };
    nr_domains = 2;
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
    nr_domains = MANY;
    for (int i = 0; i < MANY; i++)
        domains[i].name = "g";
    assert_int_equal(find(err), -1);
    assert_non_null(strstr(err, "at most 256 domains"));
}

static void torture_xl_evacuate_guests_to_this_host(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    domains[0] = (struct domain){ .name = "web 1" };
    domains[1] = (struct domain){ .name = "db" };
    nr_domains = 2;
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
    domains[0] = (struct domain){ .name = "web 1" };
    domains[1] = (struct domain){ .name = "db" };
    nr_domains = 2;
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
