/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an evacuation prints, on terminals of all sizes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "evacuate/xl_evacuate_show.h"
#include "support/torture.h"

#define NR 40

static struct evacuate_guest guests[NR];
static struct xpc_move moves[NR];
static struct evacuate_target target = { .host = "a.host.with.a.long.name" };
static struct evacuation e;
static struct evacuate_show show;
static char text[20000];

static int setup(void **state)
{
    (void)state;
    show = (struct evacuate_show){ .redraw = true };
    e = (struct evacuation){
        .guests = guests, .targets = &target,
        .s = { .moves = moves, .nr_moves = NR, .nr_targets = 1 },
    };
    for (int i = 0; i < NR; i++) {
        guests[i] = (struct evacuate_guest){
            .name = (char *)"a guest with a long name \xe2\x82\xac",
            .domid = i + 1,
            .m = { .iteration = 12, .percent = 100, .bytes_per_s = 1e9,
                   .predicted_ns = 999 * XPC_MS },
        };
        moves[i] = (struct xpc_move){ .state = XPC_MOVE_RUNS };
    }
    return 0;
}

static void read_back(FILE *f)
{
    size_t n;

    rewind(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = 0;
    fclose(f);
}

/* Calls fn with its standard output in text[]. */
static void capture(void (*fn)(void))
{
    int out = dup(STDOUT_FILENO);
    FILE *f = tmpfile();

    fflush(stdout);
    dup2(fileno(f), STDOUT_FILENO);
    fn();
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    read_back(f);
}

static void draw(void)
{
    show.last_ns = 0;
    show_table(&show, &e, 10 * XPC_S, 100 * XPC_S);
}

static void expect_lines(unsigned int nr, size_t columns)
{
    unsigned int lines = 0;

    for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
        assert_true((size_t)(end - p) <= columns);
        lines++;
    }
    assert_int_equal(lines, nr);
    assert_int_equal(show.lines, nr);
}

static void torture_xl_evacuate_show_fits_the_terminal(void **state)
{
    (void)state;
    show.columns = 80;
    show.rows = 24;
    capture(draw);
    expect_lines(23, 79 + 2);           /* a character of three bytes */
    assert_non_null(strstr(text, "... and 20 more\n"));
    show.rows = 60;
    show.lines = 0;
    capture(draw);
    expect_lines(NR + 2, 79 + 2);
}

static void torture_xl_evacuate_show_ordinary_names_in_80_columns(void **state)
{
    (void)state;
    e.s.nr_moves = 1;
    guests[0].name = (char *)"database-1";
    target.host = "host2";
    show.columns = 80;
    capture(draw);
    assert_non_null(strstr(text, "  999 ms"));
    assert_int_equal(strlen(strchr(strchr(text, '\n') + 1, '\n') + 1), 80);
}

/* ---- names -------------------------------------------------------------- */

static void say(void)
{
    show_event(&show, "start", guests[0].name, NULL, "to %s", target.host);
}

static void torture_xl_evacuate_show_names_do_nothing(void **state)
{
    (void)state;
    guests[0].name = (char *)"\033[2Jx\ny";
    e.s.nr_moves = 1;
    capture(say);
    assert_memory_equal(text, "?[2Jx?y: to", 11);
    capture(draw);
    assert_null(strchr(text, '\033'));
}

static bool leave[NR];
static ssize_t nr_leave;
static struct xpc_schedule_forecast forecast = { .end_ns = 600 * XPC_S };

static void say_deadline(void)
{
    show_deadline(&show, &e, 300 * XPC_S, leave, nr_leave, &forecast);
}

static void torture_xl_evacuate_show_whom_to_leave(void **state)
{
    (void)state;
    nr_leave = 2;
    leave[1] = leave[4] = true;
    guests[4].name = (char *)"web1";
    capture(say_deadline);
    assert_non_null(strstr(text, "--leave=2,web1\n"));
    memset(leave, true, sizeof(leave));
    nr_leave = NR;
    for (int i = 0; i < NR; i++)
        guests[i].name = (char *)"a-long-name-of-a-guest";
    capture(say_deadline);
    assert_null(strstr(text, "--leave"));
    assert_non_null(strstr(text, "leave 40 of the guests"));
}

static void say_plan(void)
{
    static const struct evacuate_forecast f = {
        .expected = { .end_ns = 60 * XPC_S, .moved = 1, .at_once = 1 },
    };

    show_plan(&show, &e, &f);
}

static void torture_xl_evacuate_show_the_pace_of_earlier_ones(void **state)
{
    (void)state;
    e.s.nr_moves = 1;
    moves[0] = (struct xpc_move){ .moved = true };
    capture(say_plan);
    assert_non_null(strstr(text, ", at most 1 at once\n"));
    e.earlier_pace = 1.5;
    capture(say_plan);
    assert_non_null(strstr(text, ", at most 1 at once, at the pace of earlier "
                           "evacuations (x1.50)\n"));
    show.json = true;
    capture(say_plan);
    assert_non_null(strstr(text, "\"earlier-pace\":1.5,"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(torture_xl_evacuate_show_##name, setup)
        T(fits_the_terminal),
        T(ordinary_names_in_80_columns),
        T(names_do_nothing),
        T(whom_to_leave),
        T(the_pace_of_earlier_ones),
    };

    return torture_run(argc, argv, tests);
}
