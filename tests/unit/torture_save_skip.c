/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that are dirty again are left out: the receiver gets the guest's memory
 * nevertheless.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "support/fake_guest.h"
#include "support/pipe_reader.h"
#include "support/random.h"
#include "support/torture.h"

#define LIMIT "\"downtime-ms\":300,\"bandwidth-bytes-per-s\":1000000000"

/* ---- the guest, its log, and libxenguest --------------------------------- */

static bool dirty[BATCH];
static uint64_t log_bits[BATCH / 64];   /* libxenguest's bitmap */
static unsigned int peeks, failing_peek;
static uint64_t seed;
/* Called before each record. */
static void (*between)(void);
static void (*after_peek)(void);

static unsigned int rnd(unsigned int n)
{
    return random_u64(&seed) % n;
}

static void touch(unsigned int pfn)
{
    guest[pfn][rnd(PAGE)] = rnd(4);
    dirty[pfn] = true;
}

static bool read_log(unsigned int sop, uint64_t *bitmap)
{
    bool clean = sop == XEN_DOMCTL_SHADOW_OP_CLEAN;

    if (!clean && ++peeks == failing_peek)
        return true;
    memset(bitmap, 0, sizeof(log_bits));
    for (unsigned int i = 0; i < BATCH; i++) {
        bitmap[i / 64] |= (uint64_t)dirty[i] << i % 64;
        dirty[i] &= !clean;
    }
    if (!clean && after_peek)
        after_peek();
    return false;
}

static void count_dirty(void)
{
    env.dirty = 0;
    for (unsigned int i = 0; i < BATCH; i++)
        env.dirty += dirty[i];
}

static unsigned int clean_log(void)
{
    xc_hypercall_buffer_t b = { .hbuf = log_bits };
    xc_shadow_op_stats_t stats = { 0 };
    unsigned int nr = 0;

    count_dirty();
    assert_int_equal(xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN,
                                         &b, BATCH, 0, &stats), BATCH);
    for (unsigned int i = 0; i < BATCH / 64; i++)
        nr += __builtin_popcountll(log_bits[i]);
    /* libxenguest sends nothing if it is told that nothing is dirty. */
    assert_int_equal(stats.dirty_count, nr);
    return nr;
}

/* A record of those pages, in a vector per page like libxenguest 4.17. */
static void send_record(uint64_t *pfn, unsigned int nr)
{
    static struct iovec iov[4 + BATCH];
    uint32_t head[4] = { 1, 8 + nr * (8 + PAGE), nr, 0 };

    iov[0] = (struct iovec){ head, 4 };
    iov[1] = (struct iovec){ head + 1, 4 };
    iov[2] = (struct iovec){ head + 2, 8 };
    iov[3] = (struct iovec){ pfn, nr * sizeof(*pfn) };
    for (unsigned int i = 0; i < nr; i++)
        iov[4 + i] = (struct iovec){ guest[pfn[i]], PAGE };
    assert_int_equal(loop_writev(iov, 4 + nr), 0);
}

static void send_dirty(unsigned int batch)
{
    uint64_t pfn[BATCH];
    unsigned int nr = 0;

    for (unsigned int i = 0; i <= BATCH; i++) {
        if (i < BATCH && log_bits[i / 64] >> i % 64 & 1)
            pfn[nr++] = i;
        if (nr == batch || (i == BATCH && nr)) {
            if (between)
                between();
            send_record(pfn, nr);
            nr = 0;
        }
    }
}

static void iterate(unsigned int n, unsigned int batch)
{
    struct precopy_stats s = { .iteration = n, .dirty_count = BATCH };

    if (n)
        clean_log();
    else
        memset(log_bits, 0xff, sizeof(log_bits));
    env.cb->precopy_policy(s, NULL);
    send_dirty(batch);
    count_dirty();
    s.dirty_count = -1;
    env.cb->precopy_policy(s, NULL);
}

static void begin(void)
{
    char headers[40] = { 0 };

    env.read_log = read_log;
    memset(dirty, 0, sizeof(dirty));
    memset(guest, 0, sizeof(guest));
    for (unsigned int i = 0; i < BATCH; i++)
        guest[i][0] = rnd(2);
    assert_int_equal(loop_write(headers, 40), 0);
}

/* Suspends the guest and sends the rest. */
static int finish(unsigned int batch)
{
    uint32_t end[2] = { 0, 0 };

    assert_int_equal(env.cb->suspend(NULL), 1);
    between = NULL;
    clean_log();
    send_dirty(batch);
    return loop_write(end, 8);
}

/* ---- the other end ------------------------------------------------------ */

static struct pipe_reader far;
static struct stream_reader got;

static void save_pages(const char *params, int (*script)(void),
                       struct xpc_report *r)
{
    int fd[2];

