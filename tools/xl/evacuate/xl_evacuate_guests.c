/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxl_utils.h>

#include <xenprecopy/cells.h>
#include <xenprecopy/schedule_plan.h>
#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_options.h"
#include "conf/settings.h"
#include "evacuate/xl_evacuate_guests.h"
#include "libxl_precopy.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_migrate_leftover.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_migrate_settings.h"

/*
 * From the start of xl migrate to the first page: it checks again what is
 * checked here, calls the target, and starts several programs.
 */
#define CHECKS 3
/* What Xen and the toolstack use for a guest besides its memory. */
#define OVERHEAD_BYTES(memory) ((memory) / 128 + (UINT64_C(16) << 20))
/* As the stock policy. */
#define STOCK_ITERATIONS 5

/* ---- names ---------------------------------------------------------- */

ssize_t evacuate_find_uuid(const struct evacuation *e, const char *uuid)
{
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (!strcasecmp(e->guests[i].uuid, uuid))
            return i;
    }
    return -1;
}

bool evacuate_is_called(const char *listed, size_t len, const char *name,
                        const char *uuid)
{
    return (strlen(name) == len && !strncmp(name, listed, len)) ||
           (strlen(uuid) == len && !strncasecmp(uuid, listed, len));
}

/* By name or UUID; -1: it is not among those that are moved. */
static ssize_t find_guest(const struct evacuation *e, const char *what,
                          size_t len)
{
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (e->s.moves[i].state != XPC_MOVE_LEFT &&
            evacuate_is_called(what, len, e->guests[i].name, e->guests[i].uuid))
            return i;
    }
    return -1;
}

static bool is_in(const struct evacuate_names *names,
                  const struct evacuate_guest *g)
{
    char domid[16];

    snprintf(domid, sizeof(domid), "%u", g->domid);
    for (size_t i = 0; i < names->nr; i++) {
        if ((g->name && !strcmp(names->name[i], g->name)) ||
            !strcmp(names->name[i], domid) ||
            !strcasecmp(names->name[i], g->uuid))
            return true;
    }
    return false;
}

/* ---- guests --------------------------------------------------------- */

