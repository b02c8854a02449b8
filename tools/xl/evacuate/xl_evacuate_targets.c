/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_options.h"
#include "conf/file.h"
#include "evacuate/xl_evacuate_ask.h"
#include "evacuate/xl_evacuate_targets.h"
#include "history/xl_history.h"
#include "libxl_precopy_history.h"

#define DEFAULT_LINK UINT64_C(125000000)

/* Ends of the names of domains that are being migrated. */
static const char *const suffixes[] = { "--incoming", "--migratedaway" };

/* ---- asking --------------------------------------------------------- */

/* "free_memory            : 1234", in MiB. */
static bool parse_free(const char *info, uint64_t *bytes_r)
{
    const char *line = strstr(info, "\nfree_memory");
    uint64_t mib;

    if (!line || sscanf(line, "\nfree_memory : %"SCNu64, &mib) != 1)
        return false;
    *bytes_r = mib << 20;
    return true;
}

/* Cuts the last column off, and returns it. */
static char *cut_column(char *line)
{
    size_t end = strlen(line);

    while (end && line[end - 1] == ' ')
        line[--end] = 0;
    while (end && line[end - 1] != ' ')
        end--;
    if (end)
        line[end - 1] = 0;
    return line + end;
}

/* Names may contain blanks; ID, memory, vCPUs, state and time follow. */
static void add_domain(struct evacuate_target *t, char *line)
{
    struct evacuate_domain *grown;
    uint64_t mib = 0;
    uint32_t domid = 0;

    for (int column = 5; column; column--) {
        char *text = cut_column(line);

        if (column == 2)
            mib = strtoull(text, NULL, 10);
        else if (column == 1)
            domid = strtoul(text, NULL, 10);
    }
    for (size_t end = strlen(line); end && line[end - 1] == ' ';)
        line[--end] = 0;
    grown = *line ? realloc(t->domains, (t->nr_domains + 1) *
                                        sizeof(*grown)) : NULL;
    if (!grown)
        return;
    t->domains = grown;
    grown[t->nr_domains++] = (struct evacuate_domain){
        .name = xl_asprintf("%s", line), .memory_bytes = mib << 20,
        .domid = domid,
    };
}

/* What xl list prints: a heading, domain 0, and the others. */
static void parse_domains(struct evacuate_target *t, const char *list)
{
    evacuate_free_domains(t);
    for (const char *at = strchr(list, '\n'); at && at[1];
         at = strchr(at + 1, '\n')) {
        char *line = xl_asprintf("%.*s", (int)strcspn(at + 1, "\n"), at + 1);

        add_domain(t, line);
        free(line);
    }
}

static bool has_uuid(const char *list)
{
    const char *name;
    uint8_t uuid[16];
    char copy[37];
    size_t len;

    while (list && (name = conf_next_name(&list, &len))) {
        snprintf(copy, sizeof(copy), "%.*s", (int)len, name);
        if (len + 1 == sizeof(copy) && conf_parse_uuid(copy, uuid))
            return true;
    }
    return false;
}

/* Does precopy.conf name guests by their UUIDs that may be on a target? */
static bool needs_uuids(const struct evacuation *e)
{
    for (size_t k = 0; k < e->conf.nr; k++) {
        const struct conf_section *c = &e->conf.sections[k];

        for (int a = 0; a < CONF_AFFINITIES; a++) {
            if (c->affinity[a] && (!c->name || has_uuid(c->affinity[a])))
                return true;
        }
    }
    return false;
}

/* What xl vm-list prints: a heading, and UUID, ID and name. */
static void parse_uuids(struct evacuate_target *t, const char *list)
{
    for (const char *at = list; at; at = strchr(at + 1, '\n')) {
        uint32_t domid;
        char uuid[37];

        if (sscanf(at, " %36s %"SCNu32, uuid, &domid) != 2)
            continue;
        for (size_t i = 0; i < t->nr_domains; i++) {
            if (t->domains[i].domid == domid)
                strcpy(t->domains[i].uuid, uuid);
        }
    }
}

static int ask_uuids(struct evacuation *e, struct evacuate_target *t,
                     int interrupt_fd, char err[XPC_ERR_LEN])
{
    char *list = needs_uuids(e) ?
                 evacuate_ask(e, t->host, "vm-list", interrupt_fd, err) : NULL;

    if (!list)
        return needs_uuids(e) ? -1 : 0;
    parse_uuids(t, list);
    free(list);
    return 0;
}