    memset(&far, 0, sizeof(far));
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    pipe_reader_start(&far, fd[0]);
    fake_clock_stop();
    assert_int_equal(fake_save(fd[1], params, script, r), 0);
    fake_clock_run();
    close(fd[1]);
    pipe_reader_join(&far);
    assert_true(reader_read(&got, far.p, far.len));
    pipe_reader_dispose(&far);
    for (int i = 0; i < BATCH; i++)
        assert_memory_equal(got.mem[i], guest[i], PAGE);
    assert_int_equal(r->total_pages_sent, got.pages);
}

static int setup(void **state)
{
    (void)state;
    peeks = failing_peek = 0;
    between = after_peek = NULL;
    seed = 1;
    return 0;
}

/* ---- tests -------------------------------------------------------------- */

static void touch_some(void)
{
    for (unsigned int i = rnd(150); i; i--)
        touch(rnd(rnd(2) ? 100 : BATCH));
    fake_clock_advance(rnd(30) * XPC_MS);
}

static unsigned int batch_size;

static int script_random(void)
{
    begin();
    for (unsigned int n = 0; n < 5; n++)
        iterate(n, batch_size);
    return finish(batch_size);
}

static void torture_save_skip_keeps_the_guests_memory(void **state)
{
    static const char *const params[] = {
        "{"LIMIT"}",
        "{"LIMIT",\"zero-pages\":\"elide\"}",
        "{"LIMIT",\"zero-pages\":\"auto\"}",
    };
    uint64_t skipped = 0;
    struct xpc_report r;

    (void)state;
    between = touch_some;
    for (unsigned int i = 0; i < 30; i++) {
        seed = i + 1;
        batch_size = 1 + rnd(i % 5 ? 300 : BATCH);
        save_pages(params[i % 3], script_random, &r);
        skipped += r.total_skipped_pages;
        assert_true(!r.total_skipped_pages || r.peeks > 0);
        assert_int_equal(r.params.skip_dirty, XPC_SKIP_DIRTY_ON);
        assert_string_equal(env.log, "");
        xpc_report_dispose(&r);
    }
    assert_true(skipped > 100);
}

static void touch_two(void)
{
    touch(5);
    touch(7);
    fake_clock_advance(50 * XPC_MS);
}

static int script_one_record(void)
{
    struct save_session *s;

    begin();
    s = session();
    iterate(0, BATCH);
    assert_int_equal(s->last.pages, BATCH - 2);
    assert_int_equal(s->last.skipped_pages, 2);
    /* In the next bitmap they are still dirty. */
    between = NULL;
    iterate(1, BATCH);
    assert_int_equal(s->last.pages, 2);
    assert_int_equal(s->last.skipped_pages, 0);
    between = touch_two;
    return finish(BATCH);
}

/* Also in a full batch, which libxenguest 4.17 writes in two calls. */
static void torture_save_skip_leaves_out_what_is_dirty(void **state)
{
    struct xpc_report r;

    (void)state;
    between = touch_two;
    save_pages("{"LIMIT"}", script_one_record, &r);
    assert_int_equal(r.total_skipped_pages, 2);
    assert_int_equal(peeks, 1);
    assert_int_equal(r.peeks, 1);
    xpc_report_dispose(&r);
}

static int script_all_dirty(void)
{
    begin();
    for (unsigned int i = 0; i < 100; i++)
        touch(i);
    fake_clock_advance(50 * XPC_MS);
    iterate(0, 100);
    assert_int_equal(session()->last.skipped_pages, 100);
    return finish(100);
}

/* A record of which nothing is left is not sent. */
static void torture_save_skip_leaves_out_whole_records(void **state)
{
    struct xpc_report r;

    (void)state;
    between = touch_two;
    save_pages("{"LIMIT"}", script_all_dirty, &r);
    assert_int_equal(r.total_skipped_pages, 100);
    xpc_report_dispose(&r);
}

static void lose_five(void)
{
    dirty[5] = false;
}

static void lose_and_touch(void)
{
    lose_five();
    touch(9);
}

static bool is_last;

static int script_lost(void)
{
    xc_hypercall_buffer_t b = { .hbuf = log_bits };
    xc_shadow_op_stats_t stats = { 0 };

    begin();
    iterate(0, BATCH);
    assert_int_equal(session()->last.skipped_pages, 2);
    if (is_last)
        assert_int_equal(env.cb->suspend(NULL), 1);
    assert_int_equal(xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN,
                                         &b, BATCH, 0, &stats), -1);
    return loop_fail(errno);
}

/*
 * As many pages are dirty as before, but one was dirty that no longer is.
 * Others may be missing, too, of which nobody knows.
 */
static void torture_save_skip_notices_that_the_log_has_lost_pages(
    void **state)
{
    struct xpc_report r;

    (void)state;
    between = touch_two;
    after_peek = lose_and_touch;
    for (int i = 0; i < 2; i++) {
        is_last = i;
        assert_int_equal(fake_save_to_null("{"LIMIT"}", script_lost, &r), -1);
        assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
        assert_string_equal(r.reason, "log-lost");
        xpc_report_dispose(&r);
    }
}

