/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command and keeps what it prints.
 */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

/* The outputs of the last command, cut off if they are longer. */
extern char captured_out[1 << 18], captured_err[4096];

/*
 * Runs cmd as a command of that name with at most 30 arguments, the last one
 * followed by NULL. Returns its exit status.
 */
__attribute__((sentinel))
int capture(int (*cmd)(int argc, char **argv), const char *name, ...);

#endif
