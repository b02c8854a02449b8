/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/json.h>
#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "core/utf8.h"
#include "evacuate/xl_evacuate_show.h"

#define TABLE_NS (XPC_S / 2)
#define LINES_NS (10 * XPC_S)
#define NAME_LEN 256

/* ---- JSON ----------------------------------------------------------- */

struct guest_form {
    char *domain, *target, *state, *text;
    uint64_t start_ns, end_ns, limit_ns, predicted_ns, actual_ns, tries;
    uint64_t iteration, percent, bits_per_s;
};

#define G struct guest_form
#define STRING(key, m) \
    { .name = key, .kind = XPC_FIELD_STRING, .offset = offsetof(G, m), \
      .omit_zero = true }
#define U64(key, m, s) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(G, m), \
      .scale = s, .omit_zero = true }
static const struct xpc_field guest_fields[] = {
    STRING("domain", domain),
    STRING("target", target),
    STRING("state", state),
    U64("start-ms", start_ns, XPC_MS),
    U64("end-ms", end_ns, XPC_MS),
    U64("limit-ms", limit_ns, XPC_MS),
    U64("predicted-downtime-us", predicted_ns, 1000),
    U64("actual-downtime-us", actual_ns, 1000),
    U64("tries", tries, 1),
    U64("iteration", iteration, 1),
    U64("percent", percent, 1),
    U64("bandwidth-bits-per-s", bits_per_s, 1),
    STRING("text", text),
};
static const struct xpc_type guest_type = {
    .name = "guest", .size = sizeof(G), .fields = guest_fields,
    .nr_fields = sizeof(guest_fields) / sizeof(guest_fields[0]),
};
#undef STRING
#undef U64

static const struct xpc_field end_fields[] = {
    { .name = "at-ms", .kind = XPC_FIELD_U64, .scale = XPC_MS,
      .offset = offsetof(struct evacuate_end, at_ns) },
    { .name = "predicted-end-ms", .kind = XPC_FIELD_U64, .scale = XPC_MS,
      .offset = offsetof(struct evacuate_end, end_ns) },
};
static const struct xpc_type end_type = {
    .name = "forecast", .size = sizeof(struct evacuate_end),
    .fields = end_fields, .nr_fields = 2,
};

struct form {
    char *event, *domain, *target, *text, *outcome;
    uint64_t start_s, end_ns, end_low_ns, end_high_ns, total_ns, status;
    uint64_t link_bits_per_s;
    double earlier_pace;
    struct evacuate_end *ends;
    size_t nr_ends;
    struct guest_form *guests;
    size_t nr_guests;
};

#define F struct form
#define STRING(m) \
    { .name = #m, .kind = XPC_FIELD_STRING, .offset = offsetof(F, m), \
      .omit_zero = true }
#define U64(key, m, s) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(F, m), \
      .scale = s, .omit_zero = true }
static const struct xpc_field form_fields[] = {
    STRING(event),
    STRING(outcome),
    STRING(domain),
    STRING(target),
    STRING(text),
    U64("start-s", start_s, 1),
    U64("predicted-end-ms", end_ns, XPC_MS),
    U64("predicted-end-low-ms", end_low_ns, XPC_MS),
    U64("predicted-end-high-ms", end_high_ns, XPC_MS),
    U64("total-ms", total_ns, XPC_MS),
    U64("status", status, 1),
    U64("link-bits-per-s", link_bits_per_s, 1),
    { .name = "earlier-pace", .kind = XPC_FIELD_DOUBLE,
      .offset = offsetof(F, earlier_pace), .omit_zero = true },
    { .name = "forecasts", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(F, ends), .elem = &end_type,
      .count_offset = offsetof(F, nr_ends), .omit_zero = true },
    { .name = "guests", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(F, guests), .elem = &guest_type,
      .count_offset = offsetof(F, nr_guests), .omit_zero = true },
};
static const struct xpc_type form_type = {
    .name = "evacuation", .size = sizeof(F), .fields = form_fields,
    .nr_fields = sizeof(form_fields) / sizeof(form_fields[0]),
};

