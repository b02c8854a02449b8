/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/compress.h>

#include "core/names.h"
#include "core/option.h"
#include "core/value.h"

#define NAME(id, name) [XPC_OPT_##id] = name,
static const char *const names[] = { XPC_OPTIONS(NAME) };
#undef NAME

_Static_assert(XPC_NR_OPTIONS < 32, "a set is an unsigned int");

const char *xpc_option_name(enum xpc_option opt)
{
    return names[opt];
}

int xpc_option_find(const char *name)
{
    for (int i = 0; i < XPC_NR_OPTIONS; i++) {
        if (!strcmp(names[i], name))
            return i;
    }
    return -1;
}

/* ---- parsing ----------------------------------------------------------- */

static int parse_switchover(const char *s, struct xpc_params *p, char *why)
{
    uint64_t rate = 0;
    int i;

    for (i = XPC_SWITCHOVER_LIFTED; i <= XPC_SWITCHOVER_KEPT; i++) {
        if (!strcmp(s, xpc_switchover_names[i]))
            break;
    }
    if (i == XPC_SWITCHOVER_RATE && xpc_parse_bandwidth(s, &rate))
        return xpc_value_bad(why, "lifted, kept or a bandwidth such as "
                             "100Mbit is needed");
    p->switchover = i;
    p->switchover_bytes_per_s = rate;
    return 0;
}

static int parse_compress(const char *s, struct xpc_params *p, char *why)
{
    struct xpc_compress_method m;

    if (xpc_compress_parse(s, &m, why))
        return -1;
    p->compress = m.compress;
    p->compress_level = m.level;
    return 0;
}

static int parse_slow_down(const char *s, struct xpc_params *p, char *why)
{
    uint64_t percent = 0;
    char number[8];

    snprintf(number, sizeof(number), "%s", s);
    /* "40%" as well as "40". */
    if (strlen(s) < sizeof(number) && strchrnul(number, '%')[0] &&
        !strchr(number, '%')[1])
        *strchr(number, '%') = 0;
    if (strcmp(s, "off") &&
        (strlen(s) >= sizeof(number) || xpc_parse_count(number, &percent) ||
         !percent || percent > 99))
        return xpc_value_bad(why, "off or 1 to 99 percent is accepted");
    p->slow_down_percent = percent;
    return 0;
}

/* The longest wait for the guest, or off. */
static int parse_notify(const char *s, struct xpc_params *p, char *why)
{
    if (!strcmp(s, "off")) {
        p->notify_ns = 0;
        return 0;
    }
    return xpc_value_limit(s, &p->notify_ns, why);
}

