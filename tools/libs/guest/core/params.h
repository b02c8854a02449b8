/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CORE_PARAMS_H
#define CORE_PARAMS_H

#include <stddef.h>

#include <xenprecopy/xenprecopy.h>

/*
 * Like xpc_params_check(). If it fails, *conflict_r is the set of the options
 * (core/option.h) whose values are to blame, alone or together.
 */
int xpc_options_check(const struct xpc_params *p, unsigned int *conflict_r,
                      char *err, size_t len);

#endif
