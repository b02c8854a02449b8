/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include "common/xl_metrics.h"
#include "common/xl_options.h"
#include "core/names.h"
#include "history/xl_history_metrics.h"

/* The name of a family is used once in the text, so each has its own pass. */
typedef void family_fn(struct metrics *m, const struct metric_family *family,
                       const struct history_target *t, const char *target);

/* ---- sums over all migrations ---------------------------------------- */

static void add_outcomes(struct metrics *m, const struct metric_family *f,
                         const struct history_target *t, const char *target)
{
    const uint64_t *outcomes = t->history.totals.outcomes;

    for (int i = 0; i < XPC_OUTCOMES; i++) {
        /* xl migrate keeps none of these. */
        if ((i == XPC_OUTCOME_REFUSED || i == XPC_OUTCOME_SENT) &&
            !outcomes[i])
            continue;
        metrics_add(m, f, outcomes[i], "target", target, "outcome",
                    xpc_outcome_names[i], NULL);
    }
}

static void add_over_limit(struct metrics *m, const struct metric_family *f,
                           const struct history_target *t, const char *target)
{
    metrics_add(m, f, t->history.totals.over_limit, "target", target, NULL);
}

static void add_bytes(struct metrics *m, const struct metric_family *f,
                      const struct history_target *t, const char *target)
{
    metrics_add(m, f, t->history.totals.bytes, "target", target, NULL);
}

static void add_time(struct metrics *m, const struct metric_family *f,
                     const struct history_target *t, const char *target)
{
    metrics_add(m, f, t->history.totals.time_ns / 1e9, "target", target,
                NULL);
}

static void add_downtime(struct metrics *m, const struct metric_family *f,
                         const struct history_target *t, const char *target)
{
    metrics_add(m, f, t->history.totals.downtime_ns / 1e9, "target", target,
                NULL);
}

/* ---- the last migration of each domain ------------------------------- */

static const char *domain_of(const struct xpc_history_entry *e)
{
    return e->domain ? e->domain : "";
}

static bool is_last(const struct xpc_history *h, size_t i)
{
    for (size_t j = i + 1; j < h->nr_entries; j++) {
        if (!strcmp(domain_of(&h->entries[i]), domain_of(&h->entries[j])))
            return false;
    }
    return true;
}

static void add_last_outcome(struct metrics *m, const struct metric_family *f,
                             const struct history_target *t,
                             const char *target)
{
    const struct xpc_history *h = &t->history;

    for (size_t i = 0; i < h->nr_entries; i++) {
        if (is_last(h, i))
            metrics_add(m, f, 1, "target", target, "domain",
                        domain_of(&h->entries[i]), "outcome",
                        xpc_outcome_names[h->entries[i].outcome], NULL);
    }
}

/* Adds value(entry), unless that is 0, which means unknown. */
static void add_last(struct metrics *m, const struct metric_family *f,
                     const struct history_target *t, const char *target,
                     double (*value)(const struct xpc_history_entry *e))
{
    const struct xpc_history *h = &t->history;

    for (size_t i = 0; i < h->nr_entries; i++) {
        if (is_last(h, i) && value(&h->entries[i]))
            metrics_add(m, f, value(&h->entries[i]), "target", target,
                        "domain", domain_of(&h->entries[i]), NULL);
    }
}

