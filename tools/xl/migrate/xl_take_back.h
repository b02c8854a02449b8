/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's state after a failed migration, and how it is taken back. */
#ifndef XL_MIGRATE_XL_TAKE_BACK_H
#define XL_MIGRATE_XL_TAKE_BACK_H

#include "migrate/xl_sender_io.h"

/*
 * Returns 1 when the guest is suspended, 0 when not, or a libxl error. Sets
 * s->ended when it has ended.
 */
int sender_is_suspended(struct sender *s);

/*
 * The same, but asks again for some time if that is not known, and returns an
 * error only then. An error does not mean that the guest runs.
 */
int sender_ask_suspended(struct sender *s);

/* Whether the domain exists no more. Not if Xen does not say so. */
bool sender_is_gone(struct sender *s);

/* Whether a toolstack has paused the guest. */
bool sender_is_paused(struct sender *s);

/*
 * After a helper that ended without a report: it was killed before libxenguest
 * could clean up, so that Xen and the device model still log the guest's
 * writes.
 */
void sender_clean_up_for_helper(struct sender *s);

/*
 * The operation take_back of struct sender_ops. A guest that has acknowledged
 * a request to suspend is waited for, up to minutes, with s->late set to the
 * result. A signal meanwhile leaves the waiting to the guard.
 */
int sender_take_back(struct sender *s);

#endif
