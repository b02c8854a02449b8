/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder for a test, in which xl also keeps its locks and its history. */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

#include <stddef.h>

extern char temp_dir[32];

/* For cmocka: makes it, and removes it with all that is in it. */
int temp_dir_setup(void **state);
int temp_dir_teardown(void **state);

/* A path in it, to be freed. */
char *temp_path(const char *name);
/* Appends to a file; a new one may be executed. */
void append_file(const char *path, const char *text);

/*
 * As on a full disk, no file can be written beyond the size of this one plus
 * some bytes, until empty_disk().
 */
void fill_disk(int fd, size_t room);
void empty_disk(void);

#endif
