/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libxenguest asks during a save, and what it is told.
 *
 * The callbacks get libxl's data, not ours; they find the session as the owner
 * of the hooks (save/interpose.h).
 */
#ifndef SAVE_POLICY_H
#define SAVE_POLICY_H

#include "save/interpose.h"
#include "save/session.h"

/* The hooks of a save; its owner is the struct save_session. */
extern const struct interpose_hooks save_policy_hooks;

/* libxl's callbacks, with the policy's in front of them. */
void save_policy_callbacks(struct save_callbacks *callbacks,
                           const struct save_callbacks *stock);

#endif
