/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "core/option.h"
#include "core/params.h"

/* One day. Longer times are mistakes, and sums can't overflow. */
#define LONGEST_NS (UINT64_C(86400) * XPC_S)

void xpc_params_init(struct xpc_params *p)
{
    *p = (struct xpc_params){
        .policy = XPC_POLICY_LIMIT,
        .downtime_ns = XPC_DEFAULT_DOWNTIME_NS,
        .on_timeout = XPC_ON_TIMEOUT_ABORT,
        .confidence_percent = XPC_DEFAULT_CONFIDENCE_PERCENT,
        .skip_dirty = XPC_SKIP_DIRTY_ON,
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

/* A complaint, and the set of the options that it is about. */
struct complaint {
    unsigned int *conflict_r;
    char *err;
    size_t len;
};

#define BIT(id) XPC_OPTION_BIT(XPC_OPT_##id)

static int complain(const struct complaint *c, unsigned int conflict,
                    const char *text)
{
    *c->conflict_r = conflict;
    snprintf(c->err, c->len, "%s", text);
    errno = EINVAL;
    return -1;
}

/* Checks the rates, for any policy. */
static int check_rates(const struct xpc_params *p, const struct complaint *c)
{
    if (p->switchover == XPC_SWITCHOVER_KEPT && !p->max_bytes_per_s)
        return complain(c, BIT(SWITCHOVER_BANDWIDTH) | BIT(MAX_BANDWIDTH),
                        "switchover-bandwidth kept needs a maximum "
                        "bandwidth: what is to be kept?");
    if (p->switchover == XPC_SWITCHOVER_RATE && !p->switchover_bytes_per_s)
        return complain(c, BIT(SWITCHOVER_BANDWIDTH),
                        "switchover-bandwidth needs a rate: nothing would "
                        "ever arrive");
    return 0;
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

static int check_channels(const struct xpc_params *p,
                          const struct complaint *c)
{
    if (!p->channels || p->channels > XPC_CHANNELS_MAX)
        return complain(c, BIT(CHANNELS), "there can be 1 to 16 channels");
    if (p->compress_level > xpc_compress_level_max(p->compress))
        return complain(c, BIT(COMPRESS), p->compress == XPC_COMPRESS_OFF ?
                        "a level of compression needs a compression" :
                        p->compress == XPC_COMPRESS_AUTO ?
                        "compression auto chooses the level, too" :
                        "the level of compression can be 19 at most with "
                        "zstd, 12 with lz4");
    return 0;
}

bool xpc_params_over_channels(const struct xpc_params *p)
{
    return p->channels > 1 || p->compress != XPC_COMPRESS_OFF;
}

/* Parameters are passed as JSON, and its readers accept no larger numbers. */
static int check_numbers(const struct xpc_params *p,
                         const struct complaint *c)
{
    const struct { uint64_t value; unsigned int bit; } t[] = {
        { p->iterations, BIT(ITERATIONS) },
        { p->threshold_pages, BIT(THRESHOLD) },
        { p->bandwidth_bytes_per_s, BIT(BANDWIDTH) },
        { p->max_bytes_per_s, BIT(MAX_BANDWIDTH) },
        { p->switchover_bytes_per_s, BIT(SWITCHOVER_BANDWIDTH) },
    };

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        if (t[i].value > INT64_MAX)
            return complain(c, t[i].bit, "a number of 2^63 or more is none "
                            "that a migration can have");
    }
    return 0;
}

static int check_times(const struct xpc_params *p, const struct complaint *c)
{
    const struct { uint64_t value; unsigned int bit; } t[] = {
        { p->downtime_ns, BIT(DOWNTIME) },
        { p->max_downtime_ns, BIT(MAX_DOWNTIME) },
        { p->duration_ns, BIT(DURATION) },
        { p->overhead_ns, BIT(OVERHEAD) },
        { p->learned.overhead_ns, 0 },
    };

    if (!p->downtime_ns)
        return complain(c, BIT(DOWNTIME), "a downtime limit of 0 can't be "
                        "met: suspending alone takes time");
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        if (t[i].value > LONGEST_NS)
            return complain(c, t[i].bit, "a time over 24 h is not a limit: "
                            "leave the duration out for none");
    }
    return 0;
}

/* What only the limit policy uses. */
static int check_limits(const struct xpc_params *p, const struct complaint *c)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], text[256];

    if (check_times(p, c))
        return -1;
    if (p->max_downtime_ns && p->max_downtime_ns < p->downtime_ns) {
        snprintf(text, sizeof(text), "the maximum downtime, %s, is below the "
                 "downtime limit, %s: raise the one or lower the other",
                 xpc_format_time(a, p->max_downtime_ns),
                 xpc_format_time(b, p->downtime_ns));
        return complain(c, BIT(MAX_DOWNTIME) | BIT(DOWNTIME), text);
    }
    if (p->on_timeout == XPC_ON_TIMEOUT_SUSPEND && !p->max_downtime_ns)
        return complain(c, BIT(ON_TIMEOUT) | BIT(MAX_DOWNTIME), "on-timeout "
                        "suspend needs a maximum downtime: how long may the "
                        "guest stand still at worst?");
    if (p->slow_down_percent > 99)
        return complain(c, BIT(SLOW_DOWN), "at most 99 percent of its CPU time "
                        "can be taken from a guest");
    if (p->confidence_percent < 50 || p->confidence_percent > 99)
        return complain(c, BIT(CONFIDENCE), "the confidence must be 50 to 99 "
                        "percent");
    return 0;
}

int xpc_options_check(const struct xpc_params *p, unsigned int *conflict_r,
                      char *err, size_t len)
{
    const struct complaint c = { conflict_r, err, len };

    if (check_numbers(p, &c) || check_rates(p, &c) || check_channels(p, &c))
        return -1;
    if (p->notify_ns > XPC_NOTIFY_MAX_NS)
        return complain(&c, BIT(NOTIFY), "notify can be 60 s at most: so long "
                        "would a migration wait for a guest that does not "
                        "answer");
    return p->policy == XPC_POLICY_STOCK ? 0 : check_limits(p, &c);
}

int xpc_params_check(const struct xpc_params *p, char *err, size_t len)
{
    unsigned int conflict;

    return xpc_options_check(p, &conflict, err, len);
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
    free(r->sources);
    free(r->compress);
    free(r->iterations);
    memset(r, 0, sizeof(*r));
}
