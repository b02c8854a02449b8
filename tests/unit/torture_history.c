/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries: what a report yields, which ones are kept, and their summary.
 */
#include <math.h>

#include <xenprecopy/lessons.h>
#include <xenprecopy/units.h>

#include "support/history_fixture.h"
#include "support/torture.h"

static void torture_history_entry_has_overhead_and_suspend_pages(void **state)
{
    struct xpc_history *h = *state;
    const struct xpc_history_entry *e;

    add_migrated(h, 84 * XPC_MS);
    e = &h->entries[0];
    assert_string_equal(e->domain, "g1");
    assert_int_equal(e->start_s, HISTORY_NOW);
    assert_int_equal(e->outcome, XPC_OUTCOME_MIGRATED);
    /* Computed with the measured bandwidth, not with the stated one. */
    assert_in_range(e->overhead_ns, 84 * XPC_MS - 2, 84 * XPC_MS + 2);
    assert_int_equal(e->suspend_pages, 240);
    assert_int_equal(e->start_ns, 8 * XPC_MS);
    assert_int_equal(e->limit_ns, XPC_DEFAULT_DOWNTIME_NS);
    assert_int_equal(e->bandwidth_bytes_per_s, HISTORY_LINK);
    assert_int_equal(e->iterations, 3);
    assert_int_equal(e->total_pages, 32768);
}

/*
 * If precopy was limited and the switchover was not, the measured bandwidth is
 * the limit, and says nothing about the link.
 */
static void torture_history_a_rate_limit_is_not_the_link(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = migrated_report(84 * XPC_MS);

    r.params.max_bytes_per_s = HISTORY_LINK / 10;
    r.decision.measured_bytes_per_s = HISTORY_LINK / 10;
    r.decision.bandwidth_bytes_per_s = HISTORY_LINK / 10;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_int_equal(h->entries[0].overhead_ns, 0);     /* unknown */
    r.params.bandwidth_bytes_per_s = HISTORY_LINK;
    r.decision.bandwidth_bytes_per_s = HISTORY_LINK;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_in_range(h->entries[1].overhead_ns, 84 * XPC_MS - 2,
                    84 * XPC_MS + 2);
}

/*
 * A switchover with a lower rate limit than precopy takes longer for its pages.
 */
static void torture_history_a_switchover_rate_is_no_overhead(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = migrated_report(84 * XPC_MS);
    uint64_t cap = HISTORY_LINK / 10;

    r.actual_downtime_ns += 9 * r.final_pages * HISTORY_PAGE_NS;
    r.params.switchover = XPC_SWITCHOVER_RATE;
    r.params.switchover_bytes_per_s = cap;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_in_range(h->entries[0].overhead_ns, 84 * XPC_MS - 2,
                    84 * XPC_MS + 2);
    /* Compressed to a third, the limit lets three times as much through. */
    r.actual_downtime_ns = migrated_report(84 * XPC_MS).actual_downtime_ns;
    r.params.switchover_bytes_per_s = HISTORY_LINK / 3;
    r.wire_bytes = r.total_bytes / 3;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_in_range(h->entries[1].overhead_ns, 83 * XPC_MS, 85 * XPC_MS);
}

/* The bitmap's time grows with the guest and is predicted separately. */
static void torture_history_bitmap_time_is_no_overhead(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = migrated_report(84 * XPC_MS);

    r.params.guest.pfns = UINT64_C(1) << 28;        /* 1 TiB */
    r.bitmap_ns = 200 * XPC_MS;
    r.actual_downtime_ns += r.bitmap_ns;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_in_range(h->entries[0].overhead_ns, 84 * XPC_MS - 2,
                    84 * XPC_MS + 2);
    /* A small guest's bitmap cannot take as long: this was something else. */
    r.params.guest.pfns = 32768;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_in_range(h->entries[1].overhead_ns, 283 * XPC_MS, 284 * XPC_MS);
}

/* A guest that is verified stays suspended while all its memory is sent. */
static void torture_history_a_verify_pass_teaches_nothing(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = migrated_report(3200 * XPC_MS);
    struct xpc_prior p;

    r.verified = true;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_int_equal(h->entries[0].actual_downtime_ns, r.actual_downtime_ns);
    assert_int_equal(h->entries[0].overhead_ns, 0);
    assert_true(isnan(xpc_history_error(&h->entries[0])));
    assert_int_equal(prior_of_pvh(h, &p), 0);
}

/*
 * If xl was killed after "go", its guard has received that the guest runs on
 * the target, and does not know the times before. The time from restored to
 * started would be that of the whole migration.
 */