#define LAST(name, member, per_unit) \
    static double name##_of(const struct xpc_history_entry *e) \
    { \
        return e->member / per_unit; \
    } \
    static void add_last_##name(struct metrics *m, \
                                const struct metric_family *f, \
                                const struct history_target *t, \
                                const char *target) \
    { \
        add_last(m, f, t, target, name##_of); \
    }

LAST(start, start_s, 1.0)
LAST(duration, total_time_ns, 1e9)
LAST(actual, actual_downtime_ns, 1e9)
LAST(predicted, predicted_downtime_ns, 1e9)
LAST(limit, limit_ns, 1e9)
LAST(bytes, total_bytes, 1.0)
LAST(bandwidth, bandwidth_bytes_per_s, 1.0)

/* ---- what was learned ------------------------------------------------ */

static void add_learned(struct metrics *m, const struct metric_family *f,
                        const struct history_target *t, const char *target,
                        bool deviation)
{
    for (int i = XPC_DEVICE_MODEL_NO; i <= XPC_DEVICE_MODEL_YES; i++) {
        const struct xpc_history_learned *l = &t->summary.learned[i];

        if (l->migrations)
            metrics_add(m, f, (deviation ? l->prior.overhead_sd_ns :
                               l->prior.overhead_ns) / 1e9, "target", target,
                        "device_model", xpc_device_model_names[i], NULL);
    }
}

static void add_overhead(struct metrics *m, const struct metric_family *f,
                         const struct history_target *t, const char *target)
{
    add_learned(m, f, t, target, false);
}

static void add_deviation(struct metrics *m, const struct metric_family *f,
                          const struct history_target *t, const char *target)
{
    add_learned(m, f, t, target, true);
}

static void add_errors(struct metrics *m, const struct metric_family *f,
                       const struct history_target *t, const char *target)
{
    if (isnan(t->summary.error_median))
        return;
    metrics_add(m, f, t->summary.error_median, "target", target, "statistic",
                "median", NULL);
    metrics_add(m, f, t->summary.error_worst, "target", target, "statistic",
                "worst", NULL);
}

/* --------------------------------------------------------------------- */

#define P "xen_precopy_"

static const struct {
    struct metric_family family;
    family_fn *add;
} families[] = {
    { { P "migrations_total", NULL, "Migrations that have touched their "
        "guest, by outcome." }, add_outcomes },
    { { P "over_limit_total", NULL, "Migrations whose downtime was longer "
        "than the downtime limit." }, add_over_limit },
    { { P "sent_bytes_total", NULL, "Bytes sent by migrations." },
      add_bytes },
    { { P "migration_seconds_total", NULL, "Time that migrations took." },
      add_time },
    { { P "downtime_seconds_total", NULL, "Time that guests stood still for "
        "migrations." }, add_downtime },
    { { P "last_start_timestamp_seconds", "seconds", "When the domain's last "
        "migration to the target began, since 1970." }, add_last_start },
    { { P "last_outcome", NULL, "1 with the outcome of the domain's last "
        "migration to the target." }, add_last_outcome },
    { { P "last_duration_seconds", "seconds", "How long the last migration "
        "took." }, add_last_duration },
    { { P "last_downtime_seconds", "seconds", "How long the guest stood still "
        "in the last migration." }, add_last_actual },
    { { P "last_predicted_downtime_seconds", "seconds", "The downtime that "
        "was predicted when the guest was suspended." }, add_last_predicted },
    { { P "last_downtime_limit_seconds", "seconds", "The downtime limit of "
        "the last migration." }, add_last_limit },
    { { P "last_sent_bytes", "bytes", "Bytes sent by the last migration." },
      add_last_bytes },
    { { P "last_bandwidth_bytes_per_second", "bytes_per_second", "Bandwidth "
        "of the link in the last migration." }, add_last_bandwidth },
    { { P "switchover_overhead_seconds", "seconds", "Expected time of a "
        "switchover to the target besides sending pages." }, add_overhead },
    { { P "switchover_overhead_deviation_seconds", "seconds", "Standard "
        "deviation of the switchover overhead." }, add_deviation },
    { { P "prediction_error_ratio", "ratio", "By which share of the "
        "predicted downtimes the actual ones were longer." }, add_errors },
};

/* A copied file has the same target; samples must differ in their labels. */
static bool is_repeated(const struct history_targets *t, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (!strcmp(t->list[j].history.target, t->list[i].history.target))
            return true;
    }
    return false;
}

int history_metrics(const struct history_targets *t, const char *file,
                    char err[XPC_ERR_LEN])
{
    struct metrics m;

    if (metrics_open(&m))
        return xl_bad(err, "out of memory");
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        for (size_t i = 0; i < t->nr; i++) {
            if (!is_repeated(t, i))
                families[f].add(&m, &families[f].family, &t->list[i],
                                t->list[i].history.target);
        }
    }
    return metrics_close(&m, file, err);
}
