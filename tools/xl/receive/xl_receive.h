/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-receive. */
#ifndef XL_RECEIVE_XL_RECEIVE_H
#define XL_RECEIVE_XL_RECEIVE_H

#include "common/xl_common.h"

extern const struct xl_usage receive_usage;

/* Returns the exit status, that of the stock receiver where it is known. */
int cmd_migrate_receive(int argc, char **argv);

#endif