static void torture_history_a_killed_xl_teaches_nothing(void **state)
{
    static const size_t times[] = {
        offsetof(struct xpc_report, suspended_ns),
        offsetof(struct xpc_report, stream_end_ns),
        offsetof(struct xpc_report, target_ready_ns),
        offsetof(struct xpc_report, go_ns),
    };
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct xpc_report r = migrated_report(84 * XPC_MS);

        *(uint64_t *)((char *)&r + times[i]) = 0;
        assert_int_equal(xpc_history_add(h, &r, i, "g1"), 0);
        assert_int_equal(h->entries[i].overhead_ns, 0);
        assert_int_equal(h->entries[i].start_ns, 0);
    }
    assert_int_equal(prior_of_pvh(h, &p), 0);
    /* Neither does a report whose times are out of order. */
    struct xpc_report r = migrated_report(84 * XPC_MS);
    r.go_ns = r.target_started_ns + 1;
    assert_int_equal(xpc_history_add(h, &r, 0, "g1"), 0);
    assert_int_equal(prior_of_pvh(h, &p), 0);
}

/* Suspending the guest can dirty pages that are zero. */
static void torture_history_suspend_pages_include_zero_pages(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = migrated_report(84 * XPC_MS);

    r.final_zero_pages = 60;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    assert_int_equal(h->entries[0].suspend_pages, 300);
}

static void torture_history_overhead_has_a_minimum(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = migrated_report(0);

    /*
     * The pages were sent faster than measured, and fewer were left than had
     * been dirty at the decision.
     */
    r.actual_downtime_ns = 10 * XPC_MS;
    r.decision.dirty_pages = 2000;
    assert_int_equal(xpc_history_add(h, &r, 0, NULL), 0);
    assert_int_equal(h->entries[0].overhead_ns, XPC_HISTORY_OVERHEAD_MIN_NS);
    assert_int_equal(h->entries[0].suspend_pages, 0);
    assert_string_equal(h->entries[0].domain, "");
}

static void torture_history_only_successful_migrations_teach(void **state)
{
    static const int others[] = {
        XPC_OUTCOME_ABORTED, XPC_OUTCOME_INTERRUPTED, XPC_OUTCOME_FAILED,
        XPC_OUTCOME_UNKNOWN,
    };
    struct xpc_history *h = *state;
    struct xpc_prior p = { .overhead_ns = 1, .suspend_pages = 1 };
    struct xpc_report r = migrated_report(70 * XPC_MS);

    assert_int_equal(prior_of_pvh(h, &p), 0);
    assert_int_equal(p.overhead_ns | p.suspend_pages | p.start_ns, 0);
    for (size_t i = 0; i < 4; i++) {
        r.outcome = others[i];
        assert_int_equal(xpc_history_add(h, &r, i, "g1"), 0);
    }
    /* Without a bandwidth, the time for the pages is unknown. */
    r = migrated_report(70 * XPC_MS);
    r.decision.measured_bytes_per_s = r.decision.bandwidth_bytes_per_s = 0;
    assert_int_equal(xpc_history_add(h, &r, 5, "g1"), 0);
    assert_int_equal(h->nr_entries, 5);
    assert_int_equal(prior_of_pvh(h, &p), 0);
    assert_int_equal(p.overhead_ns | p.suspend_pages | p.start_ns, 0);
    add_migrated(h, 50 * XPC_MS);
    assert_int_equal(prior_of_pvh(h, &p), 1);
    assert_in_range(p.overhead_ns, 50 * XPC_MS - 2, 52 * XPC_MS);
    assert_int_equal(p.suspend_pages, 240);
}

static void torture_history_drops_entries_that_teach_nothing_first(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = migrated_report(0);
    struct xpc_prior p;

    add_migrated(h, 100 * XPC_MS);
    r.outcome = XPC_OUTCOME_ABORTED;
    for (int i = 0; i < 100; i++)
        assert_int_equal(xpc_history_add(h, &r, i, "g2"), 0);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    /* The oldest aborted ones were dropped, not the migrated one. */
    assert_int_equal(prior_of_pvh(h, &p), 1);
    assert_int_equal(h->entries[1].start_s, 100 - XPC_HISTORY_MAX + 1);
    assert_int_equal(h->entries[XPC_HISTORY_MAX - 1].start_s, 99);
    for (int i = 0; i < 100; i++)
        add_migrated(h, 100 * XPC_MS);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    assert_int_equal(prior_of_pvh(h, &p), XPC_HISTORY_LAST);
}

