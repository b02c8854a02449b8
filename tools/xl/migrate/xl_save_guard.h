/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard of a save by a toolstack that is not ours (save/guard.h): what the
 * program save-guard does.
 */
#ifndef XL_MIGRATE_XL_SAVE_GUARD_H
#define XL_MIGRATE_XL_SAVE_GUARD_H

#include <stdint.h>

#include <libxl.h>
#include <libxl_uuid.h>

struct save_guard_job {
    libxl_ctx *ctx;
    uint32_t domid;
    libxl_uuid uuid;
    int fd;                     /* the plug-in */
    int lock_fd;                /* the domain's lock */
    int toolstack_fd;           /* of pidfd_open(); -1: there is none */
    pid_t toolstack_pid;
    uint64_t toolstack_start;   /* process_start() */
    char toolstack[16];         /* its name, as in /proc/PID/comm */
};

/*
 * Blocks until the save has ended. If it has failed after the guest was asked
 * to suspend, and the toolstack does not resume the guest, resumes it. Messages
 * go to stderr. Returns 0, or 1 if the guest is still suspended.
 */
int save_guard_run(struct save_guard_job *job);

#endif