int xpc_option_parse(enum xpc_option opt, const char *s,
                     struct xpc_params *p, char why[XPC_ERR_LEN])
{
    switch (opt) {
    case XPC_OPT_DURATION:
        return xpc_value_time(s, &p->duration_ns, why);
    case XPC_OPT_DOWNTIME:
        return xpc_value_limit(s, &p->downtime_ns, why);
    case XPC_OPT_MAX_DOWNTIME:
        return xpc_value_limit(s, &p->max_downtime_ns, why);
    case XPC_OPT_BANDWIDTH:
        return xpc_value_bandwidth_or("auto", s, &p->bandwidth_bytes_per_s,
                                      why);
    case XPC_OPT_ON_TIMEOUT:
        return xpc_value_word(s, xpc_on_timeout_names, &p->on_timeout, why);
    case XPC_OPT_ITERATIONS:
        return xpc_value_count(s, 1, INT64_MAX, &p->iterations, why);
    case XPC_OPT_THRESHOLD:
        return xpc_value_count(s, 1, INT64_MAX, &p->threshold_pages, why);
    case XPC_OPT_OVERHEAD:
        return xpc_value_limit(s, &p->overhead_ns, why);
    case XPC_OPT_CONFIDENCE:
        return xpc_value_confidence(s, &p->confidence_percent, why);
    case XPC_OPT_EARLY_ABORT:
        return xpc_value_word(s, xpc_early_abort_names, &p->early_abort, why);
    case XPC_OPT_STRICT:
        return xpc_value_word(s, xpc_strict_names, &p->strict, why);
    case XPC_OPT_ZERO_PAGES:
        return xpc_value_word(s, xpc_zero_pages_names, &p->zero_pages, why);
    case XPC_OPT_MAX_BANDWIDTH:
        return xpc_value_bandwidth_or("none", s, &p->max_bytes_per_s, why);
    case XPC_OPT_SWITCHOVER_BANDWIDTH:
        return parse_switchover(s, p, why);
    case XPC_OPT_CHANNELS:
        return xpc_value_count(s, 1, XPC_CHANNELS_MAX, &p->channels, why);
    case XPC_OPT_COMPRESS:
        return parse_compress(s, p, why);
    case XPC_OPT_SKIP_DIRTY:
        return xpc_value_word(s, xpc_skip_dirty_names, &p->skip_dirty, why);
    case XPC_OPT_LULLS:
        return xpc_value_word(s, xpc_lulls_names, &p->lulls, why);
    case XPC_OPT_SLOW_DOWN:
        return parse_slow_down(s, p, why);
    case XPC_OPT_NOTIFY:
        return parse_notify(s, p, why);
    default:
        return xpc_value_word(s, xpc_policy_names, &p->policy, why);
    }
}

/* ---- members ----------------------------------------------------------- */

struct member {
    size_t offset, size;
};

#define MEMBER(m) { offsetof(struct xpc_params, m), \
                    sizeof(((struct xpc_params *)0)->m) }
static const struct member members[XPC_NR_OPTIONS][2] = {
    [XPC_OPT_DURATION]      = { MEMBER(duration_ns) },
    [XPC_OPT_DOWNTIME]      = { MEMBER(downtime_ns) },
    [XPC_OPT_MAX_DOWNTIME]  = { MEMBER(max_downtime_ns) },
    [XPC_OPT_BANDWIDTH]     = { MEMBER(bandwidth_bytes_per_s) },
    [XPC_OPT_ON_TIMEOUT]    = { MEMBER(on_timeout) },
    [XPC_OPT_ITERATIONS]    = { MEMBER(iterations) },
    [XPC_OPT_THRESHOLD]     = { MEMBER(threshold_pages) },
    [XPC_OPT_POLICY]        = { MEMBER(policy) },
    [XPC_OPT_OVERHEAD]      = { MEMBER(overhead_ns) },
    [XPC_OPT_CONFIDENCE]    = { MEMBER(confidence_percent) },
    [XPC_OPT_EARLY_ABORT]   = { MEMBER(early_abort) },
    [XPC_OPT_STRICT]        = { MEMBER(strict) },
    [XPC_OPT_ZERO_PAGES]    = { MEMBER(zero_pages) },
    [XPC_OPT_MAX_BANDWIDTH] = { MEMBER(max_bytes_per_s) },
    [XPC_OPT_SWITCHOVER_BANDWIDTH] = { MEMBER(switchover),
                                       MEMBER(switchover_bytes_per_s) },
    [XPC_OPT_CHANNELS]      = { MEMBER(channels) },
    [XPC_OPT_COMPRESS]      = { MEMBER(compress), MEMBER(compress_level) },
    [XPC_OPT_SKIP_DIRTY]    = { MEMBER(skip_dirty) },
    [XPC_OPT_LULLS]         = { MEMBER(lulls) },
    [XPC_OPT_SLOW_DOWN]     = { MEMBER(slow_down_percent) },
    [XPC_OPT_NOTIFY]        = { MEMBER(notify_ns) },
};

void xpc_option_copy(enum xpc_option opt, struct xpc_params *to,
                     const struct xpc_params *from)
{
    for (int i = 0; i < 2; i++) {
        const struct member *m = &members[opt][i];

        memcpy((char *)to + m->offset, (const char *)from + m->offset,
               m->size);
    }
}

