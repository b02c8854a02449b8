/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of the policy: one table of names for command lines, where they
 * are --precopy-NAME, and for the configuration file, where they are NAME.
 */
#ifndef CORE_OPTION_H
#define CORE_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include <xenprecopy/error.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

/* X(ID, NAME) for each, in the order in which they are shown. */
#define XPC_OPTIONS(X) \
    X(DURATION, "duration") \
    X(DOWNTIME, "downtime") \
    X(MAX_DOWNTIME, "max-downtime") \
    X(BANDWIDTH, "bandwidth") \
    X(ON_TIMEOUT, "on-timeout") \
    X(ITERATIONS, "iterations") \
    X(THRESHOLD, "threshold") \
    X(POLICY, "policy") \
    X(OVERHEAD, "switchover-overhead") \
    X(CONFIDENCE, "confidence") \
    X(EARLY_ABORT, "early-abort") \
    X(STRICT, "strict") \
    X(ZERO_PAGES, "zero-pages") \
    X(MAX_BANDWIDTH, "max-bandwidth") \
    X(SWITCHOVER_BANDWIDTH, "switchover-bandwidth") \
    X(CHANNELS, "channels") \
    X(COMPRESS, "compress") \
    X(SKIP_DIRTY, "skip-dirty") \
    X(LULLS, "lulls") \
    X(SLOW_DOWN, "slow-down") \
    X(NOTIFY, "notify")

#define XPC_OPTION_ID(id, name) XPC_OPT_##id,
enum xpc_option { XPC_OPTIONS(XPC_OPTION_ID) XPC_NR_OPTIONS };
#undef XPC_OPTION_ID

/* A set of options: bit XPC_OPT_x. */
#define XPC_OPTION_BIT(opt) (1u << (opt))

/*
 * They only say how pages are sent and who is told, not when the guest is
 * suspended.
 */
#define XPC_OPTIONS_WAYS \
    (XPC_OPTION_BIT(XPC_OPT_ZERO_PAGES) | \
     XPC_OPTION_BIT(XPC_OPT_MAX_BANDWIDTH) | \
     XPC_OPTION_BIT(XPC_OPT_SWITCHOVER_BANDWIDTH) | \
     XPC_OPTION_BIT(XPC_OPT_CHANNELS) | XPC_OPTION_BIT(XPC_OPT_COMPRESS) | \
     XPC_OPTION_BIT(XPC_OPT_NOTIFY))
/* What only the limit policy keeps to. */
#define XPC_OPTIONS_LIMITS \
    (XPC_OPTION_BIT(XPC_OPT_DURATION) | XPC_OPTION_BIT(XPC_OPT_DOWNTIME) | \
     XPC_OPTION_BIT(XPC_OPT_MAX_DOWNTIME) | \
     XPC_OPTION_BIT(XPC_OPT_ON_TIMEOUT) | \
     XPC_OPTION_BIT(XPC_OPT_EARLY_ABORT) | \
     XPC_OPTION_BIT(XPC_OPT_STRICT) | XPC_OPTION_BIT(XPC_OPT_SKIP_DIRTY) | \
     XPC_OPTION_BIT(XPC_OPT_LULLS) | XPC_OPTION_BIT(XPC_OPT_SLOW_DOWN))

/* "max-downtime", for example. */
const char *xpc_option_name(enum xpc_option opt);
/* The option of this name, or -1. */
int xpc_option_find(const char *name);

/*
 * Parses the value of an option into p. Returns 0, or -1 with the reason in
 * why, which names neither the option nor, at full length, the value.
 */
int xpc_option_parse(enum xpc_option opt, const char *s,
                     struct xpc_params *p, char why[XPC_ERR_LEN]);

/* Copies the option's value. */
void xpc_option_copy(enum xpc_option opt, struct xpc_params *to,
                     const struct xpc_params *from);

/* Whether a member of the option is the same in both. */
bool xpc_option_shares(enum xpc_option opt, const struct xpc_params *a,
                       const struct xpc_params *b);

/* The value for people, "none" if the parameter is not set. */
const char *xpc_option_text(enum xpc_option opt, const struct xpc_params *p,
                            char buf[XPC_UNIT_LEN]);

#endif
