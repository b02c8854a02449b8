/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes, told from later ones that got the same number. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* When a process was started, as in /proc/PID/stat; 0: there is none. */
uint64_t process_start(pid_t pid);

/*
 * False if that process has certainly ended. start 0: it is not known when it
 * was started.
 */
bool process_lives(pid_t pid, uint64_t start);

/*
 * A process in a node of xenstore: its number, and when it was started. The
 * first writes this one, and returns buf. The second returns the number in such
 * a text, or 0 if that process has ended. More may follow in the text.
 */
#define PROCESS_TEXT_LEN 48
const char *process_text(char buf[PROCESS_TEXT_LEN]);
pid_t process_alive(const char *text);

#endif