static int add_guest(struct evacuation *e, const libxl_dominfo *info, char *err)
{
    struct evacuate_guest *g = &e->guests[e->s.nr_moves];
    struct xpc_move *m = &e->s.moves[e->s.nr_moves];

    *g = (struct evacuate_guest){ .domid = info->domid };
    snprintf(g->uuid, sizeof(g->uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(info->uuid));
    memcpy(g->uuid_bytes, libxl_uuid_bytearray_const(&info->uuid),
           sizeof(g->uuid_bytes));
    g->name = libxl_domid_to_name(e->ctx, info->domid);
    if (is_in(&e->o->leave, g)) {
        free(g->name);
        return 0;
    }
    if (!g->name)
        return xl_bad(err, "domain %u has no name: give it one with xl rename, "
                      "or leave it: --leave=%u", info->domid, info->domid);
    /* Either may be higher for a while, with ballooning. */
    m->memory_bytes = (info->current_memkb + info->outstanding_memkb) * 1024;
    m->memory_bytes += OVERHEAD_BYTES(m->memory_bytes);
    m->target = XPC_NO_TARGET;
    m->curve = &g->curve;
    m->rank = is_in(&e->o->first, g) ? -1 : is_in(&e->o->last, g) ? 1 : 0;
    if (info->shutdown) {
        m->state = XPC_MOVE_LEFT;
        g->text = xl_asprintf("it is suspended: see xl list");
    }
    e->s.nr_moves++;
    return 0;
}

/* Whether the command line names it, or nothing at all. */
static bool is_wanted(const struct evacuation *e, const libxl_dominfo *info)
{
    bool wanted = !e->o->nr_domains;
    uint32_t domid;

    for (size_t i = 0; i < e->o->nr_domains; i++)
        wanted |= !libxl_domain_qualifier_to_domid(e->ctx, e->o->domains[i],
                                                   &domid) &&
                  domid == info->domid;
    return wanted;
}

static const char *const list_names[] = { "first", "last", "leave" };

/* Refuses a domain that is in two of the lists, perhaps as name and number. */
static int check_lists(const struct evacuation *e, char *err)
{
    const struct evacuate_names *lists[] = { &e->o->first, &e->o->last,
                                             &e->o->leave };
    uint32_t domids[3 * EVACUATE_NAMES_MAX];
    int of[3 * EVACUATE_NAMES_MAX], nr = 0;

    for (int l = 0; l < 3; l++) {
        for (size_t i = 0; i < lists[l]->nr; i++, nr++) {
            const char *name = lists[l]->name[i];

            of[nr] = l;
            if (libxl_domain_qualifier_to_domid(e->ctx, name, &domids[nr]))
                return xl_bad(err, "--%s: there is no domain %.120s: see xl "
                              "list", list_names[l], name);
            for (int k = 0; k < nr; k++) {
                if (domids[k] == domids[nr] && of[k] != l)
                    return xl_bad(err, "--%s and --%s both name %.120s: leave "
                                  "one of them out", list_names[of[k]],
                                  list_names[l], name);
            }
        }
    }
    return 0;
}

static int check_names(const struct evacuation *e, char *err)
{
    uint32_t domid;

    if (e->resumed)
        return 0;           /* those that have moved are not here */
    for (size_t i = 0; i < e->o->nr_domains; i++) {
        if (libxl_domain_qualifier_to_domid(e->ctx, e->o->domains[i], &domid))
            return xl_bad(err, "there is no domain %.150s: see xl list",
                          e->o->domains[i]);
    }
    return check_lists(e, err);
}

/* Is a guest of this host called so? One that can't be seen is. */
static bool is_here(const struct evacuation *e, const char *name, size_t len)
{
    int nr = 0;
    libxl_dominfo *list = libxl_list_domain(e->ctx, &nr);
    bool here = !list;
    char uuid[37], *called;

    for (int i = 0; list && !here && i < nr; i++) {
        snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
                 LIBXL_UUID_BYTES(list[i].uuid));
        called = libxl_domid_to_name(e->ctx, list[i].domid);
        here = !list[i].dying &&
               evacuate_is_called(name, len, called ? called : "", uuid);
        free(called);
    }
    if (list)
        libxl_dominfo_list_free(list, nr);
    return here;
}

/*
 * Adds the pairs of one guest's list. Those on targets are looked at when the
 * targets have answered.
 */
static int add_affinities(struct evacuation *e, size_t i, const char *list,
                          bool together, char *err)
{
    const char *name;
    size_t len;

    while (list && (name = conf_next_name(&list, &len))) {
        ssize_t other = find_guest(e, name, len);
        struct xpc_affinity *grown;

        if (other < 0 && together && is_here(e, name, len))
            return xl_bad(err, "%.60s is to be together with %.*s, which "
                          "stays here: move both, or leave both",
                          e->guests[i].name, (int)(len < 60 ? len : 60), name);
        if (other < 0 || (size_t)other == i)
            continue;
        grown = realloc(e->affinities, (e->s.nr_affinities + 1) *
                                       sizeof(*grown));
        if (!grown)
            return xl_bad(err, "out of memory");
        grown[e->s.nr_affinities++] = (struct xpc_affinity){
            i, other, together,
        };
        e->affinities = grown;
        e->s.affinities = grown;
    }
    return 0;
}

static bool is_section_of(const struct conf_section *c,
                          const struct evacuate_guest *g)
{
    return c->kind == CONF_GUEST &&
           (c->name ? !strcmp(c->name, g->name) :
                      !memcmp(c->uuid, g->uuid_bytes, sizeof(c->uuid)));
}

