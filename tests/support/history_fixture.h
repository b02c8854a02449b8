/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A history of migrations to "host2", and reports to fill it with.
 */
#ifndef TESTS_SUPPORT_HISTORY_FIXTURE_H
#define TESTS_SUPPORT_HISTORY_FIXTURE_H

#include <xenprecopy/lessons.h>
#include <xenprecopy/units.h>

#define HISTORY_LINK UINT64_C(100000000)    /* bytes per second */
#define HISTORY_PAGE_NS (UINT64_C(4104) * XPC_S / HISTORY_LINK)
#define HISTORY_NOW UINT64_C(1700000000)    /* wall clock, seconds */

extern const struct xpc_guest guest_pvh, guest_hvm, guest_unknown;

/* For cmocka: *state is an empty history, valid until the teardown. */
int history_setup(void **state);
int history_teardown(void **state);

/*
 * The report of a PVH guest that has reached the target: 1,000 pages were
 * dirty at the decision and 1,240 once it was suspended, and overhead_ns of
 * the downtime were not page data. Owns no memory.
 */
struct xpc_report migrated_report(uint64_t overhead_ns);

/*
 * The same migration, broken off stood_ns after the guest was suspended, with
 * all pages sent.
 */
struct xpc_report broken_off_report(uint64_t stood_ns);

/* Add such a migration, of a domain "g1", at HISTORY_NOW or start_s. */
void add_migrated(struct xpc_history *h, double overhead_ns);
void add_migrated_guest(struct xpc_history *h, struct xpc_guest guest,
                        uint64_t overhead_ns);
void add_broken_off(struct xpc_history *h, double overhead_ns,
                    uint64_t start_s);

/* xpc_history_prior() of a PVH guest at HISTORY_NOW. */
size_t prior_of_pvh(const struct xpc_history *h, struct xpc_prior *p);

#endif
