/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate --within: waits for the best hour by the domain's profile. */
#ifndef XL_MIGRATE_XL_WITHIN_H
#define XL_MIGRATE_XL_WITHIN_H

#include <time.h>

#include <xenprecopy/profile.h>

#include "migrate/xl_progress.h"

/*
 * Chooses when to migrate a domain with this profile: at once, or at the
 * beginning of a later hour, not after now_s + within_ns. Returns 0 with the
 * time in *at_s_r and the prediction in *hour_r, or -1 with one line in err.
 */
int within_choose(const struct xpc_profile *p, const struct xpc_params *params,
                  uint64_t within_ns, time_t now_s, time_t *at_s_r,
                  struct xpc_when_hour *hour_r, char err[XPC_ERR_LEN]);

/*
 * The same by the profile of the domain's name, with a line that says what will
 * be done.
 */
int within_plan(const char *name, const struct xpc_params *params,
                uint64_t within_ns, time_t *at_s_r, char err[XPC_ERR_LEN]);

/*
 * Waits until then, but no longer than within_ns, whatever the clock says. The
 * guest is not touched, and no lock is held. Returns MIGRATE_OK, or the exit
 * status if it was interrupted or cancelled, or if the domain has gone, with
 * one line on standard error.
 */
int within_wait(uint32_t domid, const char *name, time_t at_s,
                uint64_t within_ns, int interrupt_fd,
                struct progress *progress);

#endif