static int read_affinities(struct evacuation *e, char *err)
{
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        for (size_t k = 0; k < e->conf.nr; k++) {
            const struct conf_section *c = &e->conf.sections[k];

            if (e->s.moves[i].state == XPC_MOVE_LEFT ||
                !is_section_of(c, &e->guests[i]))
                continue;
            if (add_affinities(e, i, c->affinity[CONF_APART], false, err) ||
                add_affinities(e, i, c->affinity[CONF_TOGETHER], true, err))
                return -1;
        }
    }
    return 0;
}

/* A device model's domain goes with its guest. */
static bool is_guest(const struct evacuation *e, const libxl_dominfo *info)
{
    return info->domid && !info->never_stop && !info->dying &&
           !libxl_is_stubdom(e->ctx, info->domid, NULL);
}

/* One that is suspended may have to be resumed here. */
static bool is_shut_down(const libxl_dominfo *info)
{
    return info->shutdown &&
           info->shutdown_reason != LIBXL_SHUTDOWN_REASON_SUSPEND;
}

/* Returns whether it has: not if it was to stay. */
static bool tell_stays(const struct evacuation *e, const libxl_dominfo *info,
                       const char *why)
{
    struct evacuate_guest g = {
        .domid = info->domid, .name = libxl_domid_to_name(e->ctx, info->domid),
    };
    bool tells;

    snprintf(g.uuid, sizeof(g.uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(info->uuid));
    tells = !is_in(&e->o->leave, &g);
    if (tells)
        xl_message("evacuate", "domain %u (%s) %s, and stays here: see xl list",
                   g.domid, g.name ? g.name : "without a name", why);
    free(g.name);
    return tells;
}

int evacuate_find_guests(struct evacuation *e, char err[XPC_ERR_LEN])
{
    int nr = 0, rc = 0;
    libxl_dominfo *list = libxl_list_domain(e->ctx, &nr);

    if (!list)
        return xl_bad(err, "can't list the domains: is this run as root in "
                      "domain 0?");
    e->guests = calloc(nr, sizeof(*e->guests));
    e->s.moves = calloc(nr, sizeof(*e->s.moves));
    if (!e->guests || !e->s.moves)
        rc = xl_bad(err, "out of memory");
    if (!rc)
        rc = check_names(e, err);
    for (int i = 0; !rc && i < nr; i++) {
        if (!is_wanted(e, &list[i]) || !is_guest(e, &list[i]))
            continue;
        /* One that does not run can't be migrated. */
        if (is_shut_down(&list[i]))
            tell_stays(e, &list[i], "is shut down");
        else
            rc = add_guest(e, &list[i], err);
    }
    libxl_dominfo_list_free(list, nr);
    if (!rc && e->s.nr_moves > EVACUATE_NAMES_MAX)
        rc = xl_bad(err, "at most %d domains at a time: name some",
                    EVACUATE_NAMES_MAX);
    return rc ? -1 : read_affinities(e, err);
}

bool evacuate_all_are_gone(const struct evacuation *e)
{
    bool gone = true;
    int nr = 0;
    libxl_dominfo *list;

    if (e->o->nr_domains)
        return true;
    list = libxl_list_domain(e->ctx, &nr);
    if (!list) {
        xl_message("evacuate", "can't list the domains that are here now");
        return false;
    }
    for (int i = 0; i < nr; i++) {
        if (is_guest(e, &list[i]) && !is_shut_down(&list[i]) &&
            tell_stays(e, &list[i], "was started meanwhile, or came back"))
            gone = false;
    }
    libxl_dominfo_list_free(list, nr);
    return gone;
}

/* What is in force for it, wherever it goes. */
static int read_settings(struct evacuation *e, size_t i, const char *host,
                         char *err)
{
    struct evacuate_guest *g = &e->guests[i];
    struct migrate_options mo = {
        .own_transport = e->o->ssh_command, .stated = e->o->stated,
        .given = e->o->given,
    };
    struct conf_settings settings;

    if (migrate_read_settings(e->ctx, g->domid, host, &e->conf, &settings,
                              err) ||
        migrate_settle(&mo, &settings, err) || conf_check(&settings, err))
        return -1;
    g->params = mo.params;
    g->limited = mo.params.policy != XPC_POLICY_STOCK;
    g->asks = channels_wanted(&mo, false);
    libxl_domain_precopy_guest(e->ctx, g->domid, &g->kind);
    g->params.guest = g->kind;
    return 0;
}

int evacuate_check_guests(struct evacuation *e, char err[XPC_ERR_LEN])
{
    char why[LIBXL_PRECOPY_ERR_LEN];
    uint64_t begun_ns = clock_now_ns();

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        struct evacuate_guest *g = &e->guests[i];

        if (g->unknown)
            continue;
        if (e->s.moves[i].state != XPC_MOVE_WAITS) {
            read_settings(e, i, NULL, why);
            continue;
        }
        if (read_settings(e, i, NULL, why) ||
            migrate_check_leftovers(e->ctx, g->name, why) ||
            libxl_domain_live_migrate_check(e->ctx, g->domid, &g->params,
                                            why))
            return xl_bad(err, "%.60s can't be migrated: %.120s; or leave it: "
                          "--leave=%.40s", g->name, why, g->name);
    }
    /* The targets have been asked before. */
    if (e->s.nr_moves)
        e->setup_ns += CHECKS * (clock_now_ns() - begun_ns) / e->s.nr_moves;
    return 0;
}

