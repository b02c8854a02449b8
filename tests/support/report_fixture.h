/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report of a migration, and a directory for files.
 */
#ifndef TESTS_SUPPORT_REPORT_FIXTURE_H
#define TESTS_SUPPORT_REPORT_FIXTURE_H

#include <stddef.h>

#include <xenprecopy/xenprecopy.h>

/* The directory of the test under way, and a file in it. */
extern char report_dir[64], report_path[128];

/* For cmocka: make the directory, and remove it with all its files. */
int report_setup(void **state);
int report_teardown(void **state);

/* Removes all files in the directory. Returns how many there were. */
int report_remove_files(void);

/* Reads a file into buf as a string of at most len - 1 bytes. */
void read_file(const char *name, char *buf, size_t len);

/*
 * A migration with a downtime of 225 ms. The caller disposes of *r with
 * xpc_report_dispose().
 */
void report_fill(struct xpc_report *r);

#endif
