/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "check/xl_check_result.h"
#include "common/xl_common.h"

/* ---- JSON ---------------------------------------------------------------- */

static const char *const status_names[] = { "ok", "wrong", "unknown", NULL };
static const char *const receiver_names[] = {
    "none", "stock", "older", "ours", NULL
};

#define FIELD(t, key, k, m, ...) \
    { .name = key, .kind = XPC_FIELD_##k, .offset = offsetof(t, m), \
      __VA_ARGS__ }
#define I struct check_item
static const struct xpc_field item_fields[] = {
    FIELD(I, "what", STRING, what),
    FIELD(I, "of", STRING, of, .omit_zero = true),
    FIELD(I, "status", ENUM, status, .names = status_names),
    FIELD(I, "text", STRING, text, .omit_zero = true),
};
#undef I

static const struct xpc_type item_type = {
    .name = "item", .size = sizeof(struct check_item),
    .fields = item_fields,
    .nr_fields = sizeof(item_fields) / sizeof(item_fields[0]),
};

#define R struct check_result
static const struct xpc_field result_fields[] = {
    FIELD(R, "domain", STRING, domain),
    FIELD(R, "target", STRING, target),
    FIELD(R, "receiver", ENUM, receiver, .names = receiver_names),
    FIELD(R, "right", BOOL, right),
    FIELD(R, "items", ARRAY, items, .elem = &item_type,
          .count_offset = offsetof(R, nr_items)),
    FIELD(R, "round-trip-us", U64, round_trip_ns, .scale = XPC_US,
          .null_zero = true),
    FIELD(R, "bandwidth-bits-per-s", U64, bandwidth_bits_per_s,
          .null_zero = true),
    FIELD(R, "memory-bytes", U64, memory_bytes, .null_zero = true),
    FIELD(R, "clock-known", BOOL, clock_known),
    FIELD(R, "clock-ahead-ms", DOUBLE, clock_ahead_ms),
    FIELD(R, "prediction", OBJECT, prediction, .elem = &xpc_cells_type),
};
#undef R

const struct xpc_type check_result_type = {
    .name = "check", .size = sizeof(struct check_result),
    .fields = result_fields,
    .nr_fields = sizeof(result_fields) / sizeof(result_fields[0]),
};

/* ---- collecting ---------------------------------------------------------- */

static const char *const kinds[QUESTION_KINDS] = {
    [QUESTION_NAME] = "name",
    [QUESTION_INCOMING] = "incoming",
    [QUESTION_AWAY] = "migratedaway",
    [QUESTION_MEMORY] = "memory",
    [QUESTION_DISK] = "disk",
    [QUESTION_BRIDGE] = "bridge",
    [QUESTION_SCRIPT] = "script",
    [QUESTION_DEVICE_MODEL] = "device-model",
    [QUESTION_XEN] = "xen",
    [QUESTION_CPU] = "cpu",
    /* QUESTION_SOURCE is no item of its own, QUESTION_CLOCK is judged here. */
};

void check_result_dispose(struct check_result *r)
{
    xpc_dispose(&check_result_type, r);
}

void check_result_add(struct check_result *r, const char *what,
                      const char *of, enum reply_status status,
                      const char *text)
{
    struct check_item *grown = realloc(r->items, (r->nr_items + 1) *
                                                 sizeof(*grown));

    if (!grown) {
        fputs("xl: out of memory\n", stderr);
        exit(1);
    }
    r->items = grown;
    grown[r->nr_items++] = (struct check_item){
        .what = xl_asprintf("%s", what),
        .of = of && *of ? xl_plain_copy(of) : NULL,
        .status = status,
        .text = text && *text ? xl_plain_copy(text) : NULL,
    };
}

/* Of which there can be several. */
static const char *name_of(const struct question_item *item)
{
    return item->kind == QUESTION_DISK || item->kind == QUESTION_BRIDGE ||
           item->kind == QUESTION_SCRIPT ? item->value : NULL;
}

