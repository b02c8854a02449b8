/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How well the overhead of the next switchover is predicted, over simulated
 * targets and guests: docs/evaluation.md.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "fleet.h"

#define TARGETS 100                 /* in each split */
#define PERCENT 95
#define LINK UINT64_C(1250000000)
#define NOW UINT64_C(1700000000)
#define AFTER 3                     /* migrations, for AFTER_SLOW */

enum { RULE_GUEST, RULE_TARGET, RULES };
enum { SPLIT_TUNED, SPLIT_HELD_OUT, SPLITS };
/* A migration is counted in all of these that hold. */
enum { ALL, FIRST, NEW, NEW_SLOW, KNOWN, AFTER_SLOW, FEW, CLASSES };

static const char *const rule_names[RULES] = {
    "by guest", "by target",
};
static const char *const split_names[SPLITS] = { "tuned", "held out" };
static const char *const class_names[CLASSES] = {
    [ALL] = "all", [FIRST] = "first of all", [NEW] = "new", [NEW_SLOW] = "new, slow",
    [KNOWN] = "known", [AFTER_SLOW] = "after a slow one",
    [FEW] = "second to fourth",
};

/* Errors and margins are shares of the actual overhead. */
struct score {
    size_t nr, covered;
    struct sim_values error, margin;
};

static struct score scores[RULES][SPLITS][CLASSES];

/* A migration without pages, as xl reports it. */
static void fill_report(struct xpc_report *r, const struct xpc_guest *guest,
                        double overhead_ns)
{
    xpc_report_init(r);
    r->outcome = XPC_OUTCOME_MIGRATED;
    r->params.guest = *guest;
    r->total_pages = guest->pfns;
    r->decision.measured_bytes_per_s = LINK;
    r->bitmap_ns = xpc_predict_bitmap_ns(guest->pfns);
    r->actual_downtime_ns = r->bitmap_ns + overhead_ns;
    r->suspended_ns = XPC_S;
    r->stream_end_ns = r->target_ready_ns = r->go_ns = XPC_S;
    r->target_started_ns = r->suspended_ns + r->actual_downtime_ns;
}

/* What the policy uses of a prior, as it would for this guest. */
static struct xpc_prior in_force(const struct xpc_guest *guest,
                                 const struct xpc_prior *learned)
{
    struct xpc_params p;
    struct xpc_prior used;

    xpc_params_init(&p);
    p.guest = *guest;
    p.learned = *learned;
    xpc_params_prior(&p, &used);
    return used;
}

/* What is known before a migration, apart from the history. */
struct before {
    const struct fleet_guest *guest;
    bool known;                     /* the guest was here before */
    bool after_slow;                /* a slow guest is among the last */
    size_t number;                  /* of earlier migrations */
};

static int judge(struct score class[CLASSES], const struct before *b,
                  const struct xpc_prior *p, double actual_ns)
{
    double cautious = p->overhead_ns + xpc_confidence_z(PERCENT) *
                      p->overhead_sd_ns;
    const bool holds[CLASSES] = {
        [ALL] = true,
        [FIRST] = !b->number && !b->guest->slow,
        [NEW] = b->number && !b->known && !b->guest->slow,
        [NEW_SLOW] = !b->known && b->guest->slow,
        [KNOWN] = b->known,
        [AFTER_SLOW] = b->after_slow && !b->guest->slow,
        [FEW] = b->number > 0 && b->number < 4 && !b->guest->slow,
    };

    for (int c = 0; c < CLASSES; c++) {
        if (!holds[c])
            continue;
        class[c].nr++;
        class[c].covered += actual_ns <= cautious;
        if (sim_values_add(&class[c].error,
                           fabs(p->overhead_ns / actual_ns - 1)) ||
            sim_values_add(&class[c].margin, cautious / actual_ns))
            return -1;
    }
    return 0;
}

