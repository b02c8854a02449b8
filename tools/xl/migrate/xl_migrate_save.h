/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sender's operations on a real domain, by libxl. */
#ifndef XL_MIGRATE_XL_MIGRATE_SAVE_H
#define XL_MIGRATE_XL_MIGRATE_SAVE_H

#include "migrate/xl_sender_io.h"

extern const struct sender_ops libxl_sender_ops;

#endif
