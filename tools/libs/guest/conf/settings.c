/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conf/settings.h"
#include "core/params.h"
#include "json/migration.h"

/* Known of the link and the guest. In the file, they ask for nothing. */
#define FACTS (XPC_OPTION_BIT(XPC_OPT_BANDWIDTH) | \
               XPC_OPTION_BIT(XPC_OPT_OVERHEAD) | \
               XPC_OPTION_BIT(XPC_OPT_CONFIDENCE))
/* What a policy of stock drops. The last two have other defaults with it. */
#define POLICY_ONLY (XPC_OPTIONS_LIMITS | \
                     XPC_OPTION_BIT(XPC_OPT_ITERATIONS) | \
                     XPC_OPTION_BIT(XPC_OPT_THRESHOLD))

#define FOR_EACH(opt, set) \
    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) \
        if ((set) & XPC_OPTION_BIT(opt))

void conf_settings_init(struct conf_settings *s)
{
    *s = (struct conf_settings){ 0 };
    xpc_params_init(&s->params);
    xpc_params_init(&s->idle_params);
}

void conf_drop(struct conf_settings *s, enum xpc_option opt)
{
    struct xpc_params init;

    xpc_params_init(&init);
    xpc_option_copy(opt, &s->params, &init);
    s->given &= ~XPC_OPTION_BIT(opt);
    s->source[opt] = (struct conf_source){ 0 };
}

/* ---- adding ------------------------------------------------------------ */

/* asks: the options that ask for a policy if they are given there. */
static void add(struct conf_settings *s, const struct xpc_params *p,
                unsigned int given, unsigned int asks,
                struct conf_source source)
{
    bool states = given & XPC_OPTION_BIT(XPC_OPT_POLICY);

    if (states && p->policy == XPC_POLICY_STOCK) {
        FOR_EACH(opt, s->given & POLICY_ONLY)
            conf_drop(s, opt);
    } else if (!states && given & asks) {
        conf_drop(s, XPC_OPT_POLICY);
    }
    FOR_EACH(opt, given) {
        xpc_option_copy(opt, &s->params, p);
        s->source[opt] = source;
    }
    s->given |= given;
    s->asked |= given & asks;
}

void conf_add_section(struct conf_settings *s,
                      const struct conf_section *section)
{
    const struct conf_source source = { CONF_ORIGIN_FILE, section };

    add(s, &section->params, section->given, ~(XPC_OPTIONS_WAYS | FACTS),
        source);
}

/* Whether the guest is called name, for good or while xl renames it. */
static bool is_called(const struct conf_guest *g, const char *name,
                      bool for_good)
{
    static const char *const suffixes[] = { "--incoming", "--migratedaway" };
    size_t len = strlen(name);

    if (!g->name || strncmp(g->name, name, len))
        return false;
    if (for_good)
        return !g->name[len];
    return !strcmp(g->name + len, suffixes[0]) ||
           !strcmp(g->name + len, suffixes[1]);
}

static bool applies(const struct conf_section *c, int rank,
                    const struct conf_guest *g, const char *target)
{
    switch (rank) {
    case 0:
        return c->kind == CONF_DEFAULT;
    case 1:
        return c->kind == CONF_TARGET && target &&
               !strcasecmp(c->name, conf_host(target));
    case 2:
    case 3:
        return c->kind == CONF_GUEST && c->name &&
               is_called(g, c->name, rank == 3);
    default:
        return c->kind == CONF_GUEST && !c->name && g->has_uuid &&
               !memcmp(c->uuid, g->uuid, sizeof(g->uuid));
    }
}

#define RANKS 5

void conf_add_file(struct conf_settings *s, const struct conf_file *f,
                   const struct conf_guest *g, const char *target)
{
    s->path = f->path;
    for (int rank = 0; rank < RANKS; rank++) {
        for (size_t i = 0; i < f->nr; i++) {
            if (applies(&f->sections[i], rank, g, target))
                conf_add_section(s, &f->sections[i]);
        }
    }
}

/*
 * The options that are in the JSON: those that reading it leaves the same in
 * two structures that were different everywhere.
 */
static unsigned int given_in_json(const char *json, size_t len)
{
    struct xpc_params a, b;
    char err[XPC_ERR_LEN];
    unsigned int given = 0;

    memset(&a, 0, sizeof(a));
    memset(&b, 0x55, sizeof(b));
    if (xpc_from_json(&xpc_params_type, &a, json, len, err) ||
        xpc_from_json(&xpc_params_type, &b, json, len, err))
        return 0;
    FOR_EACH(opt, ~0u) {
        if (xpc_option_shares(opt, &a, &b))
            given |= XPC_OPTION_BIT(opt);
    }
    return given;
}