int evacuate_ask_target(struct evacuation *e, size_t t, int interrupt_fd,
                        char err[XPC_ERR_LEN])
{
    struct evacuate_target *target = &e->targets[t];
    char *info = evacuate_ask(e, target->host, "info", interrupt_fd, err);
    char *list;
    uint64_t free_bytes;

    if (!info)
        return -1;
    if (!parse_free(info, &free_bytes)) {
        free(info);
        errno = EPROTO;
        return xl_bad(err, "%.80s does not say how much memory is free: what "
                      "does xl info print there?", target->host);
    }
    free(info);
    e->s.targets[t].free_bytes = free_bytes > e->o->reserve_bytes ?
                                 free_bytes - e->o->reserve_bytes : 0;
    list = evacuate_ask(e, target->host, "list", interrupt_fd, err);
    if (!list)
        return -1;
    parse_domains(target, list);
    free(list);
    return ask_uuids(e, target, interrupt_fd, err);
}

/* ---- what follows --------------------------------------------------- */

static bool is_there(const struct evacuate_target *t, const char *name,
                     size_t len)
{
    for (size_t i = 0; i < t->nr_domains; i++) {
        if (evacuate_is_called(name, len, t->domains[i].name,
                               t->domains[i].uuid))
            return true;
    }
    return false;
}

/* A section's guest. */
static bool is_section_there(const struct evacuate_target *t,
                             const struct conf_section *c)
{
    uint8_t uuid[16];

    if (c->name)
        return is_there(t, c->name, strlen(c->name));
    for (size_t i = 0; i < t->nr_domains; i++) {
        if (conf_parse_uuid(t->domains[i].uuid, uuid) &&
            !memcmp(uuid, c->uuid, sizeof(uuid)))
            return true;
    }
    return false;
}

void evacuate_count_once(struct evacuation *e, size_t i)
{
    struct xpc_move *m = &e->s.moves[i];
    struct evacuate_target *t = &e->targets[m->target];
    uint64_t *free_bytes = &e->s.targets[m->target].free_bytes;
    char *name = xl_asprintf("%s%s", e->guests[i].name, suffixes[0]);

    for (size_t k = 0; k < t->nr_domains; k++) {
        if (strcmp(t->domains[k].name, name))
            continue;
        m->not_on &= ~(UINT64_C(1) << m->target);
        if (*free_bytes != UINT64_MAX)
            *free_bytes += t->domains[k].memory_bytes;
    }
    free(name);
}

/* Where none of a list's guests may be, or one of them is. */
static uint64_t not_on(const struct evacuation *e, const char *list,
                       bool together)
{
    uint64_t apart = 0, with = 0;
    const char *name;
    size_t len;

    while (list && (name = conf_next_name(&list, &len))) {
        for (size_t t = 0; t < e->s.nr_targets; t++) {
            if (is_there(&e->targets[t], name, len)) {
                apart |= UINT64_C(1) << t;
                with |= UINT64_C(1) << t;
            }
        }
    }
    return together ? (with ? ~with : 0) : apart;
}

/* A section's guest may be on a target, too. */
static void add_those_there(struct evacuation *e, size_t i)
{
    for (size_t k = 0; k < e->conf.nr; k++) {
        const struct conf_section *c = &e->conf.sections[k];
        const char *list = c->affinity[CONF_APART], *name;
        size_t len;

        while (list && (name = conf_next_name(&list, &len))) {
            if (!evacuate_is_called(name, len, e->guests[i].name,
                                    e->guests[i].uuid))
                continue;
            for (size_t t = 0; t < e->s.nr_targets; t++) {
                if (is_section_there(&e->targets[t], c))
                    e->s.moves[i].not_on |= UINT64_C(1) << t;
            }
        }
    }
}

/* A name that is taken there, also by what a migration has left. */
static void add_taken(struct evacuation *e, size_t i)
{
    for (size_t t = 0; t < e->s.nr_targets; t++) {
        const char *name = e->guests[i].name;
        bool taken = is_there(&e->targets[t], name, strlen(name));

        for (int k = 0; k < 2 && !taken; k++) {
            char *left = xl_asprintf("%s%s", name, suffixes[k]);

            taken = is_there(&e->targets[t], left, strlen(left));
            free(left);
        }
        if (taken)
            e->s.moves[i].not_on |= UINT64_C(1) << t;
    }
}

static void exclude_targets(struct evacuation *e, size_t i)
{
    const struct evacuate_guest *g = &e->guests[i];

    for (size_t k = 0; k < e->conf.nr; k++) {
        const struct conf_section *c = &e->conf.sections[k];

        if (c->kind != CONF_GUEST ||
            (c->name ? strcmp(c->name, g->name) :
                       memcmp(c->uuid, g->uuid_bytes, sizeof(c->uuid))))
            continue;
        e->s.moves[i].not_on |= not_on(e, c->affinity[CONF_APART], false) |
                                not_on(e, c->affinity[CONF_TOGETHER], true);
    }
    add_those_there(e, i);
    add_taken(e, i);
}

