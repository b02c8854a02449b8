/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the installed tools are those of the running Xen. They are in a
 * temporary root.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/torture.h"
#include "xen/stock.h"

static char root[64];

static void run(const char *fmt, const char *a, const char *b)
{
    char command[2 * PATH_MAX];

    snprintf(command, sizeof(command), fmt, a, b);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/torture_xen_stock.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("XEN_PRECOPY_STOCK_HELPER");
    run("rm -rf %s%s", root, "");
    return 0;
}

/* Creates an executable file. */
static void install(const char *path)
{
    run("mkdir -p $(dirname %1$s%2$s) && touch %1$s%2$s && "
        "chmod 755 %1$s%2$s", root, path);
}

static void set_version(const char *major, const char *minor)
{
    run("mkdir -p %s/sys/hypervisor/version%s", root, "");
    run("echo %2$s >%1$s/sys/hypervisor/version/major", root, major);
    run("echo %2$s >%1$s/sys/hypervisor/version/minor", root, minor);
}

static void assert_found(const char *name, const char *path)
{
    char buf[PATH_MAX];

    assert_int_equal(xen_stock_tool(root, name, buf), 0);
    assert_string_equal(buf + strlen(root), path);
}

static void torture_xen_stock_is_of_the_running_version(void **state)
{
    (void)state;
    install("/usr/lib/xen-" XEN_VERSION "/bin/xl");
    install("/usr/lib/xen-9.8/bin/xl");
    install("/usr/sbin/xl");
    set_version("9", "8");
    assert_found("xl", "/usr/lib/xen-9.8/bin/xl");
}

/* Tools of another version cannot use this Xen. */
static void torture_xen_stock_is_never_of_another_version(void **state)
{
    char buf[PATH_MAX];

    (void)state;
    install("/usr/lib/xen-" XEN_VERSION "/bin/libxl-save-helper");
    set_version("9", "8");
    assert_int_equal(xen_stock_tool(root, "libxl-save-helper", buf), -1);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(buf + strlen(root),
                        "/usr/lib/xen-9.8/bin/libxl-save-helper");
}

static void torture_xen_stock_is_found_on_other_distributions(void **state)
{
    (void)state;
    set_version("9", "8");
    install("/usr/libexec/xen/bin/libxl-save-helper");
    assert_found("libxl-save-helper",
                 "/usr/libexec/xen/bin/libxl-save-helper");
    install("/usr/local/sbin/xl");
    assert_found("xl", "/usr/local/sbin/xl");
    install("/usr/sbin/xl");
    assert_found("xl", "/usr/sbin/xl");
}

static void torture_xen_stock_of_unknown_version_is_the_built_one(
    void **state)
{
    (void)state;
    install("/usr/lib/xen-" XEN_VERSION "/bin/xl");
    assert_found("xl", "/usr/lib/xen-" XEN_VERSION "/bin/xl");
    set_version("", "x");
    assert_found("xl", "/usr/lib/xen-" XEN_VERSION "/bin/xl");
    install("/usr/sbin/xl");
    assert_found("xl", "/usr/sbin/xl");
}

static void torture_xen_stock_is_not_this_program(void **state)
{
    (void)state;
    set_version("9", "8");
    run("mkdir -p %s/usr/sbin%s", root, "");
    run("ln -s $(readlink -f /proc/$PPID/exe) %s/usr/sbin/xl%s", root, "");
    install("/usr/local/sbin/xl");
    assert_found("xl", "/usr/local/sbin/xl");
}

/* Makes a link to this program in the place of a tool. */
static void replace(const char *path)
{
    run("mkdir -p $(dirname %1$s%2$s) && "
        "ln -sf $(readlink -f /proc/$PPID/exe) %1$s%2$s", root, path);
}

static void assert_not_found(const char *name, const char *expected)
{
    char buf[PATH_MAX];

    assert_int_equal(xen_stock_tool(root, name, buf), -1);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(buf + strlen(root), expected);
}

/* As xen-precopy enable leaves it. /usr/sbin/xl would run the link again. */
static void torture_xen_stock_is_found_where_it_was_moved(void **state)
{
    (void)state;
    set_version("9", "8");
    install("/usr/lib/xen-9.8/stock/xl");
    install("/usr/lib/xen-9.8/stock/libxl-save-helper");
    install("/usr/sbin/xl");
    replace("/usr/lib/xen-9.8/bin/xl");
    replace("/usr/lib/xen-9.8/bin/libxl-save-helper");
    assert_found("xl", "/usr/lib/xen-9.8/stock/xl");
    assert_found("libxl-save-helper",
                 "/usr/lib/xen-9.8/stock/libxl-save-helper");
}

