/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/xl_options.h"
#include "conf/settings.h"
#include "core/params.h"
#include "migrate/xl_migrate_settings.h"
#include "predict/xl_predict_conf.h"

#define COMMAND "migrate-predict"

#define BIT(id) XPC_OPTION_BIT(XPC_OPT_##id)
/* What a prediction depends on. */
#define USED (BIT(DOWNTIME) | BIT(MAX_DOWNTIME) | BIT(BANDWIDTH) | \
              BIT(MAX_BANDWIDTH) | BIT(SWITCHOVER_BANDWIDTH) | \
              BIT(DURATION) | BIT(ITERATIONS) | BIT(OVERHEAD) | \
              BIT(CONFIDENCE) | BIT(SKIP_DIRTY) | BIT(ZERO_PAGES) | \
              BIT(LULLS))

/*
 * The values that the administrator has set. What xl migrate leaves out without
 * a limit is not left out: the prediction is for those that are given.
 */
static int read_settings(struct conf_settings *s,
                         const struct predict_options *o,
                         const struct conf_file *f, const char *name,
                         const char *here, char *err)
{
    const struct conf_guest g = { .name = name };
    char why[XPC_ERR_LEN];
    int r = 1;

    if (here)
        r = migrate_find_settings(here, o->target, f, s, why);
    if (r > 0) {
        conf_settings_init(s);
        conf_add_file(s, f, &g, o->target);
        r = 0;
    }
    if (r || conf_check(s, why))
        return xl_bad(err, "%s%s%s", name ? name : "", name ? ": " : "", why);
    return 0;
}

/* A migration may end within the limit, or at worst within the maximum. */
static void set_limits(struct predict_options *o, const struct xpc_params *p,
                       unsigned int used)
{
    if (!(used & (BIT(DOWNTIME) | BIT(MAX_DOWNTIME))))
        return;
    o->downtimes[0] = p->downtime_ns;
    o->nr_downtimes = 1;
    if (xpc_params_max_downtime(p) != p->downtime_ns)
        o->downtimes[o->nr_downtimes++] = xpc_params_max_downtime(p);
}

/* Rows above the cap are left out: precopy would not be faster. */
static void cap_rows(struct predict_options *o, uint64_t cap)
{
    size_t nr = 0;

    for (size_t i = 0; i < o->nr_bandwidths; i++) {
        if (o->bandwidths[i] < cap)
            o->bandwidths[nr++] = o->bandwidths[i];
    }
    if (nr < o->nr_bandwidths)
        o->bandwidths[nr++] = cap;
    o->nr_bandwidths = nr;
}

/* Returns those that were used. */
static unsigned int set_bandwidths(struct predict_options *o,
                                   const struct xpc_params *p,
                                   unsigned int used)
{
    uint64_t link = used & BIT(BANDWIDTH) ? p->bandwidth_bytes_per_s : 0;
    uint64_t cap = used & BIT(MAX_BANDWIDTH) ? p->max_bytes_per_s : 0;
    uint64_t kept = xpc_params_switchover_cap(p);

    used &= (link ? ~0u : ~BIT(BANDWIDTH)) & (cap ? ~0u : ~BIT(MAX_BANDWIDTH));
    if (link) {
        o->bandwidths[0] = link;
        o->nr_bandwidths = 1;
    }
    if (cap)
        cap_rows(o, cap);
    /* Of a link that is not known, the cap is all that is sure. */
    if (!link || !cap || link <= cap)
        return used & ~BIT(SWITCHOVER_BANDWIDTH);
    o->params.switchover_bytes_per_s = kept && kept < link ? kept : link;
    return used;
}