static const char *state_of(const struct evacuation *e, size_t i)
{
    static const char *const names[] = {
        [XPC_MOVE_WAITS] = "waits", [XPC_MOVE_RUNS] = "moves",
        [XPC_MOVE_MOVED] = "moved", [XPC_MOVE_LEFT] = "left",
    };

    return e->guests[i].unknown ? "unknown" : names[e->s.moves[i].state];
}

/* A name may hold anything, also what a terminal would obey. */
static const char *name_of(char buf[NAME_LEN], const struct evacuation *e,
                           size_t i)
{
    snprintf(buf, NAME_LEN, "%s", e->guests[i].name);
    return xl_plain(buf);
}

static const char *host_of(const struct evacuation *e, size_t i)
{
    int target = e->s.moves[i].target;

    return target < 0 ? "-" : e->targets[target].host;
}

static char *copy(const char *s)
{
    return s ? xl_asprintf("%s", s) : NULL;
}

/* planned: with what was forecast, else with what happened. */
static void add_guests(struct form *f, const struct evacuation *e,
                       bool planned)
{
    f->guests = calloc(e->s.nr_moves + 1, sizeof(*f->guests));
    for (size_t i = 0; f->guests && i < e->s.nr_moves; i++) {
        const struct evacuate_guest *g = &e->guests[i];
        const struct xpc_move *m = &e->s.moves[i];

        f->guests[f->nr_guests++] = (struct guest_form){
            .domain = copy(g->name), .target = copy(host_of(e, i)),
            .state = copy(state_of(e, i)), .text = copy(g->text),
            .start_ns = planned ? m->start_ns : g->started_ns,
            .end_ns = planned ? m->end_ns : g->ended_ns,
            .limit_ns = g->limited ? g->params.downtime_ns : 0,
            .predicted_ns = planned ? m->downtime_ns : g->predicted_ns,
            .actual_ns = planned ? 0 : g->actual_ns,
            .tries = planned ? 0 : g->tries,
            .iteration = m->state == XPC_MOVE_RUNS ? g->m.iteration : 0,
            .percent = m->state == XPC_MOVE_RUNS ? g->m.percent : 0,
            .bits_per_s = m->state == XPC_MOVE_RUNS ? g->m.bytes_per_s * 8 : 0,
        };
    }
}

static void print_form(struct form *f)
{
    char *json = xpc_to_json(&form_type, f, false);

    if (json)
        fputs(json, stdout);
    if (json && !strchr(json, '\n'))
        fputc('\n', stdout);
    free(json);
    xpc_dispose(&form_type, f);
    fflush(stdout);
}

/* ---- the plan ------------------------------------------------------- */

static const char *limit_text(char buf[XPC_UNIT_LEN],
                              const struct evacuate_guest *g)
{
    if (!g->limited)
        return "none";
    return xpc_format_time(buf, g->params.downtime_ns);
}

static const struct evacuation *sorting;

static int by_start(const void *a, const void *b)
{
    const struct xpc_move *x = &sorting->s.moves[*(const size_t *)a];
    const struct xpc_move *y = &sorting->s.moves[*(const size_t *)b];

    if (x->moved != y->moved)
        return x->moved ? -1 : 1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return (x > y) - (x < y);
}

static const char *why_not(const struct evacuation *e, size_t i,
                           char buf[XPC_ERR_LEN])
{
    static const char *const places[] = {
        [XPC_UNPLACED_MEMORY] = "no target has enough free memory",
        [XPC_UNPLACED_AFFINITY] = "no target that apart, together and the "
                                  "names in use allow has enough free memory",
        [XPC_UNPLACED_TARGETS] = "no target is left",
    };
    const struct xpc_move *m = &e->s.moves[i];
    char a[XPC_UNIT_LEN];

    if (e->guests[i].text)
        return e->guests[i].text;
    if (m->target < 0)
        return places[m->unplaced];
    snprintf(buf, XPC_ERR_LEN, "its downtime would be %s: it is measured "
             "again, and moved if it writes less", xpc_format_time(a,
             m->alone_downtime_ns));
    return buf;
}

