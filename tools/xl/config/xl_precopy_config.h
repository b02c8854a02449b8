/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl precopy-config: what is in force, and where it comes from. */
#ifndef XL_CONFIG_XL_PRECOPY_CONFIG_H
#define XL_CONFIG_XL_PRECOPY_CONFIG_H

#include "common/xl_common.h"

extern const struct xl_usage precopy_config_usage;

int cmd_precopy_config(int argc, char **argv);

#endif
