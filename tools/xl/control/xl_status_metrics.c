/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <math.h>

#include "common/xl_metrics.h"
#include "common/xl_options.h"
#include "control/xl_status.h"
#include "control/xl_status_metrics.h"

/* The value of a family for a migration; NAN: it has none. */
typedef double value_fn(const struct control_state *st);

static bool has_limits(const struct control_state *st)
{
    return control_is_active(st) &&
           st->active.params.policy == XPC_POLICY_LIMIT;
}

static double value_iteration(const struct control_state *st)
{
    return control_is_active(st) ? control_iteration(st) : NAN;
}

static double value_elapsed(const struct control_state *st)
{
    return control_is_active(st) ? st->elapsed_ns / 1e9 : NAN;
}

static double value_left(const struct control_state *st)
{
    return control_is_active(st) && st->active.params.duration_ns ?
           control_time_left(st) / 1e9 : NAN;
}

static double value_sent(const struct control_state *st)
{
    return control_is_active(st) ? st->total_bytes : NAN;
}

static double value_dirty(const struct control_state *st)
{
    return st->last.number ? (double)st->last.dirty_pages * XPC_PAGE_SIZE :
                             NAN;
}

static double value_predicted(const struct control_state *st)
{
    return st->last.number ? st->last.decision.predicted_downtime_ns / 1e9 :
                             NAN;
}

static double value_limit(const struct control_state *st)
{
    return has_limits(st) ? st->active.params.downtime_ns / 1e9 : NAN;
}

static double value_maximum(const struct control_state *st)
{
    return has_limits(st) ? xpc_params_max_downtime(&st->active.params) / 1e9 :
                            NAN;
}

static double value_rate(const struct control_state *st)
{
    return st->last.number && st->last.duration_ns ?
           st->last.bytes * 1e9 / st->last.duration_ns : NAN;
}

#define P "xen_precopy_running_"

static const struct metric_family count = {
    P "migrations", NULL, "Migrations that are under way on this host."
}, states = {
    P "state", NULL, "1 with the state of the migration."
};

static const struct {
    struct metric_family family;
    value_fn *value;
} families[] = {
    { { P "iteration", NULL, "The iteration that is under way." },
      value_iteration },
    { { P "elapsed_seconds", "seconds", "Time since the migration began." },
      value_elapsed },
    { { P "remaining_seconds", "seconds", "The rest of the duration." },
      value_left },
    { { P "sent_bytes", "bytes", "Bytes sent so far." }, value_sent },
    { { P "dirty_bytes", "bytes", "Memory that was dirty at the end of the "
        "last iteration." }, value_dirty },
    { { P "bandwidth_bytes_per_second", "bytes_per_second", "The rate of the "
        "last iteration." }, value_rate },
    { { P "predicted_downtime_seconds", "seconds", "The downtime if the guest "
        "had been suspended at the end of the last iteration." },
      value_predicted },
    { { P "downtime_limit_seconds", "seconds", "The downtime limit." },
      value_limit },
    { { P "maximum_downtime_seconds", "seconds", "The maximum downtime." },
      value_maximum },
};

static void add_value(struct metrics *m, const struct metric_family *family,
                      const struct migrating *d, double value)
{
    char domid[16];

    snprintf(domid, sizeof(domid), "%"PRIu32, d->domid);
    if (family == &states)
        metrics_add(m, family, value, "domain", d->name, "domid", domid,
                    "state", control_phase_names[d->state.phase], NULL);
    else if (!isnan(value))
        metrics_add(m, family, value, "domain", d->name, "domid", domid,
                    NULL);
}

int status_metrics(const struct migrating *list, size_t nr, const char *file,
                   char err[XPC_ERR_LEN])
{
    struct metrics m;

    if (metrics_open(&m))
        return xl_bad(err, "out of memory");
    metrics_add(&m, &count, nr, NULL);
    for (size_t i = 0; i < nr; i++)
        add_value(&m, &states, &list[i], 1);
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        for (size_t i = 0; i < nr; i++)
            add_value(&m, &families[f].family, &list[i],
                      families[f].value(&list[i].state));
    }
    return metrics_close(&m, file, err);
}
