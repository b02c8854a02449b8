/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl evacuate: moves all domains to other hosts. */
#ifndef XL_EVACUATE_XL_EVACUATE_H
#define XL_EVACUATE_XL_EVACUATE_H

int cmd_evacuate(int argc, char **argv);

#endif
