/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XL_CONFIG_XL_CONFIG_CHECK_H
#define XL_CONFIG_XL_CONFIG_CHECK_H

#include "conf/file.h"

/*
 * Checks that no migration would be refused for values that contradict each
 * other: of guests with and without a section of their own, to targets with and
 * without one. Returns 0, or -1 with one line in err.
 */
int config_check(const struct conf_file *f, char err[XPC_ERR_LEN]);

#endif
