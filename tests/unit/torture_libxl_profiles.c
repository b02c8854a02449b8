/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of profiles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "libxl_precopy_profiles.h"
#include "support/torture.h"

static char top[64], dir[96], file[96];
static char err[LIBXL_PRECOPY_ERR_LEN];
static struct xpc_profile p;

static int setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/torture_libxl_profiles.XXXXXX");
    assert_non_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/history", top);
    snprintf(file, sizeof(file), "%s/web.json", top);
    xpc_profile_init(&p);
    return 0;
}

static int teardown(void **state)
{
    char command[96];

    (void)state;
    xpc_profile_dispose(&p);
    snprintf(command, sizeof(command), "rm -r %s", top);
    return system(command);
}

static int add(const char *to, const char *domain, unsigned int hour)
{
    struct xpc_curve c = { .total_pages = 1000 };

    xpc_curve_add(&c, 125 * XPC_MS, 10, 9, 11);
    xpc_curve_add(&c, XPC_S, 50, 40, 60);
    return libxl_precopy_profile_add(dir, to, domain, hour, 7, &c, NULL,
                                     err);
}

static void torture_libxl_profiles_are_kept(void **state)
{
    (void)state;
    assert_int_equal(libxl_precopy_profile_read(dir, NULL, "g1", &p, err),
                     ERROR_NOTFOUND);
    assert_string_equal(err, "");
    assert_int_equal(add(NULL, "g1", 3), 0);
    assert_int_equal(add(NULL, "g1", 3), 0);
    assert_int_equal(add(NULL, "../x", 4), 0);
    assert_int_equal(libxl_precopy_profile_read(dir, NULL, "g1", &p, err), 0);
    assert_int_equal(p.nr_hours, 1);
    assert_int_equal(p.hours[0].measurements, 2);
    assert_string_equal(p.domain, "g1");
    assert_int_equal(libxl_precopy_profile_read(dir, NULL, "../x", &p, err),
                     0);
    assert_int_equal(p.hours[0].hour, 4);
}

static void torture_libxl_profiles_in_a_file(void **state)
{
    (void)state;
    assert_int_equal(add(file, "web", 1), 0);
    assert_int_equal(libxl_precopy_profile_read(dir, file, NULL, &p, err), 0);
    assert_string_equal(p.domain, "web");
    /* It is not mixed with another domain. */
    assert_int_equal(add(file, "db", 1), ERROR_INVAL);
    assert_non_null(strstr(err, "it is the profile of web"));
    assert_int_equal(libxl_precopy_profile_read(dir, file, NULL, &p, err), 0);
    assert_int_equal(p.hours[0].measurements, 1);
}

static void torture_libxl_profiles_damaged_stay_as_they_are(void **state)
{
    FILE *f = fopen(file, "w");
    struct stat st;

    (void)state;
    assert_non_null(f);
    fputs("{ \"version\": 1, \"hours\": [", f);
    fclose(f);
    assert_int_equal(add(file, "web", 1), ERROR_INVAL);
    assert_non_null(strstr(err, "web.json"));
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, 26);
    assert_int_equal(libxl_precopy_profile_read(dir, file, NULL, &p, err),
                     ERROR_INVAL);
}

/* Several at once: no measurement is lost. */
static void torture_libxl_profiles_two_writers(void **state)
{
    int status, bad = 0;

    (void)state;
    for (int i = 0; i < 4; i++) {
        if (fork())
            continue;
        for (int k = 0; k < 25; k++)
            bad |= add(NULL, "g1", 12);
        _exit(bad != 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(libxl_precopy_profile_read(dir, NULL, "g1", &p, err), 0);
    assert_int_equal(p.hours[0].measurements, 100);
}

#define T(name) cmocka_unit_test_setup_teardown(torture_libxl_profiles_##name, \
                                                setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(are_kept),
        T(in_a_file),
        T(damaged_stay_as_they_are),
        T(two_writers),
    };

    return torture_run(argc, argv, tests);
}
