/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of the precopy policy (--precopy-...). */
#ifndef XL_COMMON_XL_PRECOPY_OPTIONS_H
#define XL_COMMON_XL_PRECOPY_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include <xenprecopy/xenprecopy.h>

/* Above the numbers of the commands' own options. */
enum {
    XL_OPT_PRECOPY = 0x200,
    XL_OPT_DURATION = XL_OPT_PRECOPY, XL_OPT_DOWNTIME, XL_OPT_MAX_DOWNTIME,
    XL_OPT_BANDWIDTH, XL_OPT_ON_TIMEOUT, XL_OPT_ITERATIONS, XL_OPT_THRESHOLD,
    XL_OPT_POLICY, XL_OPT_OVERHEAD, XL_OPT_CONFIDENCE, XL_OPT_EARLY_ABORT,
    XL_OPT_STRICT, XL_OPT_ZERO_PAGES, XL_OPT_MAX_BANDWIDTH,
    XL_OPT_SWITCHOVER_BANDWIDTH, XL_OPT_CHANNELS, XL_OPT_COMPRESS,
};

#define XL_PRECOPY_OPTION(name, val) \
    { "precopy-" name, required_argument, NULL, val }
#define XL_PRECOPY_OPTIONS \
    XL_PRECOPY_OPTION("duration", XL_OPT_DURATION), \
    XL_PRECOPY_OPTION("downtime", XL_OPT_DOWNTIME), \
    XL_PRECOPY_OPTION("max-downtime", XL_OPT_MAX_DOWNTIME), \
    XL_PRECOPY_OPTION("bandwidth", XL_OPT_BANDWIDTH), \
    XL_PRECOPY_OPTION("on-timeout", XL_OPT_ON_TIMEOUT), \
    XL_PRECOPY_OPTION("iterations", XL_OPT_ITERATIONS), \
    XL_PRECOPY_OPTION("threshold", XL_OPT_THRESHOLD), \
    XL_PRECOPY_OPTION("policy", XL_OPT_POLICY), \
    XL_PRECOPY_OPTION("switchover-overhead", XL_OPT_OVERHEAD), \
    XL_PRECOPY_OPTION("confidence", XL_OPT_CONFIDENCE), \
    XL_PRECOPY_OPTION("early-abort", XL_OPT_EARLY_ABORT), \
    { "precopy-strict", optional_argument, NULL, XL_OPT_STRICT }, \
    XL_PRECOPY_OPTION("zero-pages", XL_OPT_ZERO_PAGES), \
    XL_PRECOPY_OPTION("max-bandwidth", XL_OPT_MAX_BANDWIDTH), \
    XL_PRECOPY_OPTION("switchover-bandwidth", XL_OPT_SWITCHOVER_BANDWIDTH), \
    XL_PRECOPY_OPTION("channels", XL_OPT_CHANNELS), \
    XL_PRECOPY_OPTION("compress", XL_OPT_COMPRESS)

/* Help for the options that can be changed while a migration runs, */
#define XL_PRECOPY_HELP \
"--precopy-downtime=TIME      Suspend the guest when that would be for so\n" \
"                             long at most (300ms).\n" \
"--precopy-max-downtime=TIME  Never suspend it for longer (the same).\n" \
"--precopy-duration=TIME      How long precopy may take (no limit).\n" \
"--precopy-on-timeout=suspend|abort\n" \
"                             What to do when the duration is over or\n" \
"                             copying on does not help, and a suspension\n" \
"                             would be under the maximum (abort).\n" \
"--precopy-bandwidth=RATE|auto\n" \
"                             What the link gives (auto: it is measured).\n" \
"--precopy-iterations=N       At most so many iterations (no limit).\n" \
"--precopy-threshold=PAGES    Suspend below so many dirty pages (none).\n" \
"--precopy-switchover-overhead=TIME\n" \
"                             What a switchover takes besides the pages\n" \
"                             (as learned from earlier ones, or as is\n" \
"                             assumed of such a guest).\n" \
"--precopy-confidence=PERCENT That the downtime stays within the limit:\n" \
"                             50 to 99 (95).\n" \
"--precopy-early-abort=on|off Give up as soon as there is no hope (on).\n" \
"--precopy-strict[=on|off]    Take the guest back if the switchover would pass\n" \
"                             the maximum downtime (on where xl migrate is\n" \
"                             told a downtime or a maximum, else off).\n" \
"--precopy-max-bandwidth=RATE|none\n" \
"                             Use no more of the link in precopy (none).\n" \
"--precopy-switchover-bandwidth=lifted|kept|RATE\n" \
"                             What becomes of that cap while the guest stands\n" \
"                             still (lifted).\n"

/* and for those that can't; --precopy-policy is not among them. */
#define XL_PRECOPY_FIXED_HELP \
"--precopy-zero-pages=auto|send|elide\n" \
"                             How zero pages are sent: as a mark, where the\n" \
"                             receiver is ours, else in full; in full;\n" \
"                             without data, for a target that scrubs all\n" \
"                             its free memory (auto).\n" \
"--precopy-channels=N         Over so many connections: 1 to 16 (1).\n" \
"--precopy-compress=off|zstd[:LEVEL]|lz4[:LEVEL]\n" \
"                             Compress what is sent (off).\n"

/*
 * Parses the value of an option, XL_OPT_x, into p, and adds the option to the
 * set *given. Returns 0, or -1 with one line in err.
 */
int xl_parse_precopy(int opt, const char *s, struct xpc_params *p,
                     unsigned int *given, char *err);

/* Whether an option is in the set given. */
bool xl_precopy_given(unsigned int given, int opt);

/*
 * Whether an option in the set asks for a policy. Some only say how pages are
 * sent.
 */
bool xl_precopy_asks_policy(unsigned int given);

/*
 * With the stock policy, which has no limits: the name of a limit that was
 * given, or NULL. It must be refused, not ignored.
 */
const char *xl_precopy_in_vain(const struct xpc_params *p,
                               unsigned int given);

/* As text: "downtime 300 ms, duration 60.0 s", only what is set. */
void xl_precopy_text(const struct xpc_params *p, char *buf, size_t len);
/* The differences as text: "downtime 300 ms -> 2.00 s", or empty. */
void xl_precopy_changes(const struct xpc_params *from,
                        const struct xpc_params *to, char *buf, size_t len);
#define XL_PRECOPY_TEXT_LEN 512

#endif
