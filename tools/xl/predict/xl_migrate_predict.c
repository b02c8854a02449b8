/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Predicts whether migrations fit, and what would make them fit. */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>

#include "common/xl_common.h"
#include "conf/load.h"
#include "history/xl_history.h"
#include "predict/xl_migrate_predict.h"
#include "predict/xl_predict_conf.h"
#include "predict/xl_predict_measure.h"
#include "predict/xl_predict_options.h"
#include "predict/xl_predict_plot.h"
#include "predict/xl_predict_print.h"
#include "predict/xl_predict_when.h"

#define COMMAND "migrate-predict"

/* An empty message: xl dirty-rate has printed one. */
static int fail(const char *why)
{
    if (*why)
        xl_message(COMMAND, "%s", why);
    return 1;
}

/* Uses what the history knows of the target for what was not given. */
static void use_target(struct predict_options *o)
{
    struct xpc_predict_params *p = &o->params;
    struct xpc_prior learned;
    char text[XPC_ERR_LEN];
    size_t nr = history_learn(o->target, &o->guest, &learned, text);

    if (*text) {
        xl_message(COMMAND, "%s", text);
        return;
    }
    if (!nr) {
        xl_message(COMMAND, "no migration to %.80s is known: the defaults are "
                   "used", o->target);
        return;
    }
    if (!(o->given & XPC_OPTION_BIT(XPC_OPT_OVERHEAD))) {
        p->overhead_ns = learned.overhead_ns;
        p->overhead_sd_ns = learned.overhead_sd_ns;
        xl_message(COMMAND, "%s", history_text(text, sizeof(text), o->target,
                                               nr, &learned));
    }
    if (!o->suspend_pages_given && learned.suspend_pages) {
        p->suspend_pages = learned.suspend_pages;
        p->suspend_pages_sd = learned.suspend_pages_sd;
    }
}

/* All curves, those of files first. Returns 0, or -1 as predict_read(). */
static int get_sources(struct predict_source *s, size_t *nr_r,
                       const struct predict_options *o, char *err)
{
    size_t max = XPC_EVACUATE_MAX - o->nr_domains, nr;
    int rc;

    *nr_r = 0;
    for (size_t i = 0; i < o->nr_files; i++) {
        rc = predict_read(&s[*nr_r], max - *nr_r, &nr, o->files[i], o, err);
        *nr_r += nr;
        if (rc)
            return -1;
    }
    if (!o->nr_domains)
        return 0;
    if (predict_measure(s + *nr_r, o, err))
        return -1;
    *nr_r += o->nr_domains;
    return 0;
}

/* ---- predictions ------------------------------------------------------ */

/* One for domains with the same options. */
static int compute(struct xpc_cells *cells, const struct predict_options *o,
                   const struct predict_source *s, size_t nr)
{
    struct xpc_domain domains[XPC_EVACUATE_MAX];
    struct xpc_cells_request request = {
        .domains = domains, .nr_domains = nr,
        .bandwidths = o->bandwidths, .nr_bandwidths = o->nr_bandwidths,
        .downtimes = o->downtimes, .nr_downtimes = o->nr_downtimes,
        .params = o->params, .advice = true,
        .methods = o->methods, .nr_methods = o->nr_methods,
        .channels = o->channels,
        .evacuate = nr > 1 && !o->no_evacuation,
        .evacuate_params = { .stream_bytes_per_s = o->stream_bytes_per_s,
                             .concurrency = o->concurrency },
    };

    for (size_t i = 0; i < nr; i++)
        domains[i] = (struct xpc_domain){
            .name = s[i].name, .curve = &s[i].curve,
            .phased = predict_phased(&s[i], o),
            .costs = s[i].costs, .nr_costs = s[i].nr_costs,
        };
    return xpc_cells_compute(cells, &request);
}

static int print_json(const struct xpc_cells *c)
{
    char *json = xpc_to_json(&xpc_cells_type, c, true);

    if (!json)
        return fail("out of memory");
    fputs(json, stdout);
    free(json);
    return 0;
}

/* Moves the results of one prediction behind those of others. */
static int append(struct xpc_cells *to, struct xpc_cells *from)
{
    size_t nr_cells = to->nr_cells + from->nr_cells;
    size_t nr_advice = to->nr_advice + from->nr_advice;
    struct xpc_cell_advice *advice;
    struct xpc_cell *cells;

    cells = realloc(to->cells, nr_cells * sizeof(*cells));
    if (!cells)
        return -1;
    to->cells = cells;
    advice = realloc(to->advice, (nr_advice + 1) * sizeof(*advice));
    if (!advice)
        return -1;
    to->advice = advice;
    memcpy(cells + to->nr_cells, from->cells,
           from->nr_cells * sizeof(*cells));
    memcpy(advice + to->nr_advice, from->advice,
           from->nr_advice * sizeof(*advice));
    to->nr_cells = nr_cells;
    to->nr_advice = nr_advice;
    from->nr_cells = from->nr_advice = 0;
    /* Only one for all domains together has any. */
    if (from->nr_plans) {
        to->plans = from->plans;
        to->nr_plans = from->nr_plans;
        from->plans = NULL;
        from->nr_plans = 0;
    }
    return 0;
}