int conf_add_json(struct conf_settings *s, const char *json, size_t len,
                  char err[XPC_ERR_LEN])
{
    const struct conf_source source = { .origin = CONF_ORIGIN_XENSTORE };
    struct xpc_params p;

    xpc_params_init(&p);
    if (xpc_from_json(&xpc_params_type, &p, json, len, err))
        return -1;
    s->params.once = p.once;
    s->params.learned = p.learned;
    add(s, &p, given_in_json(json, len),
        p.policy == XPC_POLICY_STOCK ? 0 : ~0u, source);
    /* An empty object has always asked for the limit policy. */
    s->asked = true;
    s->in_xenstore = true;
    return 0;
}

void conf_add_options(struct conf_settings *s, const struct xpc_params *p,
                      unsigned int given)
{
    const struct conf_source source = { .origin = CONF_ORIGIN_COMMAND };

    add(s, p, given, ~XPC_OPTIONS_WAYS, source);
}

/* ---- settling ---------------------------------------------------------- */

unsigned int conf_given_by(const struct conf_settings *s,
                           enum conf_origin origin)
{
    unsigned int set = 0;

    FOR_EACH(opt, s->given) {
        if (s->source[opt].origin == origin)
            set |= XPC_OPTION_BIT(opt);
    }
    return set;
}

/* Adds to the line where the values that contradict each other come from. */
static void name_sources(const struct conf_settings *s, unsigned int conflict,
                         char *err)
{
    char buf[CONF_SOURCE_LEN];
    const char *between = " (";
    size_t n = strlen(err);

    FOR_EACH(opt, conflict) {
        if (n < XPC_ERR_LEN)
            n += snprintf(err + n, XPC_ERR_LEN - n, "%s%s: %s", between,
                          xpc_option_name(opt),
                          conf_source_text(s, opt, buf));
        between = ", ";
    }
    if (n < XPC_ERR_LEN)
        snprintf(err + n, XPC_ERR_LEN - n, ")");
}

void conf_settle(struct conf_settings *s)
{
    if (!s->asked)
        s->params.policy = XPC_POLICY_STOCK;
    if (s->params.policy != XPC_POLICY_STOCK)
        return;
    s->idle = conf_given_by(s, CONF_ORIGIN_FILE) & FACTS;
    s->idle_params = s->params;
    FOR_EACH(opt, s->idle) {
        s->idle_source[opt] = s->source[opt];
        conf_drop(s, opt);
    }
}

int conf_check(const struct conf_settings *s, char err[XPC_ERR_LEN])
{
    unsigned int conflict = 0;

    if (!xpc_options_check(&s->params, &conflict, err, XPC_ERR_LEN))
        return 0;
    if (s->given & ~conf_given_by(s, CONF_ORIGIN_COMMAND))
        name_sources(s, conflict, err);
    return -1;
}

/* ---- as text ----------------------------------------------------------- */

const char *conf_source_text(const struct conf_settings *s,
                             enum xpc_option opt, char buf[CONF_SOURCE_LEN])
{
    const struct conf_source *from = s->idle & XPC_OPTION_BIT(opt) ?
                                     &s->idle_source[opt] : &s->source[opt];

    switch (from->origin) {
    case CONF_ORIGIN_FILE:
        snprintf(buf, CONF_SOURCE_LEN, "%.100s:%u", s->path,
                 from->section->lines[opt]);
        return buf;
    case CONF_ORIGIN_XENSTORE:
        return "xenstore";
    case CONF_ORIGIN_COMMAND:
        return "the command line";
    default:
        return "default";
    }
}

/* For ", and 20 more". */
#define MORE_LEN 16
/* ", NAME VALUE from SOURCE" */
#define ENTRY_LEN (CONF_SOURCE_LEN + XPC_UNIT_LEN + 32)
_Static_assert(XPC_NR_OPTIONS * ENTRY_LEN + MORE_LEN <= CONF_TEXT_LEN,
               "all settings fit");

const char *conf_settings_text(const struct conf_settings *s, char *buf,
                               size_t len)
{
    unsigned int shown = s->given & ~conf_given_by(s, CONF_ORIGIN_COMMAND);
    unsigned int left = __builtin_popcount(shown);
    char value[XPC_UNIT_LEN], source[CONF_SOURCE_LEN], entry[ENTRY_LEN];
    size_t n = 0, more;

    *buf = 0;
    FOR_EACH(opt, shown) {
        more = snprintf(entry, sizeof(entry), "%s%s %s from %s",
                        n ? ", " : "", xpc_option_name(opt),
                        xpc_option_text(opt, &s->params, value),
                        conf_source_text(s, opt, source));
        if (n + more + (left > 1 ? MORE_LEN : 0) >= len) {
            snprintf(buf + n, len - n, "%s%u more", n ? ", and " : "", left);
            break;
        }
        n += snprintf(buf + n, len - n, "%s", entry);
        left--;
    }
    return buf;
}
