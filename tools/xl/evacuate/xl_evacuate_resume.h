/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the journal says of an earlier evacuation. */
#ifndef XL_EVACUATE_XL_EVACUATE_RESUME_H
#define XL_EVACUATE_XL_EVACUATE_RESUME_H

#include "evacuate/xl_evacuate_guests.h"
#include "evacuate/xl_evacuate_journal.h"

/*
 * The arguments with which it was begun, NULL-terminated, in the lines; NULL:
 * it has ended, or nothing was begun.
 */
char **resume_arguments(const struct journal_line *lines, size_t nr,
                        int *argc_r);
/* Its deadline, in seconds since 1970; 0: none. */
uint64_t resume_deadline(const struct journal_line *lines, size_t nr);
/* How many migrations of an earlier evacuation are still running. */
size_t resume_count_running(const struct journal_line *lines, size_t nr);
/*
 * Waits for those that are being switched over: they are neither quite here nor
 * gone. Call it before the guests are found.
 */
void resume_wait(libxl_ctx *ctx, const struct journal_line *lines, size_t nr);
/*
 * Takes over what runs and what failed. Call it with the guests and the targets
 * found, before they are checked. *nr_moved_r: how many
 * have been moved before.
 */
void resume_take_over(struct evacuation *e, const struct journal *j,
                      const struct journal_line *lines, size_t nr,
                      size_t *nr_moved_r);
/*
 * Finds out of those that are not here any more whether they have arrived while
 * nobody looked: then they are counted and noted; else they are added as guests
 * of which this is not known. Returns 0, or -1 with one line in err.
 */
int resume_settle(struct evacuation *e, struct journal *j,
                  const struct journal_line *lines, size_t nr,
                  size_t *nr_moved, char err[XPC_ERR_LEN]);

#endif
