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

/* Help for the options that can be changed while a migration runs. */
#define XL_PRECOPY_HELP \
"--precopy-downtime=TIME      Suspend the guest once the predicted downtime\n" \
"                             is at most TIME (300ms).\n" \
"--precopy-max-downtime=TIME  Never suspend the guest if the predicted\n" \
"                             downtime is longer (the same as the downtime).\n" \
"--precopy-duration=TIME      The longest that precopy may take (no limit).\n" \
"--precopy-on-timeout=suspend|abort\n" \
"                             What to do when the duration is over, or more\n" \
"                             copying does not help, and the predicted\n" \
"                             downtime is under the maximum (abort).\n" \
"--precopy-bandwidth=RATE|auto\n" \
"                             The bandwidth of the link (auto: measure it).\n" \
"--precopy-iterations=N       The most iterations (no limit).\n" \
"--precopy-threshold=PAGES    Suspend the guest when fewer pages are dirty\n" \
"                             (none).\n" \
"--precopy-switchover-overhead=TIME\n" \
"                             The time that a switchover takes besides\n" \
"                             sending pages (learned from earlier\n" \
"                             migrations, or assumed for such a guest).\n" \
"--precopy-confidence=PERCENT How likely the downtime must stay within the\n" \
"                             limit: 50 to 99 (95).\n" \
"--precopy-early-abort=on|off Abort as soon as the limit is out of reach (on).\n" \
"--precopy-strict[=on|off]    Resume the guest here if the switchover would\n" \
"                             exceed the maximum downtime (on if xl migrate\n" \
"                             is given a downtime or a maximum, else off).\n" \
"--precopy-max-bandwidth=RATE|none\n" \
"                             Limit the sending rate during precopy (none).\n" \
"--precopy-switchover-bandwidth=lifted|kept|RATE\n" \
"                             That limit during the switchover (lifted).\n"

/* Help for those that can't be changed, except --precopy-policy. */
#define XL_PRECOPY_FIXED_HELP \
"--precopy-zero-pages=auto|send|elide\n" \
"                             How to send pages of zeros: as marks if the\n" \
"                             receiver is ours, else in full; in full; or\n" \
"                             not at all, for a target whose free memory is\n" \
"                             all scrubbed (auto).\n" \
"--precopy-channels=N         Send over N connections, 1 to 16 (1).\n" \
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
