/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors in the administrator's file. */
#ifndef CONF_ERROR_H
#define CONF_ERROR_H

#include <xenprecopy/error.h>

/*
 * Formats "PATH:LINE: ..." into err (XPC_ERR_LEN bytes), without control
 * characters. Line 0: of the file as a whole. Returns -1.
 */
__attribute__((format(printf, 4, 5)))
int conf_bad(char *err, const char *path, unsigned int line,
             const char *fmt, ...);

#endif
