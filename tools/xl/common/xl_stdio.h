/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard output and error that never block: after Ctrl-S, or if the reader
 * of a pipe is stopped, a guest that is suspended must not stand still until
 * the user has pressed Ctrl-Q.
 */
#ifndef XL_COMMON_XL_STDIO_H
#define XL_COMMON_XL_STDIO_H

/*
 * From now on, what can't be written is kept, at most a megabyte for each, and
 * written with what is printed later. For the streams stdout and stderr only:
 * descriptors 1 and 2, which other processes share, stay as they are.
 */
void xl_stdio_hold(void);

/* In a forked child: what is kept is its parent's. */
void xl_stdio_forget(void);

/*
 * Blocks until what is kept has been written, and ends the holding. Returns 0,
 * or -1 with errno (0: not known) if standard output could not be written.
 */
int xl_stdio_release(void);

#endif