static void torture_history_a_common_kind_does_not_displace_another(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated_guest(h, guest_hvm, 450 * XPC_MS);
    for (int i = 0; i < 200; i++)
        add_migrated_guest(h, guest_pvh, 80 * XPC_MS);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    assert_int_equal(xpc_history_prior(h, &guest_hvm, HISTORY_NOW, &p), 1);
}

/* After that, the target may have another receiver. */
static void torture_history_a_stock_receiver_is_known_for_a_week(void **state)
{
    const uint64_t seen = 1700000000, week = 7 * 86400;
    struct xpc_history *h = *state;

    assert_false(xpc_history_is_stock(h, seen));
    h->stock_s = seen;
    assert_true(xpc_history_is_stock(h, seen));
    assert_true(xpc_history_is_stock(h, seen + week - 1));
    assert_false(xpc_history_is_stock(h, seen + week));
    assert_false(xpc_history_is_stock(h, seen - 1));
}

static void torture_history_remembers_the_pace_of_evacuations(void **state)
{
    const uint64_t end = 1700000000, day = 86400;
    struct xpc_history *h = *state;

    assert_true(xpc_history_pace(h, end) == 0);
    xpc_history_evacuated(h, 1.524, end);
    assert_true(xpc_history_pace(h, end) == 1.52);
    assert_true(xpc_history_pace(h, end + 179 * day) == 1.52);
    assert_true(xpc_history_pace(h, end + 181 * day) == 0);
    assert_true(xpc_history_pace(h, end - 1) == 0);
    /* It is outweighed, and replaced if it is too old. */
    xpc_history_evacuated(h, 1, end + 90 * day);
    assert_true(xpc_history_pace(h, end + 181 * day) == 1.26);
    xpc_history_evacuated(h, 0.9, end + 300 * day);
    assert_true(xpc_history_pace(h, end + 300 * day) == 0.9);
    xpc_history_evacuated(h, 99, end);
    assert_true(xpc_history_pace(h, end) == 3);
    xpc_history_evacuated(h, 0, end - 1);
    assert_true(xpc_history_pace(h, end - 1) == 0.33);
}

static void torture_history_summarizes_prediction_errors(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_history_summary s;
    struct xpc_report r = migrated_report(0);

    xpc_history_summarize(h, HISTORY_NOW, &s);
    assert_int_equal(s.learned[XPC_DEVICE_MODEL_NO].migrations, 0);
    assert_true(isnan(s.error_median) && isnan(s.error_worst));
    for (int percent = -30; percent <= 20; percent += 25) {
        r.actual_downtime_ns = (200 + 2 * percent) * XPC_MS;
        assert_int_equal(xpc_history_add(h, &r, 0, "g1"), 0);
    }
    /* The difference of an aborted migration does not count. */
    r.outcome = XPC_OUTCOME_ABORTED;
    r.actual_downtime_ns = 0;
    assert_int_equal(xpc_history_add(h, &r, 0, "g1"), 0);
    xpc_history_summarize(h, HISTORY_NOW, &s);
    assert_int_equal(s.learned[XPC_DEVICE_MODEL_NO].migrations, 3);
    assert_true(fabs(s.error_worst + 0.30) < 1e-9);
    assert_true(fabs(s.error_median - 0.20) < 1e-9);
    assert_true(isnan(xpc_history_error(&h->entries[3])));
}

int main(int argc, char **argv)
{
#define TEST(t) \
    cmocka_unit_test_setup_teardown(t, history_setup, history_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_history_entry_has_overhead_and_suspend_pages),
        TEST(torture_history_a_rate_limit_is_not_the_link),
        TEST(torture_history_a_switchover_rate_is_no_overhead),
        TEST(torture_history_bitmap_time_is_no_overhead),
        TEST(torture_history_a_verify_pass_teaches_nothing),
        TEST(torture_history_a_killed_xl_teaches_nothing),
        TEST(torture_history_suspend_pages_include_zero_pages),
        TEST(torture_history_overhead_has_a_minimum),
        TEST(torture_history_only_successful_migrations_teach),
        TEST(torture_history_drops_entries_that_teach_nothing_first),
        TEST(torture_history_a_common_kind_does_not_displace_another),
        TEST(torture_history_a_stock_receiver_is_known_for_a_week),
        TEST(torture_history_remembers_the_pace_of_evacuations),
        TEST(torture_history_summarizes_prediction_errors),
    };

    return torture_run(argc, argv, tests);
}
