/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "common/xl_options.h"
#include "common/xl_precopy_options.h"
#include "json/migration.h"

static const struct option options[] = { XL_PRECOPY_OPTIONS, { 0 } };

/* A bandwidth, or the word, which stands for 0. */
static int parse_rate_or(const char *word, const char *name, const char *s,
                         uint64_t *rate_r, char *err)
{
    size_t n;

    if (strcmp(s, word) && xl_parse_bandwidth(name, s, rate_r, err)) {
        n = strlen(err);
        snprintf(err + n, XPC_ERR_LEN - n, "; or %s", word);
        return -1;
    }
    if (!strcmp(s, word))
        *rate_r = 0;
    return 0;
}

static int parse_switchover(const char *name, const char *s,
                            struct xpc_params *p, char *err)
{
    uint64_t rate = 0;
    int i;

    for (i = XPC_SWITCHOVER_LIFTED; i <= XPC_SWITCHOVER_KEPT; i++) {
        if (!strcmp(s, xpc_switchover_names[i]))
            break;
    }
    if (i == XPC_SWITCHOVER_RATE && xpc_parse_bandwidth(s, &rate))
        return xl_bad(err, "--%s=%.40s: lifted, kept or a bandwidth such as "
                      "100Mbit is needed", name, s);
    p->switchover = i;
    p->switchover_bytes_per_s = rate;
    return 0;
}

/* "zstd:3", for example. Level 0: none was given. */
static int parse_compress(const char *name, const char *s,
                          struct xpc_params *p, char *err)
{
    const char *colon = strchrnul(s, ':');
    uint64_t level = 0, most;
    int i;

    for (i = 0; xpc_compress_names[i]; i++) {
        if (strlen(xpc_compress_names[i]) == (size_t)(colon - s) &&
            !strncmp(xpc_compress_names[i], s, colon - s))
            break;
    }
    if (!xpc_compress_names[i] || (*colon && i == XPC_COMPRESS_OFF))
        return xl_bad(err, "--%s=%.40s: off, zstd, lz4, or one of the two "
                      "with a level, such as zstd:3, is accepted", name, s);
    most = xpc_compress_level_max(i);
    if (*colon && (xpc_parse_count(colon + 1, &level) || !level ||
                   level > most))
        return xl_bad(err, "--%s=%.40s: the level of %s is 1 to %"PRIu64,
                      name, s, xpc_compress_names[i], most);
    p->compress = i;
    p->compress_level = level;
    return 0;
}

int xl_parse_precopy(int opt, const char *s, struct xpc_params *p,
                     unsigned int *given, char *err)
{
    const char *name = xl_option_name(options, opt);

    *given |= 1u << (opt - XL_OPT_PRECOPY);
    switch (opt) {
    case XL_OPT_DURATION:
        return xl_parse_time(name, s, &p->duration_ns, err);
    case XL_OPT_DOWNTIME:
        return xl_parse_limit(name, s, &p->downtime_ns, err);
    case XL_OPT_MAX_DOWNTIME:
        return xl_parse_limit(name, s, &p->max_downtime_ns, err);
    case XL_OPT_BANDWIDTH:
        return parse_rate_or("auto", name, s, &p->bandwidth_bytes_per_s,
                             err);
    case XL_OPT_ON_TIMEOUT:
        return xl_parse_word(name, s, xpc_on_timeout_names,
                             &p->on_timeout, err);
    case XL_OPT_ITERATIONS:
        return xl_parse_count(name, s, 1, INT64_MAX, &p->iterations,
                              err);
    case XL_OPT_THRESHOLD:
        return xl_parse_count(name, s, 1, INT64_MAX,
                              &p->threshold_pages, err);
    case XL_OPT_OVERHEAD:
        return xl_parse_limit(name, s, &p->overhead_ns, err);
    case XL_OPT_CONFIDENCE:
        return xl_parse_confidence(name, s, &p->confidence_percent, err);
    case XL_OPT_EARLY_ABORT:
        return xl_parse_word(name, s, xpc_early_abort_names,
                             &p->early_abort, err);
    case XL_OPT_STRICT:
        p->strict = XPC_STRICT_ON;
        return !s ? 0 : xl_parse_word(name, s, xpc_strict_names, &p->strict,
                                      err);
    case XL_OPT_ZERO_PAGES:
        return xl_parse_word(name, s, xpc_zero_pages_names, &p->zero_pages,
                             err);
    case XL_OPT_MAX_BANDWIDTH:
        return parse_rate_or("none", name, s, &p->max_bytes_per_s, err);
    case XL_OPT_SWITCHOVER_BANDWIDTH:
        return parse_switchover(name, s, p, err);
    case XL_OPT_CHANNELS:
        return xl_parse_count(name, s, 1, XPC_CHANNELS_MAX, &p->channels,
                              err);
    case XL_OPT_COMPRESS:
        return parse_compress(name, s, p, err);
    default:
        return xl_parse_word(name, s, xpc_policy_names, &p->policy, err);
    }
}

