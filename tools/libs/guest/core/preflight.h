/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user's parameters, before the policy applies them: what they mean for the
 * prediction, whether they can be met at all, and whether a running migration
 * can take them over. Pure.
 */
#ifndef CORE_PREFLIGHT_H
#define CORE_PREFLIGHT_H

#include <xenprecopy/predict.h>
#include <xenprecopy/xenprecopy.h>

/*
 * Sets the parameters of the prediction from those of the user. The bandwidth
 * and the time of the bitmap are learned later.
 */
void xpc_engine_predict_params(struct xpc_predict_params *out,
                               const struct xpc_params *params,
                               uint64_t total_pages);
/* The bits of the guest's dirty bitmap. */
uint64_t xpc_engine_pfns(const struct xpc_params *params,
                         uint64_t total_pages);

/*
 * Checks, before anything is sent, whether the parameters can be met at all:
 * not if the switchover alone is over the limit, or if the first copy takes
 * longer than the duration. Returns 0, or -1 with errno EINVAL and one line in
 * err (len bytes).
 */
int xpc_engine_preflight(const struct xpc_params *params,
                         uint64_t total_pages, char *err, size_t len);

/*
 * Sets the members of *to that a change does not affect to those of *now: what
 * happens to the node in xenstore afterwards, and what is known about the guest
 * and the target.
 */
void xpc_engine_settled(struct xpc_params *to, const struct xpc_params *now);
/*
 * Checks whether a running migration can change its parameters from *now to
 * *to. Returns 0, or -1 with errno EINVAL and one line in err (len bytes).
 */
int xpc_engine_check_change(const struct xpc_params *now,
                            const struct xpc_params *to, char *err,
                            size_t len);

#endif
