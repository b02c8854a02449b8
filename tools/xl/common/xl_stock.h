/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stock xl, which runs every command that is not in xl_cmdtable.c.
 */
#ifndef XL_COMMON_XL_STOCK_H
#define XL_COMMON_XL_STOCK_H

#include <stddef.h>

/*
 * The path of the stock xl, a static string, or NULL with one line in err
 * (len bytes) when there is none.
 */
const char *xl_stock_path(char *err, size_t len);

/* Executes the stock xl. Returns only on failure, an exit status. */
int xl_exec_stock(char **argv);

/* Runs the stock xl, and waits for it. Returns its exit status. */
int xl_run_stock(char **argv);

#endif
