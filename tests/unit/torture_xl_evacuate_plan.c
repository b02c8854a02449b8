/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an evacuation's forecast is made with. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "evacuate/xl_evacuate_pace.h"
#include "evacuate/xl_evacuate_run.h"
#include "libxl_precopy_history.h"
#include "support/capture.h"
#include "support/temp_dir.h"
#include "support/torture.h"

#define NR 4
#define NOW 1700000000

static struct evacuate_guest guests[NR];
static struct evacuate_target targets[2];
static struct xpc_schedule_target schedule_targets[2];
static struct xpc_move moves[NR];
static struct evacuate_options options;
static struct evacuation e;

static int setup(void **state)
{
    char err[XPC_ERR_LEN];

    targets[0] = (struct evacuate_target){ .host = "host2" };
    targets[1] = (struct evacuate_target){ .host = "host3" };
    for (int t = 0; t < 2; t++)
        schedule_targets[t] = (struct xpc_schedule_target){
            .free_bytes = UINT64_MAX,
        };
    for (int i = 0; i < NR; i++) {
        struct evacuate_guest *g = &guests[i];

        *g = (struct evacuate_guest){
            .name = (char *)"g", .limited = true,
            .curve = { .total_pages = 100000 },
        };
        for (int n = 1; n <= 32; n *= 2)
            xpc_curve_add(&g->curve, n * XPC_S, n * 10, n * 10, n * 10);
        xpc_params_init(&g->params);
        g->params.downtime_ns = 2 * XPC_S;
        moves[i] = (struct xpc_move){
            .curve = &g->curve, .memory_bytes = 1, .target = XPC_NO_TARGET,
        };
    }
    e = (struct evacuation){
        .o = &options, .guests = guests, .targets = targets,
        .s = { .moves = moves, .nr_moves = NR, .targets = schedule_targets,
               .nr_targets = 1, .link_bytes_per_s = 125000000 },
    };
    return temp_dir_setup(state) || evacuate_plan(&e, err) ? -1 : 0;
}

/* ---- guests ------------------------------------------------------------- */

/* Of a page of zeros, for a receiver that is asked, or not. */
static uint64_t zero_page_bytes(enum xpc_zero_pages how, bool asks, bool stock)
{
    char err[XPC_ERR_LEN];

    guests[0].params.zero_pages = how;
    guests[0].asks = asks;
    targets[0].stock = stock;
    assert_int_equal(evacuate_plan(&e, err), 0);
    return moves[0].params.zero_page_bytes;
}

static void torture_xl_evacuate_plan_predicts_zero_pages(void **state)
{
    (void)state;
    assert_int_equal(zero_page_bytes(XPC_ZERO_PAGES_AUTO, true, false), 8);
    assert_int_equal(zero_page_bytes(XPC_ZERO_PAGES_AUTO, true, true), 4104);
    assert_int_equal(zero_page_bytes(XPC_ZERO_PAGES_AUTO, false, false), 4104);
    assert_int_equal(zero_page_bytes(XPC_ZERO_PAGES_SEND, true, false), 4104);
    assert_int_equal(zero_page_bytes(XPC_ZERO_PAGES_ELIDE, true, true), 0);
}

/* If the receiver can't take it, nothing is compressed. */
static void torture_xl_evacuate_plan_predicts_compression(void **state)
{
    struct evacuate_guest *g = &guests[0];
    const struct xpc_predict_params *p = &moves[0].params;
    uint64_t plain_ns = moves[0].alone_ns;
    char err[XPC_ERR_LEN];

    (void)state;
    g->costs[0] = (struct xpc_compress_cost){
        .method = { XPC_COMPRESS_LZ4, 1 },
        .first = { .share = 0.5, .ns = 1000 },
        .later = { .share = 0.25, .ns = 2000 },
    };
    g->nr_costs = 1;
    g->params.compress = XPC_COMPRESS_LZ4;
    g->params.channels = 4;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_true(p->first_page.share == 0.5 && p->later_page.share == 0.25);
    assert_true(p->processors == 4);
    assert_true(moves[0].alone_ns < 0.6 * plain_ns);
    assert_true(moves[1].alone_ns == plain_ns);
    /* The fastest over this link. */
    g->params.compress = XPC_COMPRESS_AUTO;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_true(p->first_page.share == 0.5);
    e.s.link_bytes_per_s = UINT64_C(100000000000);
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_true(p->first_page.share == 1);
    e.s.link_bytes_per_s = 125000000;
    targets[0].stock = true;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_true(moves[0].alone_ns == plain_ns);
    /* Nothing is known of this method. */
    targets[0].stock = false;
    g->params.compress = XPC_COMPRESS_ZSTD;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_true(moves[0].alone_ns == plain_ns);
}

