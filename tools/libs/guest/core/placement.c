/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest goes to which target. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/placement.h>

#include "core/schedule.h"

/* Guests that must stay together. */
struct group {
    size_t first, nr;               /* in members */
    uint64_t bytes;
    uint64_t not_on;                /* targets */
    int target;
};

struct ranked {
    size_t root;
    bool fixed;
    int choices;                    /* targets where it may be */
    uint64_t bytes;
};

struct placement {
    struct xpc_schedule *s;
    size_t *root;                   /* of each move: union-find */
    struct group *groups;           /* by the move that is the root */
    size_t *members;                /* the moves, group by group */
    struct ranked *order;           /* the groups, by size */
    size_t nr_groups;
    size_t *apart;                  /* roots: those from which root r must be
                                     * apart begin at apart_first[r + 1] and
                                     * end before apart_first[r + 2] */
    size_t *apart_first;
    uint64_t free_bytes[XPC_SCHEDULE_TARGETS_MAX];
    double load[XPC_SCHEDULE_TARGETS_MAX];
};

/* Whether the move has a target that cannot change. */
static bool is_fixed(const struct xpc_move *m)
{
    return m->target != XPC_NO_TARGET && m->state != XPC_MOVE_LEFT;
}

static void make_groups(struct placement *p)
{
    struct xpc_schedule *s = p->s;
    size_t nr = 0;

    schedule_unite(s, p->root);
    for (size_t i = 0; i < s->nr_moves; i++) {
        struct group *g = &p->groups[schedule_find_root(p->root, i)];
        const struct xpc_move *m = &s->moves[i];

        g->target = XPC_NO_TARGET;
        g->nr++;
        g->bytes += m->state == XPC_MOVE_WAITS ? m->memory_bytes : 0;
        g->not_on |= m->not_on;
    }
    for (size_t i = 0; i < s->nr_moves; i++) {
        if (p->groups[i].nr) {
            p->order[p->nr_groups++].root = i;
            p->groups[i].first = nr;
            nr += p->groups[i].nr;
            p->groups[i].nr = 0;
        }
    }
    for (size_t i = 0; i < s->nr_moves; i++) {
        struct group *g = &p->groups[schedule_find_root(p->root, i)];

        p->members[g->first + g->nr++] = i;
        if (is_fixed(&s->moves[i]))
            g->target = s->moves[i].target;
    }
}

/* Lists for each root those from which it must be apart. */
static void list_apart(struct placement *p)
{
    const struct xpc_schedule *s = p->s;
    size_t nr = 0;

    for (size_t i = 0; i < s->nr_affinities; i++) {
        const struct xpc_affinity *a = &s->affinities[i];

        if (!a->together) {
            p->apart_first[schedule_find_root(p->root, a->a) + 1]++;
            p->apart_first[schedule_find_root(p->root, a->b) + 1]++;
        }
    }
    for (size_t i = 0; i <= s->nr_moves; i++)
        nr = p->apart_first[i] += nr;
    for (size_t i = s->nr_affinities; i-- > 0;) {
        size_t a = schedule_find_root(p->root, s->affinities[i].a);
        size_t b = schedule_find_root(p->root, s->affinities[i].b);

        if (s->affinities[i].together)
            continue;
        p->apart[--p->apart_first[a + 1]] = b;
        p->apart[--p->apart_first[b + 1]] = a;
    }
    p->apart_first[s->nr_moves + 1] = nr;
}

static bool is_apart(const struct placement *p, size_t root, int target)
{
    for (size_t i = p->apart_first[root + 1]; i < p->apart_first[root + 2];
         i++) {
        /* One that must be apart from itself has no place. */
        if (p->apart[i] == root ||
            p->groups[p->apart[i]].target == target)
            return false;
    }
    return true;
}

static double rate_of(const struct xpc_schedule *s, int target)
{
    uint64_t link = s->targets[target].link_bytes_per_s;
    double weight = s->targets[target].weight;

    if (!link || link > s->link_bytes_per_s)
        link = s->link_bytes_per_s;
    return (link ? link : 1) * (weight > 0 ? weight : 1);
}

static void occupy(struct placement *p, const struct group *g)
{
    int t = g->target;

    if (p->free_bytes[t] != UINT64_MAX)
        p->free_bytes[t] -= g->bytes < p->free_bytes[t] ? g->bytes :
                            p->free_bytes[t];
    p->load[t] += g->bytes;
}

/* What others occupy: those on their way, and those that have arrived. */
static void occupy_fixed(struct placement *p)
{
    const struct xpc_schedule *s = p->s;

    for (size_t i = 0; i < s->nr_targets; i++) {
        p->free_bytes[i] = s->targets[i].free_bytes;
        p->load[i] = 0;
    }
    for (size_t i = 0; i < s->nr_moves; i++) {
        const struct xpc_move *m = &s->moves[i];
        struct group g = { .bytes = m->memory_bytes, .target = m->target };

        if (is_fixed(m) && m->state != XPC_MOVE_WAITS)
            occupy(p, &g);
    }
}

/* The target for a group, or XPC_NO_TARGET and why. */
static int choose(const struct placement *p, size_t root, bool tightly,
                  enum xpc_unplaced *why_r)
{
    const struct xpc_schedule *s = p->s;
    const struct group *g = &p->groups[root];
    int best = XPC_NO_TARGET;
    double best_cost = 0;