/* ---- predictions ---------------------------------------------------- */

/* The highest rate of a migration to its target. */
static uint64_t best_rate(const struct evacuation *e, int target)
{
    uint64_t link = e->s.link_bytes_per_s, stream = e->s.stream_bytes_per_s;
    uint64_t there = target < 0 ? 0 : e->s.targets[target].link_bytes_per_s;

    if (there && there < link)
        link = there;
    return stream && stream < link ? stream : link;
}

/* A stock receiver gets pages as they are. */
static void fill_compression(const struct evacuation *e, size_t i)
{
    const struct evacuate_guest *g = &e->guests[i];
    const struct xpc_compress_method m = { g->params.compress,
                                           g->params.compress_level };
    const struct xpc_domain d = { .costs = g->costs, .nr_costs = g->nr_costs };
    struct xpc_predict_params *p = &e->s.moves[i].params;
    int target = e->s.moves[i].target;

    if (m.compress == XPC_COMPRESS_OFF ||
        (target >= 0 && e->targets[target].stock))
        return;
    p->processors = g->params.channels ? g->params.channels : 1;
    /* Which method is best depends on it. */
    p->bandwidth_bytes_per_s = best_rate(e, target);
    xpc_cell_compress(p, &d, &m);
}

/* With a cap of its own, what it sends while it is suspended has another. */
static void fill_caps(const struct evacuation *e, size_t i)
{
    const struct xpc_params *given = &e->guests[i].params;
    struct xpc_move *m = &e->s.moves[i];
    uint64_t best = best_rate(e, m->target);
    uint64_t kept = xpc_params_switchover_cap(given);

    m->own_bytes_per_s = given->max_bytes_per_s;
    if (m->own_bytes_per_s && m->own_bytes_per_s < best)
        m->params.switchover_bytes_per_s = kept && kept < best ? kept : best;
}

/* How much of a page of zeros is sent. */
static uint64_t zero_page_bytes(const struct evacuation *e, size_t i)
{
    const struct evacuate_guest *g = &e->guests[i];
    int target = e->s.moves[i].target;

    switch (g->params.zero_pages) {
    case XPC_ZERO_PAGES_ELIDE:
        return 0;
    case XPC_ZERO_PAGES_AUTO:
        if (g->asks && (target < 0 || !e->targets[target].stock))
            return XPC_PAGE_HEADER;
        break;
    case XPC_ZERO_PAGES_SEND:
        break;
    }
    return XPC_PAGE_SIZE + XPC_PAGE_HEADER;
}

