/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program inherits from the one that starts it, and xl relies on; and
 * what it owes that one at its end.
 */
#ifndef XL_COMMON_XL_STARTUP_H
#define XL_COMMON_XL_STARTUP_H

/*
 * Before a command runs. Standard descriptors that are closed stay unusable,
 * but their numbers are taken: what xl prints must not get into a file or
 * connection that it opens later. Processes that xl starts can be waited for.
 */
void xl_startup(void);

/*
 * After a command has run, with its exit status. Standard output that could not
 * be written is an error, as with a full disk: returns 1 in place of 0 then,
 * unless xl_globals.acted.
 */
int xl_finish(const char *command, int status);

#endif
