/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telling a guest that stays here that its migration is over. */
#ifndef XL_MIGRATE_XL_MIGRATE_NOTIFY_H
#define XL_MIGRATE_XL_MIGRATE_NOTIFY_H

#include <stdint.h>

/* See xen_notify_over(). 0: it never stood still, or it is not known. */
void migrate_notify_over(uint32_t domid, uint64_t stood_still_ns);

#endif
