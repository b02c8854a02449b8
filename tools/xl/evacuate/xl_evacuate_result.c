/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "evacuate/xl_evacuate_link.h"
#include "evacuate/xl_evacuate_result.h"

#define TRIES 2
/* The guard of an xl that was killed may still hold the domain. */
#define LATER_NS (10 * XPC_S)

static void set_text(struct evacuate_guest *g, char *text)
{
    free(g->text);
    g->text = xl_plain(text);
}

/* ---- what it was ---------------------------------------------------- */

/* Is the guest here, by its UUID, under its own name? */
static bool is_here(const struct evacuation *e, const struct evacuate_guest *g)
{
    libxl_dominfo info;
    bool here;

    libxl_dominfo_init(&info);
    here = !libxl_domain_info(e->ctx, &info, g->domid) &&
           !memcmp(libxl_uuid_bytearray(&info.uuid), g->uuid_bytes,
                   sizeof(g->uuid_bytes)) && !info.shutdown && !info.dying;
    libxl_dominfo_dispose(&info);
    return here;
}

/* Of one whose status is not known. */
static int guess_status(const struct evacuation *e, size_t i,
                        const struct xpc_report *r, bool reported)
{
    static const int statuses[] = {
        [XPC_OUTCOME_UNKNOWN] = MIGRATE_UNKNOWN,
        [XPC_OUTCOME_REFUSED] = MIGRATE_REFUSED,
        [XPC_OUTCOME_ABORTED] = MIGRATE_ABORTED,
        [XPC_OUTCOME_INTERRUPTED] = MIGRATE_INTERRUPTED,
        [XPC_OUTCOME_FAILED] = MIGRATE_FAILED,
        [XPC_OUTCOME_SENT] = MIGRATE_UNKNOWN,
        [XPC_OUTCOME_MIGRATED] = MIGRATE_OK,
    };

    if (reported)
        return statuses[r->outcome];
    return is_here(e, &e->guests[i]) ? MIGRATE_INTERRUPTED : MIGRATE_UNKNOWN;
}

/* ---- what is learned ------------------------------------------------ */

/* It has written more than was measured. */
static void raise_curve(struct evacuation *e, size_t i,
                        const struct xpc_report *r)
{
    struct xpc_curve *c = &e->guests[i].curve;
    double factor = 1;

    for (size_t k = 0; k < r->nr_iterations; k++) {
        const struct xpc_iteration *it = &r->iterations[k];
        double expected = xpc_curve_pages(c, &e->s.moves[i].params.model,
                                          it->duration_ns, 0);

        if (expected >= 1)
            factor = fmax(factor, it->dirty_pages / expected);
    }
    for (size_t k = 0; k < c->nr; k++) {
        c->pt[k].pages = fmin(c->total_pages, c->pt[k].pages * factor);
        c->pt[k].low = fmin(c->total_pages, c->pt[k].low * factor);
        c->pt[k].high = fmin(c->total_pages, c->pt[k].high * factor);
    }
}

/* How long xl migrate has run besides. */
static void learn_setup(struct evacuation *e, size_t i,
                        const struct xpc_report *r, uint64_t now_ns)
{
    uint64_t took_ns = now_ns - e->guests[i].started_ns, besides_ns;

    if (!e->guests[i].m.ours || !r->total_time_ns ||
        took_ns <= r->total_time_ns)
        return;
    besides_ns = took_ns - r->total_time_ns;
    e->setup_ns = (e->setup_ns * e->nr_setups + besides_ns) /
                  (e->nr_setups + 1);
    e->nr_setups++;
}

/* ---- what follows --------------------------------------------------- */

static void moved(struct evacuate_guest *g, const char *host)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    set_text(g, g->actual_ns ?
             xl_asprintf("moved to %s, downtime %s, predicted %s", host,
                         xpc_format_time(a, g->actual_ns),
                         xpc_format_time(b, g->predicted_ns)) :
             xl_asprintf("moved to %s", host));
}

/* What its configuration would have to be. */
static char *advice(const struct xpc_report *r)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], bandwidth[64] = "";

    if (!r->decision.enough_downtime_ns)
        return xl_asprintf("%s", r->text ? r->text : "aborted");
    if (r->decision.enough_bandwidth_bytes_per_s)
        snprintf(bandwidth, sizeof(bandwidth), ", or %s of bandwidth",
                 xpc_format_bandwidth(b,
                     r->decision.enough_bandwidth_bytes_per_s));
    return xl_asprintf("aborted: a downtime of %s%s would be enough",
                       xpc_format_time(a, r->decision.enough_downtime_ns),
                       bandwidth);
}

