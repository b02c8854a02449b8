/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

/* One day. Longer times are mistakes, and sums can't overflow. */
#define LONGEST_NS (UINT64_C(86400) * XPC_S)

void xpc_params_init(struct xpc_params *p)
{
    *p = (struct xpc_params){
        .policy = XPC_POLICY_LIMIT,
        .downtime_ns = XPC_DEFAULT_DOWNTIME_NS,
        .on_timeout = XPC_ON_TIMEOUT_ABORT,
        .confidence_percent = XPC_DEFAULT_CONFIDENCE_PERCENT,
        .channels = 1,
    };
}

/* At least this share of the cap: the cap limited the rate, not the link. */
#define NEAR_CAP 0.9
/* More than this share of the cap: it was sent under an earlier cap. */
#define OVER_CAP 1.1

uint64_t xpc_params_switchover_cap(const struct xpc_params *p)
{
    switch (p->switchover) {
    case XPC_SWITCHOVER_KEPT: return p->max_bytes_per_s;
    case XPC_SWITCHOVER_RATE: return p->switchover_bytes_per_s;
    default:                  return 0;
    }
}

bool xpc_params_at_cap(const struct xpc_params *p, uint64_t bytes_per_s)
{
    return p->max_bytes_per_s &&
           bytes_per_s >= NEAR_CAP * p->max_bytes_per_s &&
           bytes_per_s <= OVER_CAP * p->max_bytes_per_s;
}

bool xpc_params_held_back(const struct xpc_params *p, uint64_t bytes_per_s)
{
    uint64_t cap = xpc_params_switchover_cap(p);

    return xpc_params_at_cap(p, bytes_per_s) &&
           (!cap || cap > p->max_bytes_per_s);
}

uint64_t xpc_params_max_downtime(const struct xpc_params *p)
{
    return p->max_downtime_ns ? p->max_downtime_ns : p->downtime_ns;
}

uint64_t xpc_guest_id(const uint8_t uuid[16])
{
    return XXH64(uuid, 16, 0) % XPC_GUEST_ID_MAX + 1;
}

uint64_t xpc_guest_overhead(const struct xpc_guest *g)
{
    return (g->device_model == XPC_DEVICE_MODEL_NO ?
            XPC_DEFAULT_OVERHEAD_NS : XPC_DEVICE_MODEL_OVERHEAD_NS) +
           g->devices * XPC_DEVICE_OVERHEAD_NS;
}

bool xpc_guest_alike(const struct xpc_guest *a, const struct xpc_guest *b)
{
    return a->device_model == b->device_model ||
           a->device_model == XPC_DEVICE_MODEL_UNKNOWN ||
           b->device_model == XPC_DEVICE_MODEL_UNKNOWN;
}

uint64_t xpc_guest_learned_overhead(const struct xpc_guest *g,
                                    const struct xpc_guest *from,
                                    uint64_t overhead_ns)
{
    uint64_t least = xpc_guest_overhead(g);

    if (g->devices > from->devices)
        overhead_ns += (g->devices - from->devices) * XPC_DEVICE_OVERHEAD_NS;
    if (g->device_model == from->device_model &&
        g->device_model != XPC_DEVICE_MODEL_UNKNOWN)
        return overhead_ns;
    return overhead_ns > least ? overhead_ns : least;
}

void xpc_params_prior(const struct xpc_params *p, struct xpc_prior *prior)
{
    const struct xpc_prior *l = &p->learned;
    bool alike = xpc_guest_alike(&p->guest, &l->guest);
    uint64_t overhead = p->overhead_ns ? p->overhead_ns :
                                         xpc_guest_overhead(&p->guest);

    *prior = (struct xpc_prior){
        .guest = p->guest,
        .overhead_ns = overhead,
        .overhead_sd_ns = XPC_UNKNOWN_CV * overhead,
        .suspend_pages = XPC_DEFAULT_SUSPEND_PAGES,
        .suspend_pages_sd = XPC_UNKNOWN_CV * XPC_DEFAULT_SUSPEND_PAGES,
    };
    if (!p->overhead_ns && l->overhead_ns && alike) {
        prior->overhead_ns = xpc_guest_learned_overhead(&p->guest, &l->guest,
                                                        l->overhead_ns);
        prior->overhead_sd_ns = l->overhead_sd_ns;
    }
    prior->start_ns = l->start_ns && alike ? l->start_ns :
                                             prior->overhead_ns / 4;
    if (l->suspend_pages && alike) {
        prior->suspend_pages = l->suspend_pages;
        prior->suspend_pages_sd = l->suspend_pages_sd;
    }
}

