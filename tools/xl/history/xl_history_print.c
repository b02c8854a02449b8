/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "history/xl_history_print.h"
#include "json/migration.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- tables ----------------------------------------------------------- */

static const char *date_text(char *buf, size_t len, uint64_t start_s)
{
    time_t t = start_s;
    struct tm tm;

    if (!localtime_r(&t, &tm) || !strftime(buf, len, "%F %R", &tm))
        snprintf(buf, len, "?");
    return buf;
}

/* "-" if it is unknown. */
static const char *time_text(char buf[XPC_UNIT_LEN], uint64_t ns)
{
    return ns ? xpc_format_time(buf, ns) : strcpy(buf, "-");
}

/* Ends a line. */
static void print_bound(FILE *out, const struct xpc_prior *p)
{
    char text[XPC_UNIT_LEN];

    if (p->at_least_ns)
        fprintf(out, "; it was more than %s when a switchover was broken off",
                xpc_format_time(text, p->at_least_ns));
    fputc('\n', out);
}

/* What was learned for guests with, or without, a device model. */
static void print_kind(FILE *out, const struct xpc_history_learned *l)
{
    const struct xpc_prior *p = &l->prior;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    if (!l->migrations)
        return;
    fprintf(out, "  learned from %"PRIu64"%s: switchover overhead %s +- %s",
            l->migrations, p->guest.device_model == XPC_DEVICE_MODEL_YES ?
            " with a device model" : "",
            xpc_format_time(a, p->overhead_ns),
            xpc_format_time(b, p->overhead_sd_ns));
    if (p->suspend_pages)
        fprintf(out, ", %"PRIu64" +- %"PRIu64" suspend pages",
                p->suspend_pages, p->suspend_pages_sd);
    print_bound(out, p);
}

/* What the overhead is made of, as far as it was seen. */
static void print_costs(FILE *out, const struct history_target *t)
{
    const struct xpc_history_summary *s = &t->summary;
    char text[XPC_UNIT_LEN];
    static const char *const names[] = {
        [XPC_OVERHEAD_DEVICE_MODEL] = "device model",
        [XPC_OVERHEAD_VIF] = "vif", [XPC_OVERHEAD_DISK] = "disk",
        [XPC_OVERHEAD_VCPU] = "vCPU",
    };

    if (s->nr_guests < 2)
        return;
    fprintf(out, "  from %"PRIu64" guests: %s each",
            s->costs_guests, xpc_format_time(text,
                                             s->costs_ns[XPC_OVERHEAD_BASE]));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i])
            fprintf(out, ", %s %s", names[i],
                    xpc_format_time(text, s->costs_ns[i]));
    }
    fprintf(out, ", TiB %s\n", xpc_format_time(text, t->tib_ns));
}

/*
 * What each guest is expected to take. A single one is of interest only if its
 * next migration may be refused.
 */
static void print_guests(FILE *out, const struct xpc_history_summary *s)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], name[XL_NAME_LEN];

    for (size_t i = 0; i < s->nr_guests; i++) {
        const struct xpc_history_guest *g = &s->guests[i];

        if (s->nr_guests < 2 && !g->prior.at_least_ns)
            continue;
        fprintf(out, "  %s, from %"PRIu64": %s +- %s",
                g->domain ? xl_plain_name(name, g->domain) : "?",
                g->migrations,
                xpc_format_time(a, g->prior.overhead_ns),
                xpc_format_time(b, g->prior.overhead_sd_ns));
        print_bound(out, &g->prior);
    }
}

static void print_learned(FILE *out, const struct history_target *t)
{
    const struct xpc_history_summary *s = &t->summary;
    const struct xpc_history_learned *no = &s->learned[XPC_DEVICE_MODEL_NO],
                                     *yes = &s->learned[XPC_DEVICE_MODEL_YES];

    if (!no->migrations && !yes->migrations && !s->nr_guests) {
        fputs("  nothing was learned from them\n", out);
        return;
    }
    print_kind(out, no);
    print_kind(out, yes);
    print_costs(out, t);
    print_guests(out, s);
    if (!isnan(s->error_median))
        fprintf(out, "  predictions were off by %.1f%% (median), %+.1f%% at "
                "worst\n", s->error_median * 100, s->error_worst * 100);
}

static void print_entry(FILE *out, const struct xpc_history_entry *e)
{
    char start[32], predicted[XPC_UNIT_LEN], actual[XPC_UNIT_LEN],
         limit[XPC_UNIT_LEN], overhead[XPC_UNIT_LEN + 1],
         total[XPC_UNIT_LEN], name[XL_NAME_LEN];

    time_text(overhead, e->overhead_ns);
    if (e->overhead_at_least_ns) {
        *overhead = '>';
        xpc_format_time(overhead + 1, e->overhead_at_least_ns);
    }

    fprintf(out, "  %-16s %-12s %-11s %9s %9s %9s %9s %9s\n",
            date_text(start, sizeof(start), e->start_s),
            xl_plain_name(name, e->domain), xpc_outcome_names[e->outcome],
            time_text(predicted, e->predicted_downtime_ns),
            time_text(actual, e->actual_downtime_ns),
            time_text(limit, e->limit_ns),
            overhead,
            time_text(total, e->total_time_ns));
}

