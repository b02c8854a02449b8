/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Predicts whether migrations fit, and what would make them fit. */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>

#include "common/xl_common.h"
#include "history/xl_history.h"
#include "predict/xl_migrate_predict.h"
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
    if (!o->overhead_given) {
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

static int print_json(const struct xpc_cells *c)
{
    char *json = xpc_to_json(&xpc_cells_type, c, true);

    if (!json)
        return fail("out of memory");
    fputs(json, stdout);
    free(json);
    return 0;
}

static int run_prediction(const struct predict_options *o,
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
    struct xpc_cells cells;
    char err[XPC_ERR_LEN];
    int rc = 0;

    if (predict_check_methods(o, nr, err)) {
        fail(err);
        return 2;
    }
    for (size_t i = 0; i < nr; i++)
        domains[i] = (struct xpc_domain){
            .name = s[i].name, .curve = &s[i].curve,
            .costs = s[i].costs, .nr_costs = s[i].nr_costs,
        };
    xpc_cells_init(&cells);
    if (xpc_cells_compute(&cells, &request))
        return fail("out of memory");
    for (size_t i = 0; o->json && i < nr; i++)
        predict_print_warnings(stderr, "xl " COMMAND, &s[i]);
    if (o->json)
        rc = print_json(&cells);
    else
        predict_print(stdout, &cells, o, s, nr);
    for (size_t i = 0; !rc && o->plot && i < (o->plot_file ? 1 : nr); i++) {
        if (predict_plot(stdout, o, &s[i], err))
            rc = fail(err);
    }
    xpc_cells_dispose(&cells);
    return rc;
}

int cmd_migrate_predict(int argc, char **argv)
{
    struct predict_source *sources;
    struct predict_options o;
    char err[XPC_ERR_LEN];
    size_t nr = 0;
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
    if (o.target)
        use_target(&o);
    if (o.when)
        return predict_when(&o);
    sources = calloc(XPC_EVACUATE_MAX, sizeof(*sources));
    if (!sources)
        return fail("out of memory");
    rc = get_sources(sources, &nr, &o, err) ? fail(err) :
                                              run_prediction(&o, sources, nr);
    for (size_t i = 0; i < nr; i++)
        predict_source_dispose(&sources[i]);
    free(sources);
    if (!rc && (fflush(stdout) || ferror(stdout)))
        rc = fail("standard output can't be written");
    return rc;
}
