/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading of files that options name. */
#ifndef XL_COMMON_XL_INPUT_H
#define XL_COMMON_XL_INPUT_H

#include <stddef.h>

/*
 * Reads to the end of the file, or more than XPC_JSON_MAX_BYTES, which the
 * JSON reader then refuses. Returns a malloc()ed buffer, or NULL with errno.
 */
char *xl_read_to_end(int fd, size_t *len_r);

#endif
