/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard of a save whose toolstack is not ours: a process that outlives the
 * save helper and its toolstack. If the save fails after the guest was asked to
 * suspend, it resumes the guest, unless the toolstack does. libvirt, for one,
 * does not. If the helper is killed, it also switches log-dirty off.
 *
 * Without a complete save the target can't have a complete guest, so the guest
 * may run here. After a complete one it is the toolstack's, and the guard only
 * tells the system's log if it stays suspended.
 *
 * It is a program of its own, save-guard in the folder of the plug-in, because
 * only libxl can resume a guest, and the plug-in must not load libxl.
 */
#ifndef SAVE_GUARD_H
#define SAVE_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenprecopy/error.h>

struct save_guard {
    pid_t pid;                  /* 0: there is none */
    int fd;
    bool asked;                 /* it knows that the guest was asked */
};

/* The program; NULL: save-guard in the folder of the plug-in. For tests. */
extern const char *save_guard_program;

/*
 * Starts it and waits until it is ready; it holds the lock as well. Returns 0,
 * or -1 with one line in err.
 */
int save_guard_start(struct save_guard *g, uint32_t domid, int lock_fd,
                     char err[XPC_ERR_LEN]);

/* Does it still run? If there is none, none is needed. */
bool save_guard_stands(const struct save_guard *g);

/*
 * The guest is about to be asked to suspend; it has suspended. Nothing is done
 * if there is no guard.
 */
void save_guard_asked(struct save_guard *g);
void save_guard_suspended(struct save_guard *g);

/*
 * The save has ended with rc. A report that all was sent must not be written
 * before. The guard exits before this returns, unless it has to watch over a
 * guest that was asked to suspend.
 */
void save_guard_end(struct save_guard *g, int rc);

#endif