/*
 * Predicts for domains that have the same options. With --json, the results are
 * added to all.
 */
static int predict(struct xpc_cells *all, const struct predict_options *o,
                   const struct predict_source *s, size_t nr)
{
    struct xpc_cells cells;
    char err[XPC_ERR_LEN];
    int rc = 0;

    xpc_cells_init(&cells);
    if (compute(&cells, o, s, nr))
        return fail("out of memory");
    if (!o->json)
        predict_print(stdout, &cells, o, s, nr);
    for (size_t i = 0; o->json && i < nr; i++)
        predict_print_warnings(stderr, "xl " COMMAND, &s[i]);
    for (size_t i = 0; !rc && o->plot && i < (o->plot_file ? 1 : nr); i++) {
        if (predict_plot(stdout, o, &s[i], err))
            rc = fail(err);
    }
    if (!rc && o->json && append(all, &cells))
        rc = fail("out of memory");
    xpc_cells_dispose(&cells);
    return rc;
}

/* Those of xl migrate for each domain. Returns 0, or -1. */
static int configure(struct predict_options *each,
                     const struct predict_options *o,
                     const struct conf_file *f,
                     const struct predict_source *s, size_t nr, char *err)
{
    size_t first = nr - o->nr_domains;      /* that is on this host */

    for (size_t i = 0; i < nr; i++) {
        memcpy(&each[i], o, sizeof(*o));
        if (predict_conf_apply(&each[i], f, s[i].name,
                               i < first ? NULL : o->domains[i - first], err))
            return -1;
    }
    return 0;
}

static bool are_same(const struct predict_options *each, size_t nr)
{
    for (size_t i = 1; i < nr; i++) {
        if (!predict_conf_same(&each[0], &each[i]))
            return false;
    }
    return true;
}

static int run_predictions(const struct predict_options *o,
                           const struct conf_file *f,
                           const struct predict_source *s, size_t nr)
{
    struct predict_options *each = calloc(nr + 1, sizeof(*each));
    char err[XPC_ERR_LEN] = "out of memory";
    struct xpc_cells all;
    size_t step = nr;
    int rc;

    xpc_cells_init(&all);
    rc = each ? configure(each, o, f, s, nr, err) ||
                predict_check_methods(o, nr, err) ? 2 : 0 : 1;
    if (rc) {
        fail(err);
        goto out;
    }
    if (!are_same(each, nr)) {
        step = 1;
        if (!o->no_evacuation)
            xl_message(COMMAND, "no plan, since the settings of the domains "
                       "differ: xl evacuate --dry-run makes one");
    }
    for (size_t i = 0; i < nr && !rc; i += step) {
        if (i && !o->json)
            putchar('\n');
        rc = predict(&all, &each[i], &s[i], step);
    }
    if (!rc && o->json)
        rc = print_json(&all);

 out:
    xpc_cells_dispose(&all);
    free(each);
    return rc;
}

/* ---- the command ------------------------------------------------------ */

static int run_when(struct predict_options *o, const struct conf_file *f)
{
    const char *domain = o->nr_domains ? o->domains[0] : NULL;
    char err[XPC_ERR_LEN];

    if (predict_conf_apply(o, f, domain, domain, err) ||
        predict_check_when(o, err)) {
        fail(err);
        return 2;
    }
    return predict_when(o);
}

static int run_command(struct predict_options *o, const struct conf_file *f)
{
    struct predict_source *sources;
    char err[XPC_ERR_LEN];
    size_t nr = 0;
    int rc;

    if (o->target)
        use_target(o);
    if (o->when)
        return run_when(o, f);
    sources = calloc(XPC_EVACUATE_MAX, sizeof(*sources));
    if (!sources)
        return fail("out of memory");
    rc = get_sources(sources, &nr, o, err) ? fail(err) :
         run_predictions(o, f, sources, nr);
    for (size_t i = 0; i < nr; i++)
        predict_source_dispose(&sources[i]);
    free(sources);
    return rc;
}

int cmd_migrate_predict(int argc, char **argv)
{
    struct predict_options o;
    char err[XPC_ERR_LEN];
    struct conf_file f;
    int rc;

    rc = predict_parse_options(argc, argv, &o, err);
    if (rc > 0) {
        xl_help(&predict_usage, stdout);
        return 0;
    }
    if (rc) {
        fail(err);
        return 2;
    }
    if (conf_load(&f, NULL, err)) {
        fail(err);
        rc = 2;
    } else {
        rc = run_command(&o, &f);
    }
    conf_dispose(&f);
    return rc;
}
