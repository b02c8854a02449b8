/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The progress of a save, in xenstore. */
#ifndef SAVE_PUBLISH_H
#define SAVE_PUBLISH_H

#include "save/context.h"

/* An iteration has ended. Progress is for people: errors are ignored. */
void save_publish(struct save_context *ctx, const struct xpc_iteration *it);

#endif