static void set_rest(struct predict_options *o, const struct xpc_params *p,
                     unsigned int used)
{
    struct xpc_predict_params *to = &o->params;

    if (used & BIT(DURATION))
        to->rule.duration_ns = p->duration_ns;
    if (used & BIT(ITERATIONS))
        to->rule.iterations = p->iterations;
    if (used & BIT(SKIP_DIRTY))
        to->skip_dirty = p->skip_dirty == XPC_SKIP_DIRTY_ON;
    if (used & BIT(LULLS))
        o->no_lulls = p->lulls == XPC_LULLS_OFF;
    if (used & BIT(OVERHEAD)) {
        to->overhead_ns = p->overhead_ns;
        to->overhead_sd_ns = 0;
    }
    if (used & BIT(CONFIDENCE)) {
        o->confidence_percent = p->confidence_percent;
        xpc_predict_params_live(to, p->confidence_percent);
    }
    if (used & BIT(ZERO_PAGES) && p->zero_pages == XPC_ZERO_PAGES_SEND)
        to->zero_page_bytes = XPC_PAGE_SIZE + XPC_PAGE_HEADER;
}

static bool same_list(const uint64_t *a, size_t nr_a, const uint64_t *b,
                      size_t nr_b)
{
    return nr_a == nr_b && !memcmp(a, b, nr_a * sizeof(*a));
}

/* What set_limits(), set_bandwidths() and set_rest() set. */
bool predict_conf_same(const struct predict_options *a,
                       const struct predict_options *b)
{
    const struct xpc_predict_params *p = &a->params, *q = &b->params;

    return same_list(a->downtimes, a->nr_downtimes, b->downtimes,
                     b->nr_downtimes) &&
           same_list(a->bandwidths, a->nr_bandwidths, b->bandwidths,
                     b->nr_bandwidths) &&
           p->switchover_bytes_per_s == q->switchover_bytes_per_s &&
           p->rule.duration_ns == q->rule.duration_ns &&
           p->rule.iterations == q->rule.iterations &&
           p->skip_dirty == q->skip_dirty &&
           p->overhead_ns == q->overhead_ns &&
           p->overhead_sd_ns == q->overhead_sd_ns &&
           p->zero_page_bytes == q->zero_page_bytes &&
           a->confidence_percent == b->confidence_percent &&
           a->no_lulls == b->no_lulls;
}

static void tell(struct conf_settings *s, const char *name, unsigned int used)
{
    char text[CONF_TEXT_LEN];

    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        if (!(used & XPC_OPTION_BIT(opt)))
            conf_drop(s, opt);
    }
    if (used)
        xl_message(COMMAND, "%s%s%s", name ? name : "", name ? ": " : "",
                   conf_settings_text(s, text, sizeof(text)));
}

/* How well pages compress may not have been measured. */
static void tell_compress(const struct conf_settings *s,
                          const struct predict_options *o, const char *name)
{
    const struct xpc_compress_method m = { s->params.compress,
                                           s->params.compress_level };
    char text[XPC_UNIT_LEN], source[CONF_SOURCE_LEN];

    if (!(s->given & ~o->given & BIT(COMPRESS)) ||
        m.compress == XPC_COMPRESS_OFF)
        return;
    xl_message(COMMAND, "%s%scompress %s from %s is not predicted: give "
               "--compress=%s", name ? name : "", name ? ": " : "",
               xpc_compress_text(text, &m),
               conf_source_text(s, XPC_OPT_COMPRESS, source), text);
}

int predict_conf_apply(struct predict_options *o, const struct conf_file *f,
                       const char *name, const char *here,
                       char err[XPC_ERR_LEN])
{
    struct conf_settings s;
    unsigned int used;

    if (read_settings(&s, o, f, name, here, err))
        return -1;
    used = s.given & USED & ~o->given;
    set_limits(o, &s.params, used);
    used = set_bandwidths(o, &s.params, used);
    set_rest(o, &s.params, used);
    if (s.params.zero_pages != XPC_ZERO_PAGES_SEND)
        used &= ~BIT(ZERO_PAGES);
    if (!o->no_lulls)
        used &= ~BIT(LULLS);
    tell_compress(&s, o, name);
    tell(&s, name, used);
    return 0;
}