static void print_plan(const struct evacuation *e)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN], d[XPC_UNIT_LEN],
         why[XPC_ERR_LEN], name[NAME_LEN];
    size_t *order = calloc(e->s.nr_moves, sizeof(*order));

    if (!order)
        return;
    for (size_t i = 0; i < e->s.nr_moves; i++)
        order[i] = i;
    sorting = e;
    qsort(order, e->s.nr_moves, sizeof(*order), by_start);
    printf("  %-20s %-20s %8s %8s %10s %10s\n", "guest", "target", "start",
           "time", "downtime", "limit");
    for (size_t k = 0; k < e->s.nr_moves; k++) {
        const struct evacuate_guest *g = &e->guests[order[k]];
        const struct xpc_move *m = &e->s.moves[order[k]];

        if (m->moved)
            printf("  %-20s %-20s %8s %8s %10s %10s\n",
                   name_of(name, e, order[k]), host_of(e, order[k]),
                   xl_span_text(a, m->start_ns),
                   xl_span_text(b, m->end_ns - m->start_ns),
                   xpc_format_time(c, m->downtime_ns), limit_text(d, g));
        else if (m->state == XPC_MOVE_WAITS || m->state == XPC_MOVE_LEFT)
            printf("  %-20s stays here: %s (limit %s)\n",
                   name_of(name, e, order[k]), why_not(e, order[k], why),
                   limit_text(d, g));
    }
    free(order);
}

void show_plan(const struct evacuate_show *show, const struct evacuation *e,
               const struct evacuate_forecast *f)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN], d[XPC_UNIT_LEN],
         pace[64] = "";

    if (e->earlier_pace > 0)
        snprintf(pace, sizeof(pace), ", at the pace of earlier evacuations "
                 "(x%.2f)", e->earlier_pace);
    if (show->json) {
        struct form form = {
            .event = copy("plan"), .end_ns = f->expected.end_ns,
            .end_low_ns = f->low.end_ns, .end_high_ns = f->high.end_ns,
            .link_bits_per_s = e->s.link_bytes_per_s * 8,
            .earlier_pace = e->earlier_pace,
        };

        add_guests(&form, e, true);
        print_form(&form);
        return;
    }
    printf("%zu of %zu guests can be moved over %s%s in %s (%s to %s), at most "
           "%u at once%s\n", f->expected.moved,
           f->expected.moved + f->expected.left,
           xpc_format_bandwidth(a, e->s.link_bytes_per_s),
           e->link_given ? "" : " (assumed)",
           xl_span_text(b, f->expected.end_ns),
           xl_span_text(c, f->low.end_ns), xl_span_text(d, f->high.end_ns),
           f->expected.at_once, pace);
    print_plan(e);
    fflush(stdout);
}

/* Whether it can be part of a list on a command line. */
static bool is_word(const char *name)
{
    return *name && !name[strcspn(name, ", '\"\\$`*?;&|<>()[]{}!~#\t\n")];
}

/* Returns false if they are too many for a line. */
static bool list_names(const struct evacuation *e, const bool *leave,
                       char *to, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct evacuate_guest *g = &e->guests[i];
        char number[16];

        if (!leave[i])
            continue;
        snprintf(number, sizeof(number), "%u", g->domid);
        n += snprintf(to + n, room - n, "%s%s", n ? "," : "",
                      is_word(g->name) ? g->name : number);
        if (n >= room)
            return false;
    }
    return true;
}

void show_deadline(struct evacuate_show *show, const struct evacuation *e,
                   uint64_t deadline_ns, const bool *leave, ssize_t nr,
                   const struct xpc_schedule_forecast *now)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], names[256], advice[320] = "";

    if (nr > 0 && list_names(e, leave, names, sizeof(names)))
        snprintf(advice, sizeof(advice), ", or leave some: --leave=%s", names);
    else if (nr > 0)
        snprintf(advice, sizeof(advice), ", or leave %zd of the guests, the "
                 "largest", nr);
    if (!deadline_ns)
        show_event(show, "deadline", NULL, NULL, "the deadline has passed: it "
                   "takes another %s", xl_span_text(b, now->end_ns));
    else
        show_event(show, "deadline", NULL, NULL, "the deadline, in %s, can't "
                   "be kept: it takes %s%s", xl_span_text(a, deadline_ns),
                   xl_span_text(b, now->end_ns), advice);
}

/* ---- progress ------------------------------------------------------- */