static void forget_histories(struct evacuation *e)
{
    for (size_t t = 0; e->targets && t < e->s.nr_targets; t++) {
        libxl_precopy_history_dispose(&e->targets[t].history);
        e->targets[t].history_read = false;
    }
}

/* A plan asks of each guest and target: each file is read once. */
static void learn(struct evacuate_target *t, struct evacuate_guest *g)
{
    char why[LIBXL_PRECOPY_ERR_LEN];

    if (!t->history_read) {
        t->history_read = true;
        libxl_precopy_history_init(&t->history);
        libxl_precopy_history_read(NULL, t->host, &t->history, why);
    }
    xpc_history_prior(&t->history, &g->kind, time(NULL), &g->params.learned);
}

/* Of a guest on the target that it has now. */
static void fill_params(void *opaque, size_t i)
{
    struct evacuation *e = opaque;
    struct evacuate_guest *g = &e->guests[i];
    struct xpc_predict_params *p = &e->s.moves[i].params;
    int target = e->s.moves[i].target;
    struct xpc_prior prior;

    if (target >= 0)
        learn(&e->targets[target], g);
    xpc_params_prior(&g->params, &prior);
    xpc_predict_params_init(p, 0, g->params.downtime_ns);
    p->overhead_ns = prior.overhead_ns;
    p->suspend_pages = prior.suspend_pages;
    p->bitmap_ns = xpc_predict_bitmap_ns(g->kind.pfns);
    p->setup_ns = e->setup_ns;
    p->zero_page_bytes = zero_page_bytes(e, i);
    p->skip_dirty = g->params.skip_dirty == XPC_SKIP_DIRTY_ON;
    fill_caps(e, i);
    fill_compression(e, i);
    if (!g->limited) {
        p->rule.downtime_ns = 0;
        p->rule.max_downtime_ns = XPC_NO_LIMIT;
        p->rule.iterations = STOCK_ITERATIONS;
        p->rule.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
        return;
    }
    xpc_rule_from_params(&p->rule, &g->params);
    xpc_predict_params_live(p, g->params.confidence_percent);
    if (prior.overhead_sd_ns)
        p->overhead_sd_ns = prior.overhead_sd_ns;
}

int evacuate_plan(struct evacuation *e, char err[XPC_ERR_LEN])
{
    for (size_t i = 0; i < e->s.nr_moves; i++)
        /* One that has failed must not be tried by chance. */
        e->s.moves[i].must_be_sure = e->guests[i].limited &&
                                     e->s.moves[i].rank >= EVACUATE_AGAIN;
    forget_histories(e);
    e->s.prepare = fill_params;
    e->s.opaque = e;
    if (xpc_schedule_plan(&e->s) < 0)
        return xl_bad(err, "out of memory");
    for (size_t i = 0; i < e->s.nr_moves; i++)
        e->guests[i].fits = e->s.moves[i].possible;
    return 0;
}

void evacuate_free_domains(struct evacuate_target *t)
{
    for (size_t i = 0; i < t->nr_domains; i++)
        free(t->domains[i].name);
    free(t->domains);
    t->domains = NULL;
    t->nr_domains = 0;
}

void evacuate_dispose(struct evacuation *e)
{
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        free(e->guests[i].name);
        free(e->guests[i].text);
        migration_dispose(&e->guests[i].m);
    }
    for (size_t t = 0; e->targets && t < e->s.nr_targets; t++) {
        evacuate_free_domains(&e->targets[t]);
        free(e->targets[t].text);
    }
    forget_histories(e);
    free(e->guests);
    free(e->targets);
    free(e->affinities);
    free(e->ends);
    free(e->s.moves);
    free(e->s.targets);
    conf_dispose(&e->conf);
    if (e->ctx)
        libxl_ctx_free(e->ctx);
}
