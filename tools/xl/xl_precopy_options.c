/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of the policy, wherever they are taken.
 */
#include <string.h>

#include "xl_options.h"
#include "xpc_types.h"

static const struct option options[] = { XL_PRECOPY_OPTIONS, { 0 } };

int xl_parse_precopy(int opt, struct xpc_params *p, unsigned int *given,
                     char *err)
{
    const char *name = xl_option_name(options, opt);

    *given |= 1u << (opt - XL_OPT_PRECOPY);
    switch (opt) {
    case XL_OPT_DURATION:
        return xl_parse_time(name, optarg, &p->duration_ns, err);
    case XL_OPT_DOWNTIME:
        return xl_parse_limit(name, optarg, &p->downtime_ns, err);
    case XL_OPT_MAX_DOWNTIME:
        return xl_parse_limit(name, optarg, &p->max_downtime_ns, err);
    case XL_OPT_BANDWIDTH:
        p->bandwidth_bytes_per_s = 0;
        return !strcmp(optarg, "auto") ? 0 :
               xl_parse_bandwidth(name, optarg, &p->bandwidth_bytes_per_s,
                                  err);
    case XL_OPT_ON_TIMEOUT:
        return xl_parse_word(name, optarg, xpc_on_timeout_names,
                             &p->on_timeout, err);
    case XL_OPT_ITERATIONS:
        return xl_parse_count(name, optarg, 1, UINT64_MAX, &p->iterations,
                              err);
    case XL_OPT_THRESHOLD:
        return xl_parse_count(name, optarg, 1, UINT64_MAX,
                              &p->threshold_pages, err);
    case XL_OPT_OVERHEAD:
        return xl_parse_limit(name, optarg, &p->overhead_ns, err);
    case XL_OPT_CONFIDENCE:
        return xl_parse_count(name, optarg, 50, 99, &p->confidence_percent,
                              err);
    case XL_OPT_EARLY_ABORT:
        return xl_parse_word(name, optarg, xpc_early_abort_names,
                             &p->early_abort, err);
    case XL_OPT_STRICT:
        p->strict = XPC_STRICT_ON;
        return !optarg ? 0 : xl_parse_word(name, optarg, xpc_strict_names,
                                           &p->strict, err);
    default:
        return xl_parse_word(name, optarg, xpc_policy_names, &p->policy, err);
    }
}

int xl_check_precopy(const struct xpc_params *p, unsigned int given,
                     char *err)
{
    static const int limits[] = {
        XL_OPT_DURATION, XL_OPT_DOWNTIME, XL_OPT_MAX_DOWNTIME,
        XL_OPT_ON_TIMEOUT, XL_OPT_STRICT,
    };
    size_t i;

    if (p->policy != XPC_POLICY_STOCK)
        return 0;
    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (given & 1u << (limits[i] - XL_OPT_PRECOPY))
            return xl_bad(err, "--%s has no effect with --precopy-policy=stock:"
                          " leave one of them out",
                          xl_option_name(options, limits[i]));
    }
    return 0;
}
