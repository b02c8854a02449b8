/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "common/xl_precopy_options.h"
#include "control/xl_status.h"
#include "json/migration.h"

/* Whether a change of the parameters is pending; text gets "a -> b". */
static bool is_changing(const struct control_state *st,
                        char text[XL_PRECOPY_TEXT_LEN])
{
    xl_precopy_changes(&st->active.params, &st->asked, text,
                       XL_PRECOPY_TEXT_LEN);
    return *text;
}

/* ---- text -------------------------------------------------------------- */

/* Local time, as that of the profile. */
static void format_waiting(const struct waiting *w, char *buf, size_t len)
{
    char until[40] = "";
    struct tm tm;

    if (w->until_s && localtime_r(&w->until_s, &tm))
        strftime(until, sizeof(until), "until %F %R ", &tm);
    snprintf(buf, len, "waits %sto be migrated (xl migrate --within, pid %ld)",
             until, w->pid);
}

/* "iteration 3, 12.3 s, 156 MiB sent, 47.7 s left" */
static void format_state(const struct control_state *st, char *buf, size_t len)
{
    char t[XPC_UNIT_LEN], b[XPC_UNIT_LEN], left[XPC_UNIT_LEN];
    size_t n;

    if (st->phase == PHASE_WAITS) {
        format_waiting(&st->waiting, buf, len);
        return;
    }
    if (st->phase == PHASE_HANDOVER) {
        snprintf(buf, len, "suspended, all is sent: the target is taking it "
                 "over");
        return;
    }
    if (st->phase == PHASE_TAKING_BACK) {
        snprintf(buf, len, "failed; the guest may still suspend: it is waited "
                 "for, to be resumed then");
        return;
    }
    if (st->phase == PHASE_UNKNOWN) {
        snprintf(buf, len, CONTROL_UNKNOWN_TEXT);
        return;
    }
    if (st->phase == PHASE_PRECOPY)
        n = snprintf(buf, len, "iteration %"PRIu64, control_iteration(st));
    else
        n = snprintf(buf, len, "suspended, copying the rest");
    n += snprintf(buf + n, len - n, ", %s, %s sent",
                  xpc_format_time(t, st->elapsed_ns),
                  xpc_format_bytes(b, st->total_bytes));
    if (st->phase == PHASE_PRECOPY && st->active.params.duration_ns)
        snprintf(buf + n, len - n, ", %s left",
                 xpc_format_time(left, control_time_left(st)));
}

static const char *rate_text(const struct xpc_iteration *it, char *buf)
{
    return xpc_format_bandwidth(buf, it->duration_ns ?
                                (double)it->bytes * 1e9 / it->duration_ns : 0);
}

const char *status_line(const struct control *c,
                        const struct control_state *st, char *buf, size_t len)
{
    char far[160], predicted[XPC_UNIT_LEN], limit[XPC_UNIT_LEN];
    const struct xpc_iteration *it = &st->last;
    size_t n;

    format_state(st, far, sizeof(far));
    n = snprintf(buf, len, "%s: %s", c->name, far);
    if (n < len && st->phase == PHASE_PRECOPY && it->number)
        n += snprintf(buf + n, len - n, "; %"PRIu64" dirty, predicted "
                      "downtime %s, limit %s", it->dirty_pages,
                      xpc_format_time(predicted,
                                      it->decision.predicted_downtime_ns),
                      xpc_format_time(limit,
                                      st->active.params.downtime_ns));
    if (n < len && st->refused)
        snprintf(buf + n, len - n, "; a change was refused: %s", st->refused);
    return buf;
}

static void print_iteration(FILE *out, const struct control_state *st)
{
    const struct xpc_iteration *it = &st->last;
    char b[XPC_UNIT_LEN], t[XPC_UNIT_LEN], r[XPC_UNIT_LEN], text[512];

    fprintf(out, "  iteration %"PRIu64": %"PRIu64" pages, %s in %s (%s); %"
            PRIu64" dirty afterwards\n  %s\n", it->number, it->pages,
            xpc_format_bytes(b, it->bytes),
            xpc_format_time(t, it->duration_ns), rate_text(it, r),
            it->dirty_pages,
            xpc_decision_text(&st->active.params, &it->decision, text,
                              sizeof(text)));
}

static void print_none(FILE *out, const struct control *c,
                       const struct control_state *st)
{
    if (st->phase == PHASE_GONE)
        fprintf(out, "%s: it is not on this host any more\n", c->name);
    else
        fprintf(out, "%s: no migration with a policy is under way\n",
                c->name);
    if (st->reported && st->report.text)
        fprintf(out, "  the last one: %s\n", xl_plain(st->report.text));
}

