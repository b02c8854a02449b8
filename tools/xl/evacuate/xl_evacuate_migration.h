/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One migration: a process of its own, xl migrate. What it prints goes to
 * files, so that it does not matter to it if the evacuation is killed.
 */
#ifndef XL_EVACUATE_XL_EVACUATE_MIGRATION_H
#define XL_EVACUATE_XL_EVACUATE_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <xenprecopy/error.h>
#include <xenprecopy/xenprecopy.h>

struct migration {
    pid_t pid;                      /* 0: none */
    uint64_t pid_start;
    bool ours;                      /* started by this process */
    int go_fd;                      /* until it may begin */
    char *progress, *report, *log;  /* files */
    long offset;                    /* in progress */
    uint64_t cap_bytes_per_s;       /* as last set; 0: none */
#define MIGRATION_CAP_UNKNOWN UINT64_MAX
    pid_t setter;                   /* xl migrate-set, which sets */
    uint64_t setting_bytes_per_s;
    /* What it has printed. */
    uint64_t iteration, percent, dirty_pages, predicted_ns;
    uint64_t iteration_ns;          /* when this one began */
    double bytes_per_s;             /* after the first iteration, before
                                     * compression */
    uint64_t sent_bytes, elapsed_ns;    /* in the first iteration, */
    uint64_t sent_ns;               /* as it said then */
    uint64_t told_bytes, told_ns;   /* sent in all, and how long that took */
    double rate_bytes_per_s;        /* between the last two times, */
    uint64_t rate_from_ns;          /* of which the first was then; 0: none */
    bool suspended, sent;
    uint64_t due_ns;                /* since when its suspend is due; 0: not */
};

/*
 * Prepares it, with these arguments. turn: the file by which migrations take
 * turns, see save/turn.h. Returns 0, or -1 with errno.
 */
int migration_start(struct migration *m, const char *const *args,
                    const char *turn);
/*
 * Lets it begin, or not; then it ends. It does not begin either if this process
 * is killed before.
 */
void migration_go(struct migration *m, bool go);
/* Reads what it has printed since. */
void migration_read(struct migration *m, uint64_t now_ns);
/*
 * Has it ended? *status_r: its exit status, or -1 if that can't be known, as
 * for one that an earlier evacuation has started.
 */
bool migration_ended(struct migration *m, int *status_r);
/* The report, which must be initialised. Returns 0 or -1. */
int migration_report(const struct migration *m, struct xpc_report *r);
/*
 * The last line of its messages that can be a reason. The one that says where
 * its limits are set (a report's sources, or NULL) can't. malloc()ed.
 */
char *migration_message(const struct migration *m, const char *sources);
/* Breaks it off; the guest stays here. */
void migration_break(const struct migration *m);
void migration_dispose(struct migration *m);

#endif