static int script_given_back(void)
{
    begin();
    iterate(0, BATCH);
    assert_int_equal(session()->last.skipped_pages, 2);
    env.grown_pages--;
    between = NULL;
    iterate(1, BATCH);
    /* Both are sent, although Xen's log has only 7. */
    assert_int_equal(session()->last.pages, 2);
    assert_true(session()->ctx.engine.predict.skip_dirty);
    return finish(BATCH);
}

/* Since 4.22, Xen takes pages out of the log that leave the guest. */
static void torture_save_skip_goes_on_with_a_guest_that_balloons(void **state)
{
    struct xpc_report r;

    (void)state;
    between = touch_two;
    after_peek = lose_five;
    save_pages("{"LIMIT"}", script_given_back, &r);
    assert_int_equal(r.total_skipped_pages, 2);
    assert_string_equal(env.log, "");
    xpc_report_dispose(&r);
}

static void torture_save_skip_ends_with_a_peek_that_fails(void **state)
{
    struct xpc_report r;

    (void)state;
    between = touch_some;
    batch_size = 50;
    failing_peek = 5;
    save_pages("{"LIMIT"}", script_random, &r);
    assert_non_null(strstr(env.log, "are sent from now on: Bad address"));
    assert_int_equal(peeks, 5);
    xpc_report_dispose(&r);
}

static int script_suspended(void)
{
    uint32_t verify[2] = { 13, 0 }, end[2] = { 0, 0 };

    begin();
    between = NULL;
    iterate(0, BATCH);
    assert_int_equal(env.cb->suspend(NULL), 1);
    between = touch_two;
    touch_two();
    clean_log();
    send_dirty(BATCH);
    assert_int_equal(loop_write(verify, 8), 0);
    memset(log_bits, 0xff, sizeof(log_bits));
    between = NULL;
    send_dirty(BATCH);
    return loop_write(end, 8);
}

/* Neither in the last copy nor in a verify pass. */
static void torture_save_skip_leaves_out_nothing_afterwards(void **state)
{
    struct xpc_report r;

    (void)state;
    save_pages("{"LIMIT"}", script_suspended, &r);
    assert_int_equal(r.total_skipped_pages, 0);
    assert_int_equal(peeks, 0);
    assert_int_equal(got.verified, BATCH);
    xpc_report_dispose(&r);
}

static void touch_last(void)
{
    touch(BATCH - 10);
    fake_clock_advance(50 * XPC_MS);
}

static int script_short_bitmap(void)
{
    xc_hypercall_buffer_t b = { .hbuf = log_bits };
    xc_shadow_op_stats_t stats = { 0 };

    begin();
    iterate(0, BATCH);
    assert_int_equal(session()->last.skipped_pages, 1);
    errno = 0;
    assert_int_equal(xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN,
                                         &b, BATCH - 64, 0, &stats), -1);
    assert_int_equal(errno, ERANGE);
    return -1;
}

/* What was left out can't be sent any more: the save fails. */
static void torture_save_skip_refuses_a_short_bitmap(void **state)
{
    struct xpc_report r;

    (void)state;
    between = touch_last;
    assert_int_equal(fake_save_to_null("{"LIMIT"}", script_short_bitmap, &r),
                     -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    assert_non_null(strstr(env.log, "can't be sent any more"));
    xpc_report_dispose(&r);
}

static int script_stock(void)
{
    begin();
    iterate(0, BATCH);
    return finish(BATCH);
}

static void torture_save_skip_is_off_if_asked_for(void **state)
{
    static const char *const params[] = {
        "{\"skip-dirty\":\"off\","LIMIT"}",
        "{\"policy\":\"stock\","LIMIT"}",
    };
    struct xpc_report r;

    (void)state;
    between = touch_two;
    for (size_t i = 0; i < 2; i++) {
        save_pages(params[i], script_stock, &r);
        assert_int_equal(r.total_skipped_pages, 0);
        assert_int_equal(r.params.skip_dirty, XPC_SKIP_DIRTY_OFF);
        assert_int_equal(peeks, 0);
        xpc_report_dispose(&r);
    }
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_save_skip_##name, setup)
    const struct CMUnitTest tests[] = {
        T(keeps_the_guests_memory),
        T(leaves_out_what_is_dirty),
        T(leaves_out_whole_records),
        T(notices_that_the_log_has_lost_pages),
        T(goes_on_with_a_guest_that_balloons),
        T(ends_with_a_peek_that_fails),
        T(leaves_out_nothing_afterwards),
        T(refuses_a_short_bitmap),
        T(is_off_if_asked_for),
    };

    return torture_run(argc, argv, tests);
}