bool xl_precopy_given(unsigned int given, int opt)
{
    return given & 1u << (opt - XL_OPT_PRECOPY);
}

bool xl_precopy_asks_policy(unsigned int given)
{
    static const int ways[] = {
        XL_OPT_ZERO_PAGES, XL_OPT_MAX_BANDWIDTH, XL_OPT_SWITCHOVER_BANDWIDTH,
        XL_OPT_CHANNELS, XL_OPT_COMPRESS,
    };
    size_t i;

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        given &= ~(1u << (ways[i] - XL_OPT_PRECOPY));
    return given;
}

const char *xl_precopy_in_vain(const struct xpc_params *p,
                               unsigned int given)
{
    static const int limits[] = {
        XL_OPT_DURATION, XL_OPT_DOWNTIME, XL_OPT_MAX_DOWNTIME,
        XL_OPT_ON_TIMEOUT, XL_OPT_EARLY_ABORT, XL_OPT_STRICT,
    };
    size_t i;

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (p->policy == XPC_POLICY_STOCK &&
            xl_precopy_given(given, limits[i]))
            return xl_option_name(options, limits[i]);
    }
    return NULL;
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

/* "none" if the parameter is not set. */
static const char *value_text(const struct xpc_params *p, int opt,
                              char buf[XPC_UNIT_LEN])
{
    switch (opt) {
    case XL_OPT_DURATION:     return time_text(buf, p->duration_ns);
    case XL_OPT_DOWNTIME:     return time_text(buf, p->downtime_ns);
    case XL_OPT_MAX_DOWNTIME: return time_text(buf, p->max_downtime_ns);
    case XL_OPT_OVERHEAD:     return time_text(buf, p->overhead_ns);
    case XL_OPT_ITERATIONS:   return count_text(buf, p->iterations, "");
    case XL_OPT_THRESHOLD:
        return count_text(buf, p->threshold_pages, " pages");
    case XL_OPT_CONFIDENCE:
        return count_text(buf, p->confidence_percent, "%");
    case XL_OPT_BANDWIDTH:
        return rate_text(buf, p->bandwidth_bytes_per_s, "auto");
    case XL_OPT_MAX_BANDWIDTH:
        return rate_text(buf, p->max_bytes_per_s, "none");
    case XL_OPT_SWITCHOVER_BANDWIDTH:
        return !p->max_bytes_per_s && p->switchover == XPC_SWITCHOVER_LIFTED ?
               "none" : rate_text(buf, p->switchover_bytes_per_s,
                                  xpc_switchover_names[p->switchover]);
    case XL_OPT_CHANNELS:
        return count_text(buf, p->channels > 1 ? p->channels : 0, "");
    case XL_OPT_COMPRESS:     return compress_text(buf, p);
    case XL_OPT_ZERO_PAGES:   return xpc_zero_pages_names[p->zero_pages];
    case XL_OPT_STRICT:       return xpc_strict_names[p->strict];
    case XL_OPT_ON_TIMEOUT:   return xpc_on_timeout_names[p->on_timeout];
    case XL_OPT_EARLY_ABORT:  return xpc_early_abort_names[p->early_abort];
    default:                  return xpc_policy_names[p->policy];
    }
}

/* Appends to the comma-separated list in buf. */
static void add_text(char *buf, size_t len, const char *name,
                     const char *from, const char *to)
{
    size_t n = strlen(buf);

    snprintf(buf + n, len - n, "%s%s %s%s%s", n ? ", " : "", name, from,
             to ? " -> " : "", to ? to : "");
}

void xl_precopy_text(const struct xpc_params *p, char *buf, size_t len)
{
    const size_t prefix = strlen("precopy-");
    char value[XPC_UNIT_LEN];
    const struct option *o;
    const char *text;

    *buf = 0;
    for (o = options; o->name; o++) {
        text = value_text(p, o->val, value);
        if (strcmp(text, "none"))
            add_text(buf, len, o->name + prefix, text, NULL);
    }
}

void xl_precopy_changes(const struct xpc_params *from,
                        const struct xpc_params *to, char *buf, size_t len)
{
    const size_t prefix = strlen("precopy-");
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];
    const char *old, *new;
    const struct option *o;

    *buf = 0;
    for (o = options; o->name; o++) {
        old = value_text(from, o->val, a);
        new = value_text(to, o->val, b);
        if (strcmp(old, new))
            add_text(buf, len, o->name + prefix, old, new);
    }
}
