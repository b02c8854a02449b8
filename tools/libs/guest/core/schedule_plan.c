/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest goes to which target, so that it keeps its limit there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/schedule_plan.h>

#include "core/schedule.h"

/* How often all that wait are placed anew, to make room. */
#define ROUNDS 4
#define NOBODY ((size_t)-1)

#define BIT(t) (UINT64_C(1) << (t))

struct plan {
    struct xpc_schedule *s;
    size_t *root;                   /* of each move: those that belong together
                                     * have the same */
    size_t *next;                   /* another of them, or NOBODY */
    uint64_t *given;                /* not_on, as the caller has set it */
    uint64_t *without;              /* of each root: targets not to try */
    uint64_t *known, *fits;         /* of each move: targets with predictions,
                                     * and those where it keeps its limit */
    int *prepared, *predicted;      /* targets of its params and prediction */
    int *home;                      /* of each root: target as placed first */
    int *best;                      /* of each move: target in the best plan */
};

/* ---- those that belong together -------------------------------------- */

static void make_groups(struct plan *p)
{
    const struct xpc_schedule *s = p->s;

    schedule_unite(s, p->root);
    for (size_t i = 0; i < s->nr_moves; i++)
        p->next[i] = NOBODY;
    for (size_t i = 0; i < s->nr_moves; i++) {
        size_t root = schedule_find_root(p->root, i);

        if (root != i) {
            p->next[i] = p->next[root];
            p->next[root] = i;
        }
    }
}

/* Whether one that waits is among them, and none that has a place already. */
static bool is_free(const struct plan *p, size_t root)
{
    bool waits = false;

    for (size_t i = root; i != NOBODY; i = p->next[i]) {
        enum xpc_move_state state = p->s->moves[i].state;

        if (state == XPC_MOVE_RUNS || state == XPC_MOVE_MOVED)
            return false;
        waits |= state == XPC_MOVE_WAITS;
    }
    return waits;
}

/* Where those that wait are: they are together. */
static int target_of(const struct plan *p, size_t root)
{
    for (size_t i = root; i != NOBODY; i = p->next[i]) {
        if (p->s->moves[i].state == XPC_MOVE_WAITS)
            return p->s->moves[i].target;
    }
    return XPC_NO_TARGET;
}

/* ---- predictions ----------------------------------------------------- */

static void prepare(struct plan *p, size_t i)
{
    if (p->s->prepare)
        p->s->prepare(p->s->opaque, i);
    p->prepared[i] = p->s->moves[i].target;
}

/*
 * Other padding only costs one more prediction: as void, so that clang-tidy
 * accepts it.
 */
static bool are_same(const struct xpc_predict_params *a,
                     const struct xpc_predict_params *b)
{
    return !memcmp((const void *)a, (const void *)b, sizeof(*a));
}

/*
 * Whether a guest keeps its limit on a target. Many targets are alike: the last
 * prediction holds for the next one then.
 */
static bool fits_on(struct plan *p, size_t i, int t)
{
    struct xpc_move *m = &p->s->moves[i];
    int target = m->target, last = p->prepared[i];
    struct xpc_predict_params before;
    uint64_t own;

    if (p->known[i] & BIT(t))
        return p->fits[i] & BIT(t);
    before = m->params;
    own = m->own_bytes_per_s;
    m->target = t;
    prepare(p, i);
    m->target = target;
    p->known[i] |= BIT(t);
    if (last >= 0 && p->known[i] & BIT(last) && own == m->own_bytes_per_s &&
        schedule_best_rate(p->s, last) == schedule_best_rate(p->s, t) &&
        are_same(&before, &m->params) ?
        p->fits[i] & BIT(last) : schedule_fits(p->s, m, t))
        p->fits[i] |= BIT(t);
    return p->fits[i] & BIT(t);
}

/* How many of those that wait keep their limit there. */
static size_t count_fitting(struct plan *p, size_t root, int t)
{
    size_t nr = 0;

    for (size_t i = root; t >= 0 && i != NOBODY; i = p->next[i])
        nr += p->s->moves[i].state == XPC_MOVE_WAITS && fits_on(p, i, t);
    return nr;
}

static size_t count_all_fitting(struct plan *p)
{
    size_t nr = 0;

    for (size_t i = 0; i < p->s->nr_moves; i++) {
        if (p->root[i] == i)
            nr += count_fitting(p, i, target_of(p, i));
    }
    return nr;
}

static void predict_all(struct plan *p)
{
    struct xpc_schedule *s = p->s;

    for (size_t i = 0; i < s->nr_moves; i++)
        prepare(p, i);
    xpc_schedule_predict(s);
    for (size_t i = 0; i < s->nr_moves; i++) {
        p->predicted[i] = s->moves[i].target;
        if (s->moves[i].state != XPC_MOVE_WAITS || s->moves[i].target < 0)
            continue;
        p->known[i] = BIT(s->moves[i].target);
        p->fits[i] = s->moves[i].possible ? p->known[i] : 0;
    }
}

/* Those whose params or predictions are another target's. */
static void predict_changed(struct plan *p)
{
    for (size_t i = 0; i < p->s->nr_moves; i++) {
        struct xpc_move *m = &p->s->moves[i];

        if (m->state != XPC_MOVE_WAITS)
            continue;
        if (p->prepared[i] != m->target)
            prepare(p, i);
        if (p->predicted[i] != m->target)
            schedule_predict_move(p->s, m);
    }
}

/* ---- other targets --------------------------------------------------- */

/* They may go to any target that is not excluded. */
static void release(struct plan *p, size_t root)
{
    for (size_t i = root; i != NOBODY; i = p->next[i]) {
        struct xpc_move *m = &p->s->moves[i];

        m->not_on = p->given[i] | p->without[root];
        if (m->state == XPC_MOVE_WAITS)
            m->target = XPC_NO_TARGET;
    }
}

