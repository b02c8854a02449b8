/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures the way to a receiver that takes questions. */
#ifndef XL_CHECK_XL_CHECK_LINK_H
#define XL_CHECK_XL_CHECK_LINK_H

#include "check/xl_check_result.h"
#include "migrate/xl_sender_io.h"

/* At most so much is sent, and for so long. */
#define CHECK_FILL_BYTES (64u << 20)
#define CHECK_FILL_NS (10 * UINT64_C(1000000000))
/* By which the clocks may differ. */
#define CHECK_CLOCK_MS 1000

/*
 * Measures round trip, bandwidth and the difference of the clocks, adds an item
 * for the last one, and sets the members of *r. Returns 0, or -1 after an error
 * message or a signal.
 */
int check_link(struct sender *s, struct check_result *r);

#endif
