/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a receiver says and is told, as stock has it.
 */
#ifndef TESTS_SUPPORT_RECEIVER_SAYS_H
#define TESTS_SUPPORT_RECEIVER_SAYS_H

#define BANNER "xl migration receiver ready, send binary domain data.\n"
/* With their NULs. */
#define READY "domain received, ready to unpause"
#define GO "domain is yours, you are cleared to unpause"
#define REPORT "my copy unpause results are as follows"

#endif