/* Why it was not moved. */
static char *reason(const struct evacuate_guest *g, int status,
                    const struct xpc_report *r)
{
    char *message;

    switch (status) {
    case MIGRATE_ABORTED:
        return advice(r);
    case MIGRATE_UNKNOWN:
        return xl_asprintf("where it runs is not known: look at both ends");
    case MIGRATE_INTERRUPTED:
        return xl_asprintf("broken off");
    default:
        break;
    }
    message = migration_message(&g->m, r->sources);
    if (*message && (status == MIGRATE_REFUSED || !r->text))
        return message;
    free(message);
    return xl_asprintf("%s", r->text ? r->text : "failed");
}

static void set_state(struct evacuation *e, size_t i, int status,
                      uint64_t now_ns)
{
    struct evacuate_guest *g = &e->guests[i];
    struct xpc_move *m = &e->s.moves[i];

    m->sent = false;
    if (status == MIGRATE_OK) {
        m->state = XPC_MOVE_MOVED;
        return;
    }
    m->state = XPC_MOVE_WAITS;
    g->unknown = status == MIGRATE_UNKNOWN;
    if (g->unknown || !is_here(e, g) || ++g->tries >= TRIES)
        m->state = XPC_MOVE_LEFT;
    m->rank = EVACUATE_AGAIN;
    g->not_before_ns = now_ns + LATER_NS;
}

/* It did not do what a receiver of ours does. */
static bool is_stock(const struct evacuate_guest *g,
                     const struct xpc_report *r)
{
    return r->zero_pages_in_full ||
           (g->params.compress != XPC_COMPRESS_OFF && r->total_bytes &&
            !r->channels);
}

int evacuate_take_result(struct evacuation *e, size_t i, int status,
                         uint64_t now_ns)
{
    struct evacuate_guest *g = &e->guests[i];
    struct xpc_report r;
    bool reported;

    xpc_report_init(&r);
    reported = !migration_report(&g->m, &r);
    if (status < 0 || status > MIGRATE_INTERRUPTED)
        status = guess_status(e, i, &r, reported);
    g->predicted_ns = r.predicted_downtime_ns;
    g->actual_ns = r.actual_downtime_ns;
    if (status == MIGRATE_OK)
        learn_setup(e, i, &r, now_ns);
    if (status == MIGRATE_OK)
        moved(g, e->targets[e->s.moves[i].target].host);
    else
        set_text(g, reason(g, status, &r));
    set_state(e, i, status, now_ns);
    if (reported && is_stock(g, &r))
        e->targets[e->s.moves[i].target].stock = true;
    if (reported)
        evacuate_learn_from_report(e, i, &r);
    if (reported && status == MIGRATE_ABORTED)
        raise_curve(e, i, &r);
    xpc_report_dispose(&r);
    return status;
}

void evacuate_retry(struct evacuation *e, size_t i)
{
    struct evacuate_guest *g = &e->guests[i];
    struct xpc_move *m = &e->s.moves[i];

    if (g->unknown || !is_here(e, g))
        return;
    m->state = XPC_MOVE_WAITS;
    m->target = XPC_NO_TARGET;
    m->rank = 0;
    g->not_before_ns = 0;
    g->tries--;
}

void evacuate_try_elsewhere(struct evacuation *e, size_t i)
{
    struct xpc_move *m = &e->s.moves[i];

    /* Unless the domain was busy, which is no target's fault. */
    if (m->state != XPC_MOVE_WAITS || e->s.nr_targets < 2 ||
        strstr(e->guests[i].text, "is being migrated"))
        return;
    m->not_on |= UINT64_C(1) << m->target;
    m->target = XPC_NO_TARGET;
}

void evacuate_leave_rest(struct evacuation *e)
{
    static const char *const places[] = {
        [XPC_UNPLACED_MEMORY] = "no target has enough free memory",
        [XPC_UNPLACED_AFFINITY] = "no target is free for it",
        [XPC_UNPLACED_TARGETS] = "no target is left",
    };
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        struct evacuate_guest *g = &e->guests[i];
        struct xpc_move *m = &e->s.moves[i];

        if (m->state != XPC_MOVE_WAITS)
            continue;
        m->state = XPC_MOVE_LEFT;
        if (m->target < 0)
            set_text(g, xl_asprintf("%s", places[m->unplaced]));
        else if (!g->text)
            set_text(g, xl_asprintf("its downtime would be %s, its limit is "
                                    "%s: raise the limit, or try again when "
                                    "it writes less", xpc_format_time(a,
                                    m->alone_downtime_ns), xpc_format_time(b,
                                    g->params.downtime_ns)));
    }
}