static int complain(char *err, size_t len, const char *text)
{
    snprintf(err, len, "%s", text);
    errno = EINVAL;
    return -1;
}

/* Checks the rates, for any policy. Returns a message, or NULL. */
static const char *bad_rate(const struct xpc_params *p)
{
    if (p->switchover == XPC_SWITCHOVER_KEPT && !p->max_bytes_per_s)
        return "switchover-bandwidth kept needs a maximum bandwidth: what is "
               "to be kept?";
    if (p->switchover == XPC_SWITCHOVER_RATE && !p->switchover_bytes_per_s)
        return "switchover-bandwidth needs a rate: nothing would ever arrive";
    return NULL;
}

/* The highest useful levels of the libraries: others are only slower. */
uint64_t xpc_compress_level_max(enum xpc_compress compress)
{
    switch (compress) {
    case XPC_COMPRESS_ZSTD: return 19;
    case XPC_COMPRESS_LZ4:  return 12;
    default:                return 0;
    }
}

static const char *bad_channels(const struct xpc_params *p)
{
    if (!p->channels || p->channels > XPC_CHANNELS_MAX)
        return "there can be 1 to 16 channels";
    if (p->compress_level > xpc_compress_level_max(p->compress))
        return p->compress == XPC_COMPRESS_OFF ?
               "a level of compression needs a compression" :
               "the level of compression can be 19 at most with zstd, 12 "
               "with lz4";
    return NULL;
}

/* Parameters are passed as JSON, and its readers accept no larger numbers. */
static bool beyond_json(const struct xpc_params *p)
{
    return (p->iterations | p->threshold_pages | p->bandwidth_bytes_per_s |
            p->max_bytes_per_s | p->switchover_bytes_per_s) > INT64_MAX;
}

bool xpc_params_over_channels(const struct xpc_params *p)
{
    return p->channels > 1 || p->compress != XPC_COMPRESS_OFF;
}

int xpc_params_check(const struct xpc_params *p, char *err, size_t len)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], text[256];

    if (beyond_json(p))
        return complain(err, len, "a number of 2^63 or more is none that a "
                        "migration can have");
    if (bad_rate(p))
        return complain(err, len, bad_rate(p));
    if (bad_channels(p))
        return complain(err, len, bad_channels(p));
    if (p->policy == XPC_POLICY_STOCK)
        return 0;
    if (!p->downtime_ns)
        return complain(err, len, "a downtime limit of 0 can't be met: "
                        "suspending alone takes time");
    if (p->downtime_ns > LONGEST_NS || p->max_downtime_ns > LONGEST_NS ||
        p->duration_ns > LONGEST_NS || p->overhead_ns > LONGEST_NS ||
        p->learned.overhead_ns > LONGEST_NS)
        return complain(err, len, "a time over 24 h is not a limit: leave "
                        "the duration out for none");
    if (p->max_downtime_ns && p->max_downtime_ns < p->downtime_ns) {
        snprintf(text, sizeof(text), "the maximum downtime, %s, is below the "
                 "downtime limit, %s: raise the one or lower the other",
                 xpc_format_time(a, p->max_downtime_ns),
                 xpc_format_time(b, p->downtime_ns));
        return complain(err, len, text);
    }
    if (p->on_timeout == XPC_ON_TIMEOUT_SUSPEND && !p->max_downtime_ns)
        return complain(err, len, "on-timeout suspend needs a maximum "
                        "downtime: how long may the guest stand still at "
                        "worst?");
    if (p->confidence_percent < 50 || p->confidence_percent > 99)
        return complain(err, len, "the confidence must be 50 to 99 percent");
    return 0;
}

void xpc_report_init(struct xpc_report *r)
{
    memset(r, 0, sizeof(*r));
    r->version = 1;
    r->outcome = XPC_OUTCOME_FAILED;
    xpc_params_init(&r->params);
}

uint64_t xpc_report_wire_rate(const struct xpc_report *r,
                              uint64_t bytes_per_s)
{
    if (!r->wire_bytes || !r->total_bytes)
        return bytes_per_s;
    return (double)bytes_per_s * r->wire_bytes / r->total_bytes;
}

void xpc_report_dispose(struct xpc_report *r)
{
    free(r->reason);
    free(r->text);
    free(r->domain);
    free(r->target);
    free(r->iterations);
    memset(r, 0, sizeof(*r));
}
