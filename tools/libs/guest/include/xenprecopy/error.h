/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Error messages: a function that can fail for a reason worth telling writes
 * one line, without a newline, into a caller's buffer of this size.
 */
#ifndef XENPRECOPY_ERROR_H
#define XENPRECOPY_ERROR_H

/* Bytes, including the terminating NUL. */
#define XPC_ERR_LEN 256

/*
 * Makes text that others wrote safe to print on one line: each control
 * character, newlines included, is replaced by a question mark.
 */
void xpc_plain_line(char *text);

#endif
