/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl dirty-rate. */
#ifndef XL_MEASURE_XL_DIRTY_RATE_H
#define XL_MEASURE_XL_DIRTY_RATE_H

/* Returns the exit status. */
int cmd_dirty_rate(int argc, char **argv);

#endif