void status_print(FILE *out, const struct control *c,
                  const struct control_state *st)
{
    char text[XL_PRECOPY_TEXT_LEN];

    if (st->phase == PHASE_NONE || st->phase == PHASE_GONE) {
        print_none(out, c, st);
        return;
    }
    format_state(st, text, sizeof(text));
    fprintf(out, "%s: %s\n", c->name, text);
    if (st->last.number)
        print_iteration(out, st);
    if (!control_is_active(st))
        return;
    xl_precopy_text(&st->active.params, text, sizeof(text));
    fprintf(out, "  parameters: %s\n", text);
    if (is_changing(st, text))
        fprintf(out, "  from the end of this iteration on: %s\n", text);
    if (st->refused)
        fprintf(out, "  a change was refused: %s\n", st->refused);
}

/* ---- JSON -------------------------------------------------------------- */

struct head {
    uint64_t domid, iteration, total_bytes, elapsed_ns, time_left_ns;
    uint64_t until_s;
    int phase;
    char *name, *refused;
};

#define H struct head
#define U64(key, m, ...) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(H, m), \
      __VA_ARGS__ }
static const struct xpc_field head_fields[] = {
    U64("domid", domid),
    { .name = "name", .kind = XPC_FIELD_STRING, .offset = offsetof(H, name) },
    { .name = "state", .kind = XPC_FIELD_ENUM, .offset = offsetof(H, phase),
      .names = control_phase_names },
    U64("iteration", iteration, .omit_zero = true),
    U64("total-bytes", total_bytes, .omit_zero = true),
    U64("elapsed-us", elapsed_ns, .scale = 1000, .omit_zero = true),
    U64("time-left-us", time_left_ns, .scale = 1000, .omit_zero = true),
    U64("until-s", until_s, .omit_zero = true),
    { .name = "refused", .kind = XPC_FIELD_STRING,
      .offset = offsetof(H, refused), .omit_zero = true },
};
#undef H

static const struct xpc_type head_type = {
    .name = "migration status", .size = sizeof(struct head),
    .fields = head_fields,
    .nr_fields = sizeof(head_fields) / sizeof(head_fields[0]),
};

/* Adds a member to a JSON object that has members. Frees both arguments. */
static char *add_member(char *object, const char *key, char *value)
{
    char *all = NULL;

    if (object && value)
        all = xl_asprintf("%.*s,\"%s\":%s}", (int)strlen(object) - 1, object,
                          key, value);
    free(object);
    free(value);
    return all;
}

static char *add_params(char *object, const char *key,
                        const struct xpc_params *p)
{
    return add_member(object, key, xpc_to_json(&xpc_params_type, p, false));
}

void status_print_json(FILE *out, const struct control *c,
                       const struct control_state *st)
{
    char text[XL_PRECOPY_TEXT_LEN], *json;
    struct head h = {
        .domid = c->domid, .name = c->name, .phase = st->phase,
        .refused = st->refused, .until_s = st->waiting.until_s,
    };

    if (control_is_active(st)) {
        h.iteration = control_iteration(st);
        h.total_bytes = st->total_bytes;
        h.elapsed_ns = st->elapsed_ns;
        h.time_left_ns = control_time_left(st);
    }
    json = xpc_to_json(&head_type, &h, false);
    if (st->last.number)
        json = add_member(json, "last-iteration",
                          xpc_to_json(&xpc_iteration_type, &st->last, false));
    if (control_is_active(st))
        json = add_params(json, "parameters", &st->active.params);
    if (control_is_active(st) && is_changing(st, text))
        json = add_params(json, "asked-parameters", &st->asked);
    if (!control_is_active(st) && st->phase != PHASE_WAITS && st->reported)
        json = add_member(json, "report",
                          xpc_to_json(&xpc_report_head_type, &st->report,
                                      false));
    fprintf(out, "%s\n", json ? json : "{}");
    free(json);
}

char *status_key(const struct control_state *st)
{
    char asked[XL_PRECOPY_TEXT_LEN], now[XL_PRECOPY_TEXT_LEN];

    xl_precopy_text(&st->active.params, now, sizeof(now));
    xl_precopy_text(&st->asked, asked, sizeof(asked));
    return xl_asprintf("%d %"PRIu64" %s %s %s", st->phase, st->last.number,
                       now, asked, st->refused ? st->refused : "");
}
