/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/xl_options.h"
#include "evacuate/xl_evacuate_measure.h"
#include "predict/xl_predict_measure.h"

static void add_method(struct predict_options *o,
                       const struct xpc_compress_method *m)
{
    for (size_t i = 0; i < o->nr_measured; i++) {
        if (xpc_compress_same(&o->measured[i], m))
            return;
    }
    /* A guest whose method is not measured is predicted without it. */
    if (xpc_compress_level_max(m->compress) &&
        o->nr_measured < XPC_COMPRESS_METHODS_MAX)
        o->measured[o->nr_measured++] = *m;
}

/* What all that wait are measured with. */
static struct predict_options options_of(const struct evacuation *e)
{
    struct predict_options o = {
        .calc_time = e->o->calc_time, .costs_optional = true,
    };

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct xpc_params *p = &e->guests[i].params;
        const struct xpc_compress_method m = { p->compress,
                                               p->compress_level };

        add_method(&o, &m);
        for (size_t k = 0; m.compress == XPC_COMPRESS_AUTO &&
             k < xpc_nr_compress_defaults; k++)
            add_method(&o, &xpc_compress_defaults[k]);
    }
    return o;
}

const char *evacuate_methods(const struct evacuation *e)
{
    struct predict_options o = options_of(e);

    return predict_methods_text(&o);
}

static void take(struct evacuate_guest *g, const struct predict_source *s)
{
    g->curve = s->curve;
    memcpy(g->costs, s->costs, sizeof(g->costs));
    g->nr_costs = s->nr_costs;
}

int evacuate_take_measurement(struct evacuation *e, size_t i, const char *json,
                              size_t len, char err[XPC_ERR_LEN])
{
    struct predict_options o = options_of(e);
    struct predict_source s;

    if (predict_parse(&s, e->guests[i].name, json, len, &o, err))
        return -1;
    take(&e->guests[i], &s);
    predict_source_dispose(&s);
    return 0;
}

int evacuate_measure(struct evacuation *e, char err[XPC_ERR_LEN])
{
    struct predict_options o = options_of(e);
    struct predict_source *sources;
    int rc;

    if (!e->s.nr_moves)
        return 0;
    sources = calloc(e->s.nr_moves, sizeof(*sources));
    o.domains = calloc(e->s.nr_moves, sizeof(*o.domains));
    if (!sources || !o.domains)
        return xl_bad(err, "out of memory");
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (e->s.moves[i].state == XPC_MOVE_WAITS)
            o.domains[o.nr_domains++] = xl_asprintf("%u", e->guests[i].domid);
    }
    rc = o.nr_domains ? predict_measure(sources, &o, err) : 0;
    for (size_t i = 0, k = 0; !rc && i < e->s.nr_moves; i++) {
        if (e->s.moves[i].state == XPC_MOVE_WAITS) {
            take(&e->guests[i], &sources[k]);
            predict_source_dispose(&sources[k++]);
        }
    }
    for (size_t i = 0; i < o.nr_domains; i++)
        free(o.domains[i]);
    free(o.domains);
    free(sources);
    return rc;
}
