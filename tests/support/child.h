/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Part of a test in a child process, which may change what a process inherits.
 * cmocka must not fail the test there: the exit status tells the line.
 */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <unistd.h>

#define check(what) ((what) ? (void)0 : _exit(__LINE__ % 256))

/*
 * Fails the test unless every check in part() holds. A child that blocks is
 * ended by SIGALRM.
 */
void expect_in_child(void (*part)(void));

#endif