static void torture_xl_evacuate_plan_predicts_with_a_cap(void **state)
{
    const struct xpc_predict_params *p = &moves[0].params;
    uint64_t plain_ns = moves[0].alone_ns;
    char err[XPC_ERR_LEN];

    (void)state;
    guests[0].params.max_bytes_per_s = 12500000;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_true(moves[0].alone_ns > 8 * plain_ns);
    assert_int_equal(p->switchover_bytes_per_s, 125000000);
    guests[0].params.switchover = XPC_SWITCHOVER_KEPT;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_int_equal(p->switchover_bytes_per_s, 12500000);
    /* One that the link does not reach. */
    guests[0].params.max_bytes_per_s = 125000000;
    assert_int_equal(evacuate_plan(&e, err), 0);
    assert_int_equal(moves[0].alone_ns, plain_ns);
}

/* ---- the pace of earlier evacuations ------------------------------------ */

static double recall(void)
{
    evacuate_recall_pace(&e, NOW);
    return e.earlier_pace;
}

static void evacuated(const char *host, double pace)
{
    char err[LIBXL_PRECOPY_ERR_LEN];

    assert_int_equal(libxl_precopy_history_evacuated(NULL, host, pace, NOW,
                                                     err), 0);
}

static uint64_t forecast_end(void)
{
    struct evacuate_forecast f;

    assert_int_equal(evacuate_forecast(&e, &f), 0);
    return f.expected.end_ns;
}

static void torture_xl_evacuate_plan_at_the_pace_of_an_earlier_one(
    void **state)
{
    uint64_t plain_ns = forecast_end();

    (void)state;
    assert_true(recall() == 0);
    assert_int_equal(forecast_end(), plain_ns);
    evacuated("host2", 1.5);
    assert_true(recall() == 1.5);
    assert_in_range(forecast_end(), plain_ns * 1.49, plain_ns * 1.51);
    /* What is close is not improved by it. */
    evacuated("host2", 0.6);
    assert_true(recall() == 0);
    assert_int_equal(forecast_end(), plain_ns);
}

/* Half of the data goes to a host of which nothing is known. */
static void torture_xl_evacuate_plan_at_the_paces_of_targets(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    e.s.nr_targets = 2;
    for (int i = 0; i < NR; i++)
        moves[i].target = i % 2;
    assert_int_equal(evacuate_plan(&e, err), 0);
    evacuated("host3", 2);
    assert_true(recall() == 1.5);
    evacuated("host2", 1.5);
    assert_true(recall() == 1.75);
    /* Nothing goes to the other one. */
    for (int i = 0; i < NR; i++)
        moves[i].target = 0;
    assert_true(recall() == 1.5);
}

static int run_recall(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return recall() == 0 ? 0 : 1;
}

static void torture_xl_evacuate_plan_without_a_damaged_history(void **state)
{
    static const char *const texts[] = {
        "", "{}", "{\"version\": 1, \"target\": \"host2\", "
        "\"evacuation-pace-percent\": 100000, \"evacuation-s\": 1700000000, "
        "\"migrations\": []}",
    };
    char *path = temp_path("host2.json");

    (void)state;
    for (int i = 0; i < 3; i++) {
        unlink(path);
        append_file(path, texts[i]);
        assert_int_equal(capture(run_recall, "evacuate", NULL), 0);
        assert_memory_equal(captured_err, "xl evacuate: the forecast is "
                            "without the pace of earlier evacuations: ", 65);
        assert_ptr_equal(strchr(captured_err, '\n'),
                         captured_err + strlen(captured_err) - 1);
    }
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(capture(run_recall, "evacuate", NULL), 0);
    assert_non_null(strstr(captured_err, "not a file\n"));
    free(path);
}

static int run_keep(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    evacuate_keep_pace(&e, 1.5, NOW);
    return 0;
}

static void torture_xl_evacuate_plan_of_the_next_one(void **state)
{
    (void)state;
    assert_int_equal(capture(run_keep, "evacuate", NULL), 0);
    assert_true(recall() == 0);         /* none has moved */
    moves[0].state = XPC_MOVE_MOVED;
    evacuate_keep_pace(&e, 0, NOW);
    assert_true(recall() == 0);
    assert_int_equal(capture(run_keep, "evacuate", NULL), 0);
    assert_string_equal(captured_err, "");
    assert_true(recall() == 1.5);
    setenv(LIBXL_PRECOPY_HISTORY_ENV, "/dev/null/history", 1);
    assert_int_equal(capture(run_keep, "evacuate", NULL), 0);
    assert_non_null(strstr(captured_err, "the pace is not kept for the next "
                           "evacuation: /dev/null"));
    assert_ptr_equal(strchr(captured_err, '\n'),
                     captured_err + strlen(captured_err) - 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_evacuate_plan_##name, setup, \
                                    temp_dir_teardown)
        T(predicts_zero_pages),
        T(predicts_compression),
        T(predicts_with_a_cap),
        T(at_the_pace_of_an_earlier_one),
        T(at_the_paces_of_targets),
        T(without_a_damaged_history),
        T(of_the_next_one),
    };

    return torture_run(argc, argv, tests);
}