bool xpc_option_shares(enum xpc_option opt, const struct xpc_params *a,
                       const struct xpc_params *b)
{
    for (int i = 0; i < 2; i++) {
        const struct member *m = &members[opt][i];

        if (m->size && !memcmp((const char *)a + m->offset,
                               (const char *)b + m->offset, m->size))
            return true;
    }
    return false;
}

/* ---- as text ----------------------------------------------------------- */

static const char *count_text(char *buf, uint64_t n, const char *unit)
{
    snprintf(buf, XPC_UNIT_LEN, "%"PRIu64"%s", n, unit);
    return n ? buf : "none";
}

static const char *time_text(char *buf, uint64_t ns)
{
    return ns ? xpc_format_time(buf, ns) : "none";
}

static const char *rate_text(char *buf, uint64_t bytes_per_s,
                             const char *none)
{
    return bytes_per_s ? xpc_format_bandwidth(buf, bytes_per_s) : none;
}

static const char *compress_text(char *buf, const struct xpc_params *p)
{
    if (p->compress == XPC_COMPRESS_OFF)
        return "none";
    snprintf(buf, XPC_UNIT_LEN, "%s", xpc_compress_names[p->compress]);
    if (p->compress_level)
        snprintf(buf + strlen(buf), XPC_UNIT_LEN - strlen(buf), ":%"PRIu64,
                 p->compress_level);
    return buf;
}

const char *xpc_option_text(enum xpc_option opt, const struct xpc_params *p,
                            char buf[XPC_UNIT_LEN])
{
    switch (opt) {
    case XPC_OPT_DURATION:     return time_text(buf, p->duration_ns);
    case XPC_OPT_DOWNTIME:     return time_text(buf, p->downtime_ns);
    case XPC_OPT_MAX_DOWNTIME: return time_text(buf, p->max_downtime_ns);
    case XPC_OPT_OVERHEAD:     return time_text(buf, p->overhead_ns);
    case XPC_OPT_NOTIFY:       return time_text(buf, p->notify_ns);
    case XPC_OPT_ITERATIONS:   return count_text(buf, p->iterations, "");
    case XPC_OPT_THRESHOLD:
        return count_text(buf, p->threshold_pages, " pages");
    case XPC_OPT_CONFIDENCE:
        return count_text(buf, p->confidence_percent, "%");
    case XPC_OPT_BANDWIDTH:
        return rate_text(buf, p->bandwidth_bytes_per_s, "auto");
    case XPC_OPT_MAX_BANDWIDTH:
        return rate_text(buf, p->max_bytes_per_s, "none");
    case XPC_OPT_SWITCHOVER_BANDWIDTH:
        return !p->max_bytes_per_s && p->switchover == XPC_SWITCHOVER_LIFTED ?
               "none" : rate_text(buf, p->switchover_bytes_per_s,
                                  xpc_switchover_names[p->switchover]);
    case XPC_OPT_CHANNELS:
        return count_text(buf, p->channels > 1 ? p->channels : 0, "");
    case XPC_OPT_COMPRESS:     return compress_text(buf, p);
    case XPC_OPT_SKIP_DIRTY:
        return xpc_skip_dirty_names[p->skip_dirty];
    case XPC_OPT_LULLS:        return xpc_lulls_names[p->lulls];
    case XPC_OPT_SLOW_DOWN:
        return count_text(buf, p->slow_down_percent, "%");
    case XPC_OPT_ZERO_PAGES:   return xpc_zero_pages_names[p->zero_pages];
    case XPC_OPT_STRICT:       return xpc_strict_names[p->strict];
    case XPC_OPT_ON_TIMEOUT:   return xpc_on_timeout_names[p->on_timeout];
    case XPC_OPT_EARLY_ABORT:  return xpc_early_abort_names[p->early_abort];
    default:                   return xpc_policy_names[p->policy];
    }
}
