/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library's policy, called as the plug-in calls it. */
#include <xenprecopy/units.h>

#include "core/preflight.h"
#include "sim.h"

static int decide(struct sim_state *s, const struct sim_seen *seen,
                  const struct xpc_observation *o)
{
    struct xpc_dirty_count samples[SIM_SAMPLES];
    struct xpc_observation with_samples = *o;

    for (size_t i = 0; i < seen->nr_samples; i++)
        samples[i] = (struct xpc_dirty_count){ seen->samples[i].t_ns,
                                               seen->samples[i].pages };
    with_samples.samples = samples;
    with_samples.nr_samples = seen->nr_samples;
    with_samples.since_clean_ns = seen->since_clean_ns;
    return xpc_engine_decide(&s->engine, &with_samples, &s->last);
}

/* Longer than any downtime here. */
#define NO_MAXIMUM (3600 * XPC_S)

static int begin(struct sim_state *s, const struct sim_case *c)
{
    char err[512];

    xpc_params_init(&s->params);
    s->params.skip_dirty = s->skip_dirty;
    s->params.lulls = s->lulls;
    s->params.slow_down_percent = s->slow_down_percent;
    s->params.downtime_ns = c->limit_ns;
    s->params.duration_ns = c->duration_ns;
    s->params.bandwidth_bytes_per_s = c->given_bytes_per_s;
    if (c->confidence_percent)
        s->params.confidence_percent = c->confidence_percent;
    s->params.on_timeout = c->on_timeout;
    if (c->on_timeout == XPC_ON_TIMEOUT_SUSPEND)
        s->params.max_downtime_ns = NO_MAXIMUM;
    s->params.guest.device_model = XPC_DEVICE_MODEL_NO;
    s->params.learned = (struct xpc_prior){
        .guest = s->params.guest,
        .overhead_ns = c->prior.overhead_ns,
        .overhead_sd_ns = c->prior.overhead_sd_ns,
        .suspend_pages = c->prior.suspend_pages,
        .suspend_pages_sd = c->prior.suspend_pages_sd,
    };
    if (xpc_params_check(&s->params, err, sizeof(err)) ||
        xpc_engine_preflight(&s->params, c->total_pages, err, sizeof(err)))
        return -1;
    xpc_engine_init(&s->engine, &s->params, c->total_pages, 0);
    return 0;
}

int sim_ours_begin(struct sim_state *s, const struct sim_case *c)
{
    s->skip_dirty = XPC_SKIP_DIRTY_ON;
    s->lulls = XPC_LULLS_ON;
    return begin(s, c);
}

int sim_plain_begin(struct sim_state *s, const struct sim_case *c)
{
    s->skip_dirty = XPC_SKIP_DIRTY_OFF;
    s->lulls = XPC_LULLS_OFF;
    return begin(s, c);
}

/* The most CPU time that is taken from a guest. */
#define SLOW_DOWN_PERCENT 40

int sim_slow_begin(struct sim_state *s, const struct sim_case *c)
{
    s->slow_down_percent = SLOW_DOWN_PERCENT;
    return sim_ours_begin(s, c);
}

int sim_ours_decide(struct sim_state *s, const struct sim_case *c,
                    const struct sim_seen *seen, uint64_t *predicted_ns)
{
    struct xpc_observation o = {
        .now_ns = seen->end_ns,
        .dirty_pages = seen->dirty_pages,
        .pages_sent = seen->pages_sent,
        .bytes_sent = seen->bytes_sent,
        .skipped_pages = seen->skipped_pages,
        .flow_bytes = seen->bytes_sent,
        .flow_ns = seen->end_ns - seen->start_ns - SIM_ITERATION_NS,
        .cpu_percent = seen->cpu_percent,
        .working_set = seen->working_set,
    };
    int action = decide(s, seen, &o);

    (void)c;
    *predicted_ns = s->last.decision.predicted_downtime_ns;
    return action;
}