/* Judges what both rules predict of a guest's next migration. */
static int judge_next(const struct xpc_history *h, const struct before *b,
                      double actual_ns, int split)
{
    const struct xpc_guest *guest = &b->guest->guest;
    struct xpc_prior learned[RULES];

    xpc_history_prior(h, guest, NOW, &learned[RULE_GUEST]);
    fleet_prior_by_target(h, guest, &learned[RULE_TARGET]);
    for (int rule = 0; rule < RULES; rule++) {
        struct xpc_prior p = in_force(guest, &learned[rule]);

        if (judge(scores[rule][split], b, &p, actual_ns))
            return -1;
    }
    return 0;
}

static int run_migrations(struct fleet *f, struct xpc_history *h, int split)
{
    bool known[FLEET_GUESTS] = { false };
    int since_slow = AFTER;

    for (size_t i = 0; i < FLEET_MIGRATIONS; i++) {
        double actual_ns;
        const struct fleet_guest *g = fleet_next(f, &actual_ns);
        struct before b = {
            .guest = g, .known = known[g - f->guests], .number = i,
            .after_slow = since_slow < AFTER,
        };
        struct xpc_report r;

        fill_report(&r, &g->guest, actual_ns);
        if (judge_next(h, &b, actual_ns, split) ||
            xpc_history_add(h, &r, NOW, "guest"))
            return -1;
        known[g - f->guests] = true;
        since_slow = g->slow ? 0 : since_slow + 1;
    }
    return 0;
}

static int run_target(uint64_t seed, int split)
{
    struct xpc_history h;
    struct fleet f;
    int r;

    fleet_init(&f, seed);
    if (xpc_history_init(&h, "target"))
        return -1;
    r = run_migrations(&f, &h, split);
    xpc_history_dispose(&h);
    return r;
}

static void print_scores(void)
{
    printf("%-9s %-9s %-16s %6s %8s %8s %8s %8s\n", "rule", "split",
           "migrations", "number", "covered", "error", "p95", "margin");
    for (int rule = 0; rule < RULES; rule++) {
        for (int split = 0; split < SPLITS; split++) {
            for (int c = 0; c < CLASSES; c++) {
                struct score *s = &scores[rule][split][c];

                printf("%-9s %-9s %-16s %6zu %7.1f%% %7.1f%% %7.0f%% %8.2f\n",
                       rule_names[rule], split_names[split], class_names[c],
                       s->nr, 100.0 * s->covered / s->nr,
                       100 * sim_quantile(&s->error, 0.5),
                       100 * sim_quantile(&s->error, 0.95),
                       sim_quantile(&s->margin, 0.5));
            }
        }
    }
}

/*
 * Is the regression worth having? Of the guests that are known, 95% of the 98%
 * that meet no accident are to be covered, and errors are to be less than half
 * of those of the older rule.
 */
static bool is_good(void)
{
    bool good = true;

    for (int split = 0; split < SPLITS; split++) {
        struct score *s = &scores[RULE_GUEST][split][KNOWN];
        double error = sim_quantile(&scores[RULE_GUEST][split][ALL].error,
                                    0.5);
        double before = sim_quantile(&scores[RULE_TARGET][split][ALL].error,
                                     0.5);

        good &= s->covered >= 0.93 * s->nr && error < before / 2;
    }
    return good;
}

static void free_scores(void)
{
    struct score *s = &scores[0][0][0];

    for (size_t i = 0; i < sizeof(scores) / sizeof(*s); i++) {
        free(s[i].error.v);
        free(s[i].margin.v);
    }
}

int main(void)
{
    bool good;

    for (int split = 0; split < SPLITS; split++) {
        for (uint64_t i = 0; i < TARGETS; i++) {
            if (run_target(sim_hash(split_names[split], i), split)) {
                fprintf(stderr, "evaluate-fleet: out of memory\n");
                return 1;
            }
        }
    }
    print_scores();
    good = is_good();
    free_scores();
    return good ? 0 : 1;
}
