/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Error messages. Functions that can fail for a reason that a user should know
 * write one line, without a newline, into a buffer of the caller.
 */
#ifndef XENPRECOPY_ERROR_H
#define XENPRECOPY_ERROR_H

/* Size of such a buffer in bytes, including the terminating NUL. */
#define XPC_ERR_LEN 256

/*
 * Makes untrusted text safe to print on one line: replaces each control
 * character, including newlines and those from U+0080 to U+009F, by question
 * marks.
 */
void xpc_plain_line(char *text);

#endif
