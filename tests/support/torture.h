/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every test program shares: cmocka with its prerequisites, and a name
 * filter on the command line.
 */
#ifndef TESTS_SUPPORT_TORTURE_H
#define TESTS_SUPPORT_TORTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Runs the tests whose names match the first argument (a pattern), or all. */
#define torture_run(argc, argv, tests) \
    ((argc) > 1 ? cmocka_set_test_filter((argv)[1]) : (void)0, \
     cmocka_run_group_tests(tests, NULL, NULL))

#endif
