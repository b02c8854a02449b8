/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One save of a domain at a time, and one user of its dirty log.
 */
#ifndef SAVE_CLAIM_H
#define SAVE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include <xenprecopy/error.h>

#include "save/context.h"

struct save_claim {
    struct save_context *ctx;
    int lock_fd;                /* the domain's lock; -1: not held */
    /* Since the last clean: */
    uint64_t counted;           /* dirty pages at the last count; 0: none */
    uint64_t missing;           /* sum of what later counts had less */
    uint64_t tot_pages;         /* the guest's at that clean; 0: none yet */
    char log_lost[128];         /* why the log can't be trusted, else "" */
};

/*
 * Takes the domain's lock, or the one that our toolstack holds. Returns 0, or
 * -1 with errno and one line in err. save_claim_release() follows in any case.
 */
int save_claim_take(struct save_claim *c, char err[XPC_ERR_LEN]);
void save_claim_release(struct save_claim *c);

/*
 * The log of the domain's writes: may we switch it on or off, may we clean it,
 * and was it undisturbed when a count or a clean found so many pages dirty?
 * lacked: so many that were dirty before are not in the clean's bitmap. Once
 * the answer is no, log_lost says why and it stays no.
 */
bool save_claim_may_switch(struct save_claim *c);
bool save_claim_may_clean(struct save_claim *c);
bool save_claim_counted(struct save_claim *c, uint64_t pages);
bool save_claim_cleaned(struct save_claim *c, uint64_t pages,
                        uint64_t lacked);

#endif