    *why_r = XPC_UNPLACED_TARGETS;
    for (int t = 0; t < (int)s->nr_targets; t++) {
        double cost;

        if (s->targets[t].out || (g->target >= 0 && g->target != t))
            continue;
        if (p->free_bytes[t] < g->bytes) {
            if (*why_r == XPC_UNPLACED_TARGETS)
                *why_r = XPC_UNPLACED_MEMORY;
            continue;
        }
        if (g->not_on & (UINT64_C(1) << t) ||
            !is_apart(p, root, t)) {
            *why_r = XPC_UNPLACED_AFFINITY;
            continue;
        }
        cost = tightly ? (double)p->free_bytes[t] :
                         (p->load[t] + g->bytes) / rate_of(s, t);
        if (best < 0 || cost < best_cost) {
            best = t;
            best_cost = cost;
        }
    }
    return best;
}

/* Those with a target first, then those with fewer choices, the largest. */
static int by_size(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->fixed != y->fixed)
        return x->fixed ? -1 : 1;
    if (x->choices != y->choices)
        return x->choices < y->choices ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x->root > y->root) - (x->root < y->root);
}

static int count_choices(const struct placement *p, const struct group *g)
{
    int nr = 0;

    for (size_t t = 0; t < p->s->nr_targets; t++)
        nr += !p->s->targets[t].out && !(g->not_on & (UINT64_C(1) << t));
    return nr;
}

static void sort_groups(struct placement *p)
{
    for (size_t i = 0; i < p->nr_groups; i++) {
        const struct group *g = &p->groups[p->order[i].root];

        p->order[i].fixed = g->target >= 0;
        p->order[i].choices = count_choices(p, g);
        p->order[i].bytes = g->bytes;
    }
    qsort(p->order, p->nr_groups, sizeof(*p->order), by_size);
}

static void set_targets(struct placement *p, const struct group *g,
                        enum xpc_unplaced why)
{
    for (size_t i = 0; i < g->nr; i++) {
        struct xpc_move *m = &p->s->moves[p->members[g->first + i]];

        if (m->state != XPC_MOVE_WAITS)
            continue;
        m->target = g->target;
        m->unplaced = g->target < 0 ? why : XPC_PLACED;
    }
}

/* Places all groups. Returns the number of guests without a target. */
static size_t place_groups(struct placement *p, bool tightly)
{
    size_t unplaced = 0;

    occupy_fixed(p);
    for (size_t i = 0; i < p->nr_groups; i++) {
        struct group *g = &p->groups[p->order[i].root];
        enum xpc_unplaced why;

        if (!g->bytes)
            continue;               /* nobody waits */
        g->target = choose(p, p->order[i].root, tightly, &why);
        if (g->target >= 0)
            occupy(p, g);
        set_targets(p, g, why);
        for (size_t k = 0; g->target < 0 && k < g->nr; k++)
            unplaced += p->s->moves[p->members[g->first + k]].state ==
                        XPC_MOVE_WAITS;
    }
    return unplaced;
}

static void forget_targets(struct placement *p, const int *before)
{
    for (size_t i = 0; i < p->s->nr_moves; i++)
        p->s->moves[i].target = before[i];
    for (size_t i = 0; i < p->nr_groups; i++) {
        struct group *g = &p->groups[p->order[i].root];

        g->target = XPC_NO_TARGET;
        for (size_t k = 0; k < g->nr; k++) {
            const struct xpc_move *m =
                &p->s->moves[p->members[g->first + k]];

            if (is_fixed(m))
                g->target = m->target;
        }
    }
}

static bool is_valid(const struct xpc_schedule *s)
{
    if (!s->nr_moves || s->nr_moves > XPC_SCHEDULE_MOVES_MAX ||
        s->nr_targets > XPC_SCHEDULE_TARGETS_MAX)
        return false;
    for (size_t i = 0; i < s->nr_affinities; i++) {
        if (s->affinities[i].a >= s->nr_moves ||
            s->affinities[i].b >= s->nr_moves)
            return false;
    }
    for (size_t i = 0; i < s->nr_moves; i++) {
        if (s->moves[i].target < XPC_NO_TARGET ||
            s->moves[i].target >= (int)s->nr_targets)
            return false;
    }
    return true;
}

/* Both ways; keeps the one that leaves fewer guests without a target. */
static size_t place_both_ways(struct placement *p, int *before)
{
    size_t unplaced, tightly;

    for (size_t i = 0; i < p->s->nr_moves; i++)
        before[i] = p->s->moves[i].target;
    make_groups(p);
    list_apart(p);
    sort_groups(p);
    unplaced = place_groups(p, false);
    if (!unplaced)
        return 0;
    forget_targets(p, before);
    tightly = place_groups(p, true);
    if (tightly < unplaced)
        return tightly;
    forget_targets(p, before);
    return place_groups(p, false);
}

ssize_t xpc_schedule_place(struct xpc_schedule *s)
{
    struct placement p = { .s = s };
    ssize_t unplaced = -1;
    int *before;

    if (!is_valid(s)) {
        errno = EINVAL;
        return -1;
    }
    p.root = calloc(s->nr_moves, sizeof(*p.root));
    p.groups = calloc(s->nr_moves, sizeof(*p.groups));
    p.members = calloc(s->nr_moves, sizeof(*p.members));
    p.order = calloc(s->nr_moves, sizeof(*p.order));
    p.apart = calloc(2 * s->nr_affinities + 1, sizeof(*p.apart));
    p.apart_first = calloc(s->nr_moves + 2, sizeof(*p.apart_first));
    before = calloc(s->nr_moves, sizeof(*before));
    if (p.root && p.groups && p.members && p.order && p.apart &&
        p.apart_first && before)
        unplaced = place_both_ways(&p, before);
    else
        errno = ENOMEM;
    free(p.root);
    free(p.groups);
    free(p.members);
    free(p.order);
    free(p.apart);
    free(p.apart_first);
    free(before);
    return unplaced;
}