/*
 * Targets where more of them keep their limit than at home. None if they can
 * stay, or have to.
 */
static uint64_t find_better(struct plan *p, size_t root)
{
    size_t here = count_fitting(p, root, p->home[root]), waiting = 0;
    uint64_t better = 0, not_on = 0;

    for (size_t i = root; i != NOBODY; i = p->next[i]) {
        waiting += p->s->moves[i].state == XPC_MOVE_WAITS;
        not_on |= p->given[i];
    }
    if (p->home[root] < 0 || here == waiting)
        return 0;
    for (int t = 0; t < (int)p->s->nr_targets; t++) {
        if (!p->s->targets[t].out && !(not_on & BIT(t)) &&
            count_fitting(p, root, t) > here)
            better |= BIT(t);
    }
    return better;
}

/* Releases those that would be better elsewhere. Returns their number. */
static size_t release_misplaced(struct plan *p)
{
    size_t nr = 0;

    for (size_t root = 0; root < p->s->nr_moves; root++) {
        uint64_t better;

        if (p->root[root] != root || !is_free(p, root))
            continue;
        better = find_better(p, root);
        if (!better)
            continue;
        p->without[root] = ~better;
        release(p, root);
        nr++;
    }
    return nr;
}

/*
 * Excludes the targets where fewer keep their limit than at home. Returns
 * whether there are any.
 */
static bool exclude_worse(struct plan *p)
{
    bool any = false;

    for (size_t root = 0; root < p->s->nr_moves; root++) {
        int t = target_of(p, root);

        if (p->root[root] != root || t < 0 || t == p->home[root] ||
            !is_free(p, root) || count_fitting(p, root, t) >=
                                 count_fitting(p, root, p->home[root]))
            continue;
        p->without[root] |= BIT(t);
        any = true;
    }
    return any;
}

static void save_targets(const struct xpc_schedule *s, int *to)
{
    for (size_t i = 0; i < s->nr_moves; i++)
        to[i] = s->moves[i].target;
}

/* Places them anew, and keeps the best so far. Returns as place_better(). */
static ssize_t improve(struct plan *p, ssize_t unplaced)
{
    struct xpc_schedule *s = p->s;
    size_t most = count_all_fitting(p);

    for (int round = 0; round <= ROUNDS; round++) {
        ssize_t left = xpc_schedule_place(s);
        bool worse = exclude_worse(p);
        size_t nr;

        if (left < 0)
            return -1;
        nr = count_all_fitting(p);
        if (nr > most)
            save_targets(s, p->best);
        most = nr > most ? nr : most;
        if (!worse && (round || left <= unplaced))
            break;
        /* There is no room: the others may have to make some. */
        for (size_t root = 0; root < s->nr_moves; root++) {
            if (p->root[root] == root && is_free(p, root))
                release(p, root);
        }
    }
    return 0;
}

/*
 * Those that do not keep their limit where they are go elsewhere; the others
 * stay, unless there is no room otherwise. Returns as xpc_schedule_place().
 */
static ssize_t place_better(struct plan *p, ssize_t unplaced)
{
    struct xpc_schedule *s = p->s;

    save_targets(s, p->best);
    for (size_t root = 0; root < s->nr_moves; root++)
        p->home[root] = target_of(p, root);
    if (!release_misplaced(p))
        return unplaced;
    if (improve(p, unplaced))
        return -1;
    for (size_t i = 0; i < s->nr_moves; i++) {
        s->moves[i].not_on = p->given[i];
        s->moves[i].target = p->best[i];
    }
    /* Those that have no place in it may be anywhere. */
    return xpc_schedule_place(s);
}

/* ---- all of it ------------------------------------------------------- */

static int alloc_plan(struct plan *p)
{
    size_t nr = p->s->nr_moves;

    p->root = calloc(nr, sizeof(*p->root));
    p->next = calloc(nr, sizeof(*p->next));
    p->given = calloc(nr, sizeof(*p->given));
    p->without = calloc(nr, sizeof(*p->without));
    p->known = calloc(nr, sizeof(*p->known));
    p->fits = calloc(nr, sizeof(*p->fits));
    p->prepared = calloc(nr, sizeof(*p->prepared));
    p->predicted = calloc(nr, sizeof(*p->predicted));
    p->home = calloc(nr, sizeof(*p->home));
    p->best = calloc(nr, sizeof(*p->best));
    return p->root && p->next && p->given && p->without && p->known &&
           p->fits && p->prepared && p->predicted && p->home && p->best ?
           0 : -1;
}

static void free_plan(struct plan *p)
{
    free(p->root);
    free(p->next);
    free(p->given);
    free(p->without);
    free(p->known);
    free(p->fits);
    free(p->prepared);
    free(p->predicted);
    free(p->home);
    free(p->best);
}

ssize_t xpc_schedule_plan(struct xpc_schedule *s)
{
    struct plan p = { .s = s };
    ssize_t unplaced = xpc_schedule_place(s);

    if (unplaced < 0)
        return -1;
    if (alloc_plan(&p)) {
        free_plan(&p);
        errno = ENOMEM;
        return -1;
    }
    for (size_t i = 0; i < s->nr_moves; i++)
        p.given[i] = s->moves[i].not_on;
    make_groups(&p);
    predict_all(&p);
    unplaced = place_better(&p, unplaced);
    for (size_t i = 0; i < s->nr_moves; i++)
        s->moves[i].not_on = p.given[i];
    predict_changed(&p);
    free_plan(&p);
    return unplaced;
}
