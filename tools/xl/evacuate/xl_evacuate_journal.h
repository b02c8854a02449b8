/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal of an evacuation: one line of JSON for each event, on the disk
 * before what it announces is done. It is in the folder "evacuation" beside the
 * history, with what the migrations print and report.
 */
#ifndef XL_EVACUATE_XL_EVACUATE_JOURNAL_H
#define XL_EVACUATE_XL_EVACUATE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/error.h>

struct journal_arg {
    char *text;
};

/* A line. Unused members are 0. */
struct journal_line {
    char *event;                    /* begin: args, deadline_s
                                     * start: domain, uuid, target, tries,
                                     *   before one is prepared
                                     * pid: the same, with pid, pid_start,
                                     *   before it begins
                                     * end: domain, status, text
                                     * out: target, text
                                     * finish */
    uint64_t time_s;                /* since 1970 */
    uint64_t deadline_s;            /* the same; 0: none */
    char *domain, *uuid, *target;
    uint64_t pid, pid_start;        /* of xl migrate; start: see proc(5) */
    uint64_t status;                /* of xl migrate */
    uint64_t tries;
    char *text;
    struct journal_arg *args;
    size_t nr_args;
};

struct journal {
    char *dir;
    int fd, lock_fd;                /* -1: not open */
};

#define JOURNAL_INIT { .fd = -1, .lock_fd = -1 }

/*
 * Makes the folder, and excludes other evacuations of this host. Returns 0, or
 * -1 with one line in err.
 */
int journal_lock(struct journal *j, char err[XPC_ERR_LEN]);
/* Begins a new one; the old one is kept as journal.old. The same. */
int journal_begin(struct journal *j, char err[XPC_ERR_LEN]);
/*
 * Reads all lines, up to one that was not completely written, and opens the
 * journal for more. *list_r is freed by journal_free(). The same; errno ENOENT:
 * there is none.
 */
int journal_resume(struct journal *j, struct journal_line **list_r,
                   size_t *nr_r, char err[XPC_ERR_LEN]);
void journal_free(struct journal_line *list, size_t nr);
/* Adds a line, with the time. The same. */
int journal_add(struct journal *j, const struct journal_line *line,
                char err[XPC_ERR_LEN]);
/* dir/NAME-of-the-domain.SUFFIX, for files of a migration. malloc()ed. */
char *journal_path(const struct journal *j, const char *uuid,
                   const char *suffix);
void journal_close(struct journal *j);

#endif