/* Another installation of this package may be in the tool's place. */
static void torture_xen_stock_is_not_another_of_ours(void **state)
{
    (void)state;
    set_version("9", "8");
    install("/usr/lib/xen-9.8/stock/xl");
    install("/another/xl");
    run("mkdir -p %1$s/usr/lib/xen-9.8/bin && "
        "ln -s %1$s/another/xl %1$s/usr/lib/xen-9.8/bin/xl%2$s", root, "");
    assert_found("xl", "/usr/lib/xen-9.8/stock/xl");
}

/* The place has Xen's own: what is beside it was left over. */
static void torture_xen_stock_in_its_place_comes_first(void **state)
{
    (void)state;
    set_version("9", "8");
    install("/usr/lib/xen-9.8/stock/xl");
    install("/usr/lib/xen-9.8/bin/xl");
    assert_found("xl", "/usr/lib/xen-9.8/bin/xl");
    /* A link of the administrator's, with nothing moved. */
    run("rm %s/usr/lib/xen-9.8/bin/xl %s/usr/lib/xen-9.8/stock/xl", root,
        root);
    install("/opt/xen/xl");
    run("ln -s %1$s/opt/xen/xl %1$s/usr/lib/xen-9.8/bin/xl%2$s", root, "");
    assert_found("xl", "/usr/lib/xen-9.8/bin/xl");
}

static void torture_xen_stock_moved_and_lost_is_not_searched_for(
    void **state)
{
    (void)state;
    set_version("9", "8");
    install("/usr/sbin/xl");
    replace("/usr/lib/xen-9.8/bin/xl");
    assert_not_found("xl", "/usr/lib/xen-9.8/stock/xl");
    replace("/usr/lib/xen-9.8/stock/xl");
    assert_not_found("xl", "/usr/lib/xen-9.8/stock/xl");
}

static void torture_xen_stock_of_unknown_version_is_the_moved_one(
    void **state)
{
    (void)state;
    install("/usr/lib/xen-" XEN_VERSION "/stock/xl");
    install("/usr/sbin/xl");
    replace("/usr/lib/xen-" XEN_VERSION "/bin/xl");
    assert_found("xl", "/usr/lib/xen-" XEN_VERSION "/stock/xl");
}

static void torture_xen_stock_is_replaced(void **state)
{
    (void)state;
    set_version("9", "8");
    assert_false(xen_stock_is_replaced(root, "xl"));
    install("/usr/lib/xen-9.8/bin/xl");
    assert_false(xen_stock_is_replaced(root, "xl"));
    replace("/usr/lib/xen-9.8/bin/xl");
    assert_true(xen_stock_is_replaced(root, "xl"));
    /* Nobody runs the tools of another Xen. */
    set_version("9", "9");
    assert_false(xen_stock_is_replaced(root, "xl"));
}

static void torture_xen_stock_helper_is_from_the_environment(void **state)
{
    char buf[PATH_MAX];

    (void)state;
    setenv("XEN_PRECOPY_STOCK_HELPER", "/bin/true", 1);
    assert_int_equal(xen_stock_helper(buf), 0);
    assert_string_equal(buf, "/bin/true");
    setenv("XEN_PRECOPY_STOCK_HELPER", "/nowhere/helper", 1);
    assert_int_equal(xen_stock_helper(buf), -1);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(buf, "/nowhere/helper");
    /* It would run itself again and again. */
    setenv("XEN_PRECOPY_STOCK_HELPER", "/proc/self/exe", 1);
    assert_int_equal(xen_stock_helper(buf), -1);
    assert_int_equal(errno, ELOOP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_xen_stock_is_of_the_running_version),
        TEST(torture_xen_stock_is_never_of_another_version),
        TEST(torture_xen_stock_is_found_on_other_distributions),
        TEST(torture_xen_stock_of_unknown_version_is_the_built_one),
        TEST(torture_xen_stock_is_not_this_program),
        TEST(torture_xen_stock_is_found_where_it_was_moved),
        TEST(torture_xen_stock_is_not_another_of_ours),
        TEST(torture_xen_stock_in_its_place_comes_first),
        TEST(torture_xen_stock_moved_and_lost_is_not_searched_for),
        TEST(torture_xen_stock_of_unknown_version_is_the_moved_one),
        TEST(torture_xen_stock_is_replaced),
        TEST(torture_xen_stock_helper_is_from_the_environment),
    };

    return torture_run(argc, argv, tests);
}
