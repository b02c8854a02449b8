/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A toolstack with a precopy policy of its own, such as XenServer's and
 * XCP-ng's xenguest. Its policy is called as libxenguest would call it, but is
 * told what leads it to our decision.
 *
 * There the policy sends each call's numbers to another process, emu-manager,
 * and answers with what that process has decided by then. emu-manager ends
 * precopy after the first iteration if at most 50 pages are dirty, or after
 * four iterations. It then has the guest suspended, before libxenguest asks
 * for it in the suspend callback. So:
 *
 * - While precopy goes on, the toolstack is told of iteration 0, with more than
 *   50 dirty pages.
 * - Once it was told of the end, the guest may be suspended at any time. If the
 *   save fails then, the toolstack shuts the guest down. So there must be no
 *   reason left to abort, and strict is refused.
 */
#ifndef SAVE_CHAIN_H
#define SAVE_CHAIN_H

#include <stdbool.h>

#include <xenprecopy/units.h>

#include "save/context.h"

/*
 * The longest time from the decision to the suspend, besides that of the guest:
 * XCP-ng's emu-manager looks twice a second.
 */
#define SAVE_CHAIN_DELAY_NS (500 * XPC_MS)

/* Does the toolstack have a policy of its own? */
bool save_chain_present(const struct save_context *ctx);

/*
 * Can the parameters be kept with this toolstack? Returns 0, or -1 with one
 * line in err (len bytes).
 */
int save_chain_check(const struct save_context *ctx,
                     const struct xpc_params *params, char *err, size_t len);

/*
 * The toolstack's policy is told what it would be told without ours
 * (save_chain_ask), that precopy goes on (save_chain_go_on), or that it has
 * ended (save_chain_end), with dirty_pages to send. All return its answer,
 * XGS_POLICY_*. save_chain_end() waits until it agrees or aborts, or until the
 * guest is suspended. If none of this happens, it returns
 * XGS_POLICY_CONTINUE_PRECOPY after a minute.
 */
int save_chain_ask(struct save_context *ctx,
                   const struct precopy_stats *stats);
int save_chain_go_on(struct save_context *ctx,
                     const struct precopy_stats *stats);
int save_chain_end(struct save_context *ctx,
                   const struct precopy_stats *stats, uint64_t dirty_pages);

#endif
