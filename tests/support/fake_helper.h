/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that looks like libxl's save helper: the test program, executed
 * again. Publishes into fake_xenstore.h.
 */
#ifndef TESTS_SUPPORT_FAKE_HELPER_H
#define TESTS_SUPPORT_FAKE_HELPER_H

#include <sys/types.h>

/* For the start of main(): never returns in such a process. */
void fake_helper_main(int argc, char **argv);

/*
 * Starts one that saves domain domid, and waits until it has its command line.
 * fake_helper_kill() kills and reaps it.
 */
pid_t fake_helper_start(const char *domid);
/* As another user, which root only can. */
pid_t fake_helper_start_as(uid_t uid, const char *domid);
void fake_helper_kill(pid_t pid);

/* Publishes that pid migrates domain 7 with these parameters (JSON). */
void fake_helper_publish(pid_t pid, const char *params);

#endif
