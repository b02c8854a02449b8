/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of stock xl's migration protocol, written out: the tests do not
 * use the program's own definitions.
 */
#ifndef TESTS_SUPPORT_STOCK_MESSAGES_H
#define TESTS_SUPPORT_STOCK_MESSAGES_H

/* From the receiver, sent without the NUL at the end. */
#define BANNER "xl migration receiver ready, send binary domain data.\n"
/* The others are sent with it. */
#define READY "domain received, ready to unpause"
#define GO "domain is yours, you are cleared to unpause"
#define REPORT "my copy unpause results are as follows"

#endif