static void take_item(struct check_result *r,
                      const struct question_item *asked,
                      const struct reply_item *item)
{
    char text[XPC_ERR_LEN], need[XPC_UNIT_LEN], have[XPC_UNIT_LEN];

    if (asked->kind == QUESTION_MEMORY && item->number) {
        r->memory_bytes = item->number > UINT64_MAX / 1024 ? UINT64_MAX :
                          item->number * 1024;
        xpc_format_bytes(need, strtoull(asked->value, NULL, 10) * 1024);
        snprintf(text, sizeof(text), "%s of %s", need,
                 xpc_format_bytes(have, r->memory_bytes));
    } else {
        *text = 0;
    }
    check_result_add(r, kinds[asked->kind], name_of(asked), item->status,
                     *item->text ? item->text : text);
}

void check_result_take(struct check_result *r, const struct question *q,
                       const struct reply *reply)
{
    for (unsigned int i = 0; i < q->nr; i++) {
        if (kinds[q->item[i].kind])
            take_item(r, &q->item[i], &reply->item[i]);
    }
}

void check_result_unasked(struct check_result *r, const struct question *q,
                          const char *why)
{
    for (unsigned int i = 0; i < q->nr; i++) {
        if (kinds[q->item[i].kind])
            check_result_add(r, kinds[q->item[i].kind], name_of(&q->item[i]),
                             REPLY_UNKNOWN, why);
    }
}

/* ---- text ---------------------------------------------------------------- */

static void print_item(FILE *out, const struct check_item *item)
{
    char *what = xl_asprintf("%s%s%s", item->what, item->of ? " " : "",
                             item->of ? item->of : "");

    fprintf(out, "  %-32s %-8s %s\n", what, status_names[item->status],
            item->text ? item->text : "");
    free(what);
}

static void print_link(FILE *out, const struct check_result *r)
{
    char a[XPC_UNIT_LEN];

    if (r->round_trip_ns)
        fprintf(out, "  %-32s %s\n", "round trip",
                xpc_format_time(a, r->round_trip_ns));
    if (r->bandwidth_bits_per_s)
        fprintf(out, "  %-32s %s\n", "bandwidth",
                xpc_format_bandwidth(a, r->bandwidth_bits_per_s / 8));
    if (r->clock_known)
        fprintf(out, "  %-32s %.0f ms %s\n", "clock there",
                fabs(r->clock_ahead_ms), r->clock_ahead_ms < 0 ? "behind" :
                "ahead");
}

static void print_prediction(FILE *out, const struct xpc_cells *c)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    for (size_t i = 0; i < c->nr_cells; i++) {
        const struct xpc_cell *cell = &c->cells[i];

        if (cell->converges)
            fprintf(out, "  %-32s migrated in %s, downtime %s%s\n",
                    "prediction", xpc_format_time(a, cell->total_ns),
                    xpc_format_time(b, cell->predicted_ns), cell->marginal ?
                    ", but it may turn out the other way" : "");
        else
            fprintf(out, "  %-32s does not converge%s\n", "prediction",
                    cell->marginal ? ", but it may" : "");
    }
    for (size_t i = 0; i < c->nr_advice; i++) {
        if (c->advice[i].text && !c->advice[i].converges)
            fprintf(out, "  %-32s %s\n", "", c->advice[i].text);
    }
}

static size_t count(const struct check_result *r, int status)
{
    size_t nr = 0;

    for (size_t i = 0; i < r->nr_items; i++)
        nr += r->items[i].status == status;
    return nr;
}

void check_result_print(FILE *out, const struct check_result *r)
{
    size_t wrong = count(r, REPLY_WRONG), unknown = count(r, REPLY_UNKNOWN);

    fprintf(out, "%s to %s:\n", r->domain, r->target);
    for (size_t i = 0; i < r->nr_items; i++)
        print_item(out, &r->items[i]);
    print_link(out, r);
    print_prediction(out, &r->prediction);
    if (wrong)
        fprintf(out, "%zu %s wrong", wrong, wrong == 1 ? "is" : "are");
    else
        fputs("nothing is wrong", out);
    if (unknown)
        fprintf(out, ", %zu %s not known", unknown,
                unknown == 1 ? "is" : "are");
    fputs(".\n", out);
}
