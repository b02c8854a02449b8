/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxenctrl's handle, and the size of a guest. What else of libxenctrl a
 * program needs, it defines itself.
 */
#ifndef TESTS_SUPPORT_FAKE_XENCTRL_H
#define TESTS_SUPPORT_FAKE_XENCTRL_H

#include <stdatomic.h>
#include <stdint.h>

#include <xenctrl.h>

/* xc_domain_maximum_gpfn() + 1 */
extern uint64_t fake_gpfns;

/* What xc_interface_open() returns, and how often it is open. */
xc_interface *fake_handle(void);
extern atomic_int fake_handles;

#endif