static void clear_table(struct evacuate_show *show)
{
    if (show->lines)
        printf("\033[%uA\033[J", show->lines);
    show->lines = 0;
}

void show_event(struct evacuate_show *show, const char *event,
                const char *domain, const char *target, const char *fmt, ...)
{
    char text[512], of[NAME_LEN];
    va_list al;

    va_start(al, fmt);
    vsnprintf(text, sizeof(text), fmt, al);
    va_end(al);
    xl_plain(text);
    if (show->json) {
        struct form f = {
            .event = copy(event), .domain = copy(domain),
            .target = copy(target), .text = copy(text),
        };

        print_form(&f);
        return;
    }
    snprintf(of, sizeof(of), "%s", domain ? domain : target ? target : "");
    clear_table(show);
    printf("%s%s%s\n", xl_plain(of), *of ? ": " : "", text);
    fflush(stdout);
}

/* The size of the terminal, or 0: everything is printed. */
static void measure_terminal(struct evacuate_show *show)
{
    struct winsize w;

    if (show->redraw && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w)) {
        show->columns = w.ws_col;
        show->rows = w.ws_row;
    }
}

/*
 * A line of the table, which must not take two: it would not be cleared. The
 * last column stays free, after which terminals differ.
 */
__attribute__((format(printf, 2, 3)))
static void print_line(struct evacuate_show *show, const char *fmt, ...)
{
    char line[512];
    unsigned int columns = 1;
    const char *end = line;
    va_list al;

    va_start(al, fmt);
    vsnprintf(line, sizeof(line), fmt, al);
    va_end(al);
    while (*end && (!show->columns || columns < show->columns)) {
        size_t len = xpc_utf8_char(end);

        end += len ? len : 1;
        columns++;
    }
    printf("%.*s\n", (int)(end - line), line);
    show->lines++;
}

static void print_row(struct evacuate_show *show, const struct evacuation *e,
                      size_t i, uint64_t now_ns)
{
    const struct evacuate_guest *g = &e->guests[i];
    char phase[32], a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN],
         d[XPC_UNIT_LEN], name[NAME_LEN];

    if (g->m.suspended)
        snprintf(phase, sizeof(phase), "suspended");
    else if (g->m.iteration)
        snprintf(phase, sizeof(phase), "iteration %"PRIu64, g->m.iteration);
    else
        snprintf(phase, sizeof(phase), g->m.sent_bytes ? "iteration 1" :
                                                         "begins");
    print_line(show, "%-14s %-11s %-12s %3"PRIu64"%% %11s %8s %6s %6s",
               name_of(name, e, i), host_of(e, i), phase, g->m.percent,
               g->m.bytes_per_s > 0 ?
               xpc_format_bandwidth(a, g->m.bytes_per_s) : "-",
               g->m.predicted_ns ? xpc_format_time(b, g->m.predicted_ns) : "-",
               xl_span_text(c, now_ns - g->started_ns),
               e->s.moves[i].left_ns == UINT64_MAX ? "-" :
               xl_span_text(d, e->s.moves[i].left_ns));
}

/* As many as there is room for. */
static void print_rows(struct evacuate_show *show, const struct evacuation *e,
                       size_t nr, uint64_t now_ns)
{
    /* Two lines are above, and the cursor is below. */
    size_t most = show->rows > 4 ? show->rows - 3 : nr, shown = 0;

    if (nr > most)
        most--;
    for (size_t i = 0; i < e->s.nr_moves && shown < most; i++) {
        if (e->s.moves[i].state != XPC_MOVE_RUNS)
            continue;
        print_row(show, e, i, now_ns);
        shown++;
    }
    if (shown < nr)
        print_line(show, "... and %zu more", nr - shown);
}

