/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of the history and of reports: found by a key, read as a whole,
 * and replaced as a whole. Functions that take err return 0 or a libxl error
 * with one line in err (LIBXL_PRECOPY_ERR_LEN).
 */
#ifndef LIBXL_PRECOPY_FILES_H
#define LIBXL_PRECOPY_FILES_H

#include <dirent.h>
#include <stddef.h>

#define LIBXL__FILES_SUFFIX ".json"

/* Formats err. Returns rc. */
__attribute__((format(printf, 3, 4)))
int libxl__files_fail(char *err, int rc, const char *fmt, ...);
int libxl__files_no_memory(char *err);

/* dir, or the default directory for NULL. */
const char *libxl__files_directory(const char *dir);
/* dir/name with the suffix. malloc()ed; NULL: out of memory. */
char *libxl__files_join(const char *dir, const char *name,
                        const char *suffix);
/* The file for any key, such as a host, with LIBXL__FILES_SUFFIX. The same. */
char *libxl__files_path(const char *dir, const char *key);
/* For scandir(): is it the name of such a file? */
int libxl__files_is_named(const struct dirent *e);

/*
 * Reads a file of at most max bytes into *text_r, which is malloc()ed. what:
 * what it should be, for errors. ERROR_NOTFOUND: there is none (err is empty).
 * ERROR_INVAL: it can't be what it should be.
 */
int libxl__files_load(const char *path, const char *what, size_t max,
                      char **text_r, size_t *len_r, char *err);

/* Makes the directory and those above it. */
int libxl__files_make_directories(const char *dir, char *err);
/*
 * Locks the directory against other writers, for whom it waits for half a
 * minute. Returns a descriptor, whose closing unlocks, or a libxl error.
 */
int libxl__files_lock(const char *dir, char *err);
/*
 * Replaces the file in dir by one with the text and mode 0600. The lock must be
 * held: then a temporary file was left by a writer that has died, and can be
 * overwritten.
 */
int libxl__files_replace(const char *dir, const char *path, const char *text,
                         char *err);

#endif