void history_print(FILE *out, const struct history_targets *t)
{
    if (!t->nr)
        fputs("No migrations are known.\n", out);
    for (size_t i = 0; i < t->nr; i++) {
        char start[32], name[XL_NAME_LEN];
        const libxl_precopy_history *h = &t->list[i].history;

        fprintf(out, "%s%s: %zu migration%s\n", i ? "\n" : "",
                xl_plain_name(name, h->target), h->nr_entries,
                h->nr_entries == 1 ? "" : "s");
        print_learned(out, &t->list[i]);
        if (h->stock_s)
            fprintf(out, "  its receiver was a stock one on %s\n",
                    date_text(start, sizeof(start), h->stock_s));
        if (h->pace_percent)
            fprintf(out, "  evacuations took %.2f times as long as forecast, "
                    "the last until %s\n", h->pace_percent / 100.0,
                    date_text(start, sizeof(start), h->pace_s));
        fprintf(out, "  %-16s %-12s %-11s %9s %9s %9s %9s %9s\n", "when",
                "domain", "outcome", "predicted", "actual", "limit",
                "overhead", "total");
        for (size_t j = 0; j < h->nr_entries; j++)
            print_entry(out, &h->entries[j]);
    }
}

/* ---- JSON ------------------------------------------------------------- */

#define T struct history_target
#define U64(key, m, ...) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(T, m), \
      __VA_ARGS__ }
#define LEARNED(prefix, kind) \
    U64(prefix "learned-from", summary.learned[kind].migrations), \
    U64(prefix "switchover-overhead-us", \
        summary.learned[kind].prior.overhead_ns, .scale = 1000, \
        .null_zero = true), \
    U64(prefix "switchover-overhead-sd-us", \
        summary.learned[kind].prior.overhead_sd_ns, .scale = 1000, \
        .null_zero = true), \
    U64(prefix "switchover-overhead-at-least-us", \
        summary.learned[kind].prior.at_least_ns, .scale = 1000, \
        .null_zero = true), \
    U64(prefix "suspend-pages", summary.learned[kind].prior.suspend_pages, \
        .null_zero = true), \
    U64(prefix "suspend-pages-sd", \
        summary.learned[kind].prior.suspend_pages_sd, .null_zero = true)
#define COST(key, i) \
    U64(key, summary.costs_ns[i], .scale = 1000)
#define DOUBLE(key, m) \
    { .name = key, .kind = XPC_FIELD_DOUBLE, .offset = offsetof(T, m) }

#define G struct xpc_history_guest
#define GUEST(key, m, ...) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(G, m), \
      __VA_ARGS__ }

static const struct xpc_field guest_fields[] = {
    { .name = "domain", .kind = XPC_FIELD_STRING,
      .offset = offsetof(G, domain) },
    GUEST("guest-id", id),
    GUEST("migrations", migrations),
    GUEST("switchover-overhead-us", prior.overhead_ns, .scale = 1000),
    GUEST("switchover-overhead-sd-us", prior.overhead_sd_ns, .scale = 1000),
    GUEST("switchover-overhead-at-least-us", prior.at_least_ns,
          .scale = 1000, .null_zero = true),
};

static const struct xpc_type guest_type = {
    .name = "guest", .size = sizeof(G),
    .fields = guest_fields, .nr_fields = ARRAY_SIZE(guest_fields),
};

static const struct xpc_field target_fields[] = {
    { .name = "target", .kind = XPC_FIELD_STRING,
      .offset = offsetof(T, history.target) },
    U64("stock-receiver-s", history.stock_s, .omit_zero = true),
    U64("evacuation-pace-percent", history.pace_percent, .omit_zero = true),
    U64("evacuation-s", history.pace_s, .omit_zero = true),
    LEARNED("", XPC_DEVICE_MODEL_NO),
    LEARNED("device-model-", XPC_DEVICE_MODEL_YES),
    U64("costs-learned-from-guests", summary.costs_guests),
    COST("cost-base-us", XPC_OVERHEAD_BASE),
    COST("cost-device-model-us", XPC_OVERHEAD_DEVICE_MODEL),
    COST("cost-vif-us", XPC_OVERHEAD_VIF),
    COST("cost-disk-us", XPC_OVERHEAD_DISK),
    COST("cost-vcpu-us", XPC_OVERHEAD_VCPU),
    U64("cost-tib-us", tib_ns, .scale = 1000),
    { .name = "guests", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(T, guests),
      .count_offset = offsetof(T, summary.nr_guests), .elem = &guest_type },
    DOUBLE("prediction-error-median", summary.error_median),
    DOUBLE("prediction-error-worst", summary.error_worst),
    { .name = "totals", .kind = XPC_FIELD_OBJECT,
      .offset = offsetof(T, history.totals),
      .elem = &xpc_history_totals_type },
    { .name = "migrations", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(T, history.entries),
      .count_offset = offsetof(T, history.nr_entries),
      .elem = &xpc_history_entry_type },
};

static const struct xpc_type target_type = {
    .name = "target", .size = sizeof(T),
    .fields = target_fields, .nr_fields = ARRAY_SIZE(target_fields),
};

static const struct xpc_field targets_fields[] = {
    { .name = "targets", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(struct history_targets, list),
      .count_offset = offsetof(struct history_targets, nr),
      .elem = &target_type },
};

static const struct xpc_type targets_type = {
    .name = "migration history", .size = sizeof(struct history_targets),
    .fields = targets_fields, .nr_fields = ARRAY_SIZE(targets_fields),
};

int history_print_json(FILE *out, const struct history_targets *t)
{
    char *json = xpc_to_json(&targets_type, t, true);

    if (!json)
        return -1;
    fputs(json, out);
    free(json);
    return 0;
}
