/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support/history_fixture.h"
#include "support/torture.h"

const struct xpc_guest guest_pvh = { .device_model = XPC_DEVICE_MODEL_NO };
const struct xpc_guest guest_hvm = { .device_model = XPC_DEVICE_MODEL_YES };
const struct xpc_guest guest_unknown;

int history_setup(void **state)
{
    static struct xpc_history h;

    assert_int_equal(xpc_history_init(&h, "host2"), 0);
    *state = &h;
    return 0;
}

int history_teardown(void **state)
{
    xpc_history_dispose(*state);
    return 0;
}

struct xpc_report migrated_report(uint64_t overhead_ns)
{
    struct xpc_report r;

    xpc_report_init(&r);
    r.outcome = XPC_OUTCOME_MIGRATED;
    r.params.guest = guest_pvh;
    r.total_pages = 32768;
    r.nr_iterations = 3;
    r.decision.dirty_pages = 1000;
    r.decision.bandwidth_bytes_per_s = HISTORY_LINK / 2;
    r.decision.measured_bytes_per_s = HISTORY_LINK;
    r.final_pages = 1240;
    r.predicted_downtime_ns = 200 * XPC_MS;
    r.actual_downtime_ns = 1240 * HISTORY_PAGE_NS + overhead_ns;
    r.total_time_ns = 3 * XPC_S;
    r.suspended_ns = 2700 * XPC_MS;
    r.stream_end_ns = 2800 * XPC_MS;
    r.target_ready_ns = r.go_ns = 2900 * XPC_MS;
    r.target_started_ns = 2908 * XPC_MS;
    r.total_bytes = 150 << 20;
    return r;
}

void add_migrated(struct xpc_history *h, double overhead_ns)
{
    struct xpc_report r = migrated_report(overhead_ns);

    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
}

size_t prior_of_pvh(const struct xpc_history *h, struct xpc_prior *p)
{
    return xpc_history_prior(h, &guest_pvh, HISTORY_NOW, p);
}

void add_migrated_guest(struct xpc_history *h, struct xpc_guest guest,
                        uint64_t overhead_ns)
{
    struct xpc_report r = migrated_report(overhead_ns);

    r.params.guest = guest;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
}

struct xpc_report broken_off_report(uint64_t stood_ns)
{
    struct xpc_report r = migrated_report(0);

    r.outcome = XPC_OUTCOME_ABORTED;
    r.decision.action = XPC_ABORT;
    r.decision.reason = XPC_REASON_OVERRUN;
    r.pages_sent_ns = 2750 * XPC_MS;
    r.target_ready_ns = r.go_ns = r.target_started_ns = 0;
    r.broken_off_ns = r.suspended_ns + stood_ns;
    r.actual_downtime_ns = stood_ns + XPC_MS;
    return r;
}

void add_broken_off(struct xpc_history *h, double overhead_ns,
                    uint64_t start_s)
{
    struct xpc_report r = broken_off_report(1240 * HISTORY_PAGE_NS +
                                            overhead_ns);

    assert_int_equal(xpc_history_add(h, &r, start_s, "g1"), 0);
}