/* Is there a domain with the same name and number? */
static bool is_same_there(const struct evacuate_target *t,
                          const struct evacuate_guest *g)
{
    for (size_t i = 0; i < t->nr_domains; i++) {
        if (t->domains[i].domid == g->domid &&
            !strcmp(t->domains[i].name, g->name))
            return true;
    }
    return false;
}

/* Under another name, this host may be among the targets. */
static bool is_this_host(const struct evacuation *e,
                         const struct evacuate_target *t)
{
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (!is_same_there(t, &e->guests[i]))
            return false;
    }
    return e->s.nr_moves && !e->resumed;
}

int evacuate_ask_targets(struct evacuation *e, char err[XPC_ERR_LEN])
{
    size_t nr = e->o->to.nr, nr_out = 0;
    uint64_t begun_ns;

    e->targets = calloc(nr, sizeof(*e->targets));
    e->s.targets = calloc(nr, sizeof(*e->s.targets));
    if (!e->targets || !e->s.targets)
        return xl_bad(err, "out of memory");
    e->s.nr_targets = nr;
    begun_ns = clock_now_ns();
    for (size_t t = 0; t < nr; t++) {
        e->targets[t].host = e->o->to.name[t];
        e->targets[t].stock = history_receiver(e->o->to.name[t],
                                               time(NULL)) == RECEIVER_STOCK;
        e->s.targets[t].weight = e->o->weights[t];
        if (!evacuate_ask_target(e, t, -1, err)) {
            if (is_this_host(e, &e->targets[t]))
                return xl_bad(err, "%.80s has the same domains with the same "
                              "numbers: is it this host? Name another",
                              e->targets[t].host);
            continue;
        }
        /* It may have died since it was begun. */
        if (!e->resumed || ++nr_out == nr)
            return -1;
        e->s.targets[t].out = true;
        e->targets[t].text = xl_asprintf("%s", err);
        xl_message("evacuate", "%s: it is left out", err);
    }
    e->setup_ns = (clock_now_ns() - begun_ns) / nr;
    for (size_t i = 0; i < e->s.nr_moves; i++)
        exclude_targets(e, i);
    evacuate_set_links(e);
    return 0;
}

/* ---- links ---------------------------------------------------------- */

/* What precopy.conf says of the link to a target; 0: nothing. */
static uint64_t stated_link(const struct evacuation *e, const char *host)
{
    uint64_t rate = 0;

    for (size_t k = 0; k < e->conf.nr; k++) {
        const struct conf_section *c = &e->conf.sections[k];

        if (!(c->given & XPC_OPTION_BIT(XPC_OPT_BANDWIDTH)))
            continue;
        if (c->kind == CONF_TARGET && !strcasecmp(c->name, conf_host(host)))
            return c->params.bandwidth_bytes_per_s;
        if (c->kind == CONF_DEFAULT)
            rate = c->params.bandwidth_bytes_per_s;
    }
    return rate;
}

/* The highest rate of the last migrations to it; 0: unknown. */
static uint64_t seen_rate(const char *host)
{
    char why[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history h;
    uint64_t rate = 0;

    libxl_precopy_history_init(&h);
    libxl_precopy_history_read(NULL, host, &h, why);
    for (size_t i = h.nr_entries > 8 ? h.nr_entries - 8 : 0; i < h.nr_entries;
         i++) {
        if (h.entries[i].bandwidth_bytes_per_s > rate)
            rate = h.entries[i].bandwidth_bytes_per_s;
    }
    libxl_precopy_history_dispose(&h);
    return rate;
}

void evacuate_set_links(struct evacuation *e)
{
    uint64_t link = e->o->link_bytes_per_s, stream = 0;

    for (size_t t = 0; t < e->s.nr_targets; t++) {
        uint64_t stated = stated_link(e, e->targets[t].host);
        uint64_t seen = seen_rate(e->targets[t].host);

        e->s.targets[t].link_bytes_per_s = stated;
        if (!e->o->link_bytes_per_s) {
            link = stated > link ? stated : link;
            link = seen > link ? seen : link;
        }
        stream = seen > stream ? seen : stream;
    }
    e->link_given = link;
    e->s.link_bytes_per_s = link ? link : DEFAULT_LINK;
    /* Only if it is far below: a link is rarely what it is said to be. */
    e->s.stream_bytes_per_s = stream && stream < link * 0.7 ? stream : 0;
    e->s.concurrency = e->o->concurrency;
}
