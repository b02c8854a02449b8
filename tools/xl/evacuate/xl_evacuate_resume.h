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
 * Takes over what runs, what failed and which targets are out. Call it with the
 * guests and the targets found, before they are checked. *nr_moved_r: how many
 * have been moved before.
 */
void resume_take_over(struct evacuation *e, const struct journal *j,
                      const struct journal_line *lines, size_t nr,
                      size_t *nr_moved_r);

#endif
