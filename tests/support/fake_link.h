/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection that stalls, or ends on our side while the other side is not
 * told, as if the network had failed. Uses the directory of fake_stock.h.
 */
#ifndef TESTS_SUPPORT_FAKE_LINK_H
#define TESTS_SUPPORT_FAKE_LINK_H

/* For a script: while such a file exists, the link is cut or stalls. */
#define LINK_CUT "$GOT.cut"
#define LINK_STALL "$GOT.stall"

/*
 * Connects standard input and output with receive(), which runs in a child.
 * Returns an exit status when the link is cut or one side has ended.
 */
int link_main(int (*receive)(void));

#endif