void show_table(struct evacuate_show *show, const struct evacuation *e,
                uint64_t now_ns, uint64_t end_ns)
{
    size_t nr[XPC_MOVE_LEFT + 1] = { 0 };
    char a[XPC_UNIT_LEN];

    if (now_ns < show->last_ns + (show->redraw ? TABLE_NS : LINES_NS))
        return;
    show->last_ns = now_ns;
    if (show->json) {
        struct form f = { .event = copy("progress"), .end_ns = end_ns };

        add_guests(&f, e, false);
        print_form(&f);
        return;
    }
    clear_table(show);
    measure_terminal(show);
    for (size_t i = 0; i < e->s.nr_moves; i++)
        nr[e->s.moves[i].state]++;
    print_line(show, "%zu moved, %zu moving, %zu waiting, %zu left; done in %s",
               nr[XPC_MOVE_MOVED], nr[XPC_MOVE_RUNS], nr[XPC_MOVE_WAITS],
               nr[XPC_MOVE_LEFT], xl_span_text(a, end_ns));
    if (nr[XPC_MOVE_RUNS] && show->redraw)
        print_line(show, "%-14s %-11s %-12s %4s %11s %8s %6s %6s", "guest",
                   "target", "phase", "", "rate", "downtime", "time", "left");
    print_rows(show, e, nr[XPC_MOVE_RUNS], now_ns);
    if (!show->redraw)
        show->lines = 0;
    fflush(stdout);
}

/* ---- the end -------------------------------------------------------- */

static const char *outcome_of(int status)
{
    static const char *const names[] = {
        [EVACUATE_OK] = "moved", [EVACUATE_FAILED] = "failed",
        [EVACUATE_REFUSED] = "refused", [EVACUATE_SOME_LEFT] = "some-left",
        [EVACUATE_UNKNOWN] = "unknown", [EVACUATE_INTERRUPTED] = "interrupted",
    };

    return names[status];
}

static void fill_end(struct form *f, const struct evacuation *e,
                     const struct evacuate_forecast *plan, uint64_t total_ns,
                     int status)
{
    f->outcome = copy(outcome_of(status));
    f->status = status;
    f->total_ns = total_ns;
    f->end_ns = plan->expected.end_ns;
    f->end_low_ns = plan->low.end_ns;
    f->end_high_ns = plan->high.end_ns;
    f->link_bits_per_s = e->s.link_bytes_per_s * 8;
    f->earlier_pace = e->earlier_pace;
    f->ends = calloc(e->nr_ends + 1, sizeof(*f->ends));
    for (size_t i = 0; f->ends && i < e->nr_ends; i++)
        f->ends[f->nr_ends++] = e->ends[i];
    add_guests(f, e, false);
}

char *evacuate_report(const struct evacuation *e,
                      const struct evacuate_forecast *plan, uint64_t start_s,
                      uint64_t total_ns, int status)
{
    struct form f = { .start_s = start_s };
    char *json;

    fill_end(&f, e, plan, total_ns, status);
    json = xpc_to_json(&form_type, &f, true);
    xpc_dispose(&form_type, &f);
    return json;
}

void show_end(struct evacuate_show *show, const struct evacuation *e,
              const struct evacuate_forecast *plan, uint64_t total_ns,
              int status)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN], name[NAME_LEN];
    size_t moved = 0;

    if (show->json) {
        struct form f = { .event = copy("end") };

        fill_end(&f, e, plan, total_ns, status);
        print_form(&f);
        return;
    }
    clear_table(show);
    for (size_t i = 0; i < e->s.nr_moves; i++)
        moved += e->s.moves[i].state == XPC_MOVE_MOVED;
    printf("%zu of %zu guests were moved in %s", moved, e->s.nr_moves,
           xl_span_text(a, total_ns));
    if (plan->expected.end_ns)
        printf(" (predicted %s)", xl_span_text(b, plan->expected.end_ns));
    fputc('\n', stdout);
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct evacuate_guest *g = &e->guests[i];

        if (e->s.moves[i].state == XPC_MOVE_MOVED)
            printf("  %-20s on %-17s downtime %s, predicted %s, limit %s\n",
                   name_of(name, e, i), host_of(e, i), g->actual_ns ?
                   xpc_format_time(a, g->actual_ns) : "unknown",
                   g->predicted_ns ? xpc_format_time(b, g->predicted_ns) :
                                     "unknown", limit_text(c, g));
        else
            printf("  %-20s %s: %s\n", name_of(name, e, i), g->unknown ?
                   "look at both ends" : "runs here", g->text ? g->text :
                   "its turn did not come");
    }
    fflush(stdout);
}
