/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <xenprecopy/units.h>

#include "core/link.h"
#include "core/preflight.h"

/* The shrinking of struct xpc_rule: rounds of a real guest vary. */
#define LIVE_SHRINKING 0.95

uint64_t xpc_engine_pfns(const struct xpc_params *p, uint64_t total_pages)
{
    return p->guest.pfns ? p->guest.pfns : total_pages;
}

void xpc_engine_predict_params(struct xpc_predict_params *pp,
                               const struct xpc_params *p,
                               uint64_t total_pages)
{
    uint64_t pfns = xpc_engine_pfns(p, total_pages);
    struct xpc_prior prior;

    xpc_params_prior(p, &prior);
    xpc_predict_params_init(pp, xpc_link_stated(p, p->max_bytes_per_s),
                            p->downtime_ns);
    pp->switchover_bytes_per_s =
        xpc_link_stated(p, xpc_params_switchover_cap(p));
    xpc_rule_from_params(&pp->rule, p);
    pp->rule.shrinking = LIVE_SHRINKING;
    pp->rule.gain = XPC_LIVE_GAIN;
    pp->bitmap_ns = xpc_predict_bitmap_ns(pfns);
    pp->overhead_ns = prior.overhead_ns;
    pp->suspend_pages = prior.suspend_pages;
    pp->confidence_z = xpc_confidence_z(p->confidence_percent);
    pp->bandwidth_cv = XPC_BANDWIDTH_CV_MIN;
    pp->overhead_sd_ns = prior.overhead_sd_ns;
    pp->suspend_pages_sd = prior.suspend_pages_sd;
    pp->skip_dirty = p->skip_dirty == XPC_SKIP_DIRTY_ON;
    pp->peek_ns = xpc_skip_peek_ns(pfns);
}

/* A clause that says where the switchover overhead comes from, or "". */
static const char *overhead_source(const struct xpc_params *p)
{
    if (p->overhead_ns)
        return "";
    if (p->learned.overhead_ns &&
        xpc_guest_alike(&p->guest, &p->learned.guest))
        return p->learned.at_least_ns ? ", by a switchover to this target "
               "that was broken off" : ", by earlier migrations to this "
               "target";
    return p->guest.device_model == XPC_DEVICE_MODEL_NO ? "" :
           ", as is assumed of a guest with a device model";
}

/*
 * Checks that the switchover alone, with only the pages to send that suspending
 * dirties, is within the maximum downtime. An unknown bandwidth is taken as
 * unlimited. Returns false with a line in err if not.
 */
static bool switchover_fits(const struct xpc_params *p,
                            const struct xpc_predict_params *known, char *err,
                            size_t len)
{
    uint64_t max = xpc_params_max_downtime(p), cautious;
    struct xpc_predict_params pp = *known;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN];

    if (!pp.switchover_bytes_per_s)
        pp.switchover_bytes_per_s = UINT64_MAX;
    cautious = xpc_predict_cautious(&pp, 0, 0);
    if (cautious <= max)
        return true;
    snprintf(err, len, "a downtime of %s can't be met: the switchover alone "
             "takes %s, and %s with the margin for %"PRIu64"%%%s; allow at "
             "least that, or state a switchover overhead that you measured",
             xpc_format_time(a, max),
             xpc_format_time(b, xpc_predict_switchover(&pp, 0, 0)),
             xpc_format_time(c, cautious), p->confidence_percent,
             overhead_source(p));
    return false;
}

int xpc_engine_preflight(const struct xpc_params *p, uint64_t total_pages,
                         char *err, size_t len)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN];
    struct xpc_predict_params pp;

    if (p->policy == XPC_POLICY_STOCK)
        return 0;
    xpc_engine_predict_params(&pp, p, total_pages);
    errno = EINVAL;
    if (!switchover_fits(p, &pp, err, len))
        return -1;
    /* The compression ratio of the first copy is not known yet. */
    if (!pp.bandwidth_bytes_per_s || p->compress != XPC_COMPRESS_OFF)
        return 0;
    if (pp.bandwidth_bytes_per_s < xpc_predict_first_rate(&pp, total_pages)) {
        snprintf(err, len, "a precopy duration of %s can't be met: the first "
                 "copy alone takes %s at %s", xpc_format_time(a,
                 p->duration_ns), xpc_format_time(b,
                 xpc_predict_send_ns(&pp, total_pages)),
                 xpc_format_bandwidth(c, pp.bandwidth_bytes_per_s));
        return -1;
    }
    return 0;
}

void xpc_engine_settled(struct xpc_params *to, const struct xpc_params *now)
{
    to->once = now->once;
    to->guest = now->guest;
    to->learned = now->learned;
}

int xpc_engine_check_change(const struct xpc_params *now,
                            const struct xpc_params *to, char *err,
                            size_t len)
{
    if (to->policy != now->policy) {
        snprintf(err, len, "the policy can't be changed while the migration "
                 "runs: cancel it and begin another");
        errno = EINVAL;
        return -1;
    }
    if (to->zero_pages != now->zero_pages) {
        snprintf(err, len, "how zero pages are sent can't be changed while "
                 "the migration runs: which were sent is not known later");
        errno = EINVAL;
        return -1;
    }
    if (to->skip_dirty != now->skip_dirty) {
        snprintf(err, len, "whether pages that are dirty again are left out "
                 "can't be changed while the migration runs");
        errno = EINVAL;
        return -1;
    }
    if (to->channels != now->channels || to->compress != now->compress ||
        to->compress_level != now->compress_level) {
        snprintf(err, len, "the channels and their compression can't be "
                 "changed while the migration runs: they are open already");
        errno = EINVAL;
        return -1;
    }
    if (xpc_params_check(to, err, len))
        return -1;
    /* It is unknown how much of the first copy is done: assume all of it. */
    return xpc_engine_preflight(to, 0, err, len);
}
