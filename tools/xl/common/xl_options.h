/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the commands parse their options, and say what was given wrong: one
 * line in err (XPC_ERR_LEN), which names the option and what is accepted.
 */
#ifndef XL_COMMON_XL_OPTIONS_H
#define XL_COMMON_XL_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

/* One plain line about what was given wrong. Returns -1. */
__attribute__((format(printf, 2, 3)))
int xl_bad(char *err, const char *fmt, ...);

/* A long option's name by its val, "?" when there is none. */
const char *xl_option_name(const struct option *options, int val);

/*
 * What getopt_long(), with ":" before its short options and opterr 0, can't
 * make sense of; opt is what it returned. Returns -1.
 */
int xl_bad_option(const char *command, const struct option *options, int opt,
                  char *const *argv, char *err);

/*
 * A value of the option --name. Each returns 0, or -1 with a line in err;
 * *_r is then as it was.
 */
int xl_parse_time(const char *name, const char *s, uint64_t *ns_r, char *err);
/* The same, but 0 is refused. */
int xl_parse_limit(const char *name, const char *s, uint64_t *ns_r,
                   char *err);
int xl_parse_bandwidth(const char *name, const char *s, uint64_t *rate_r,
                       char *err);
/* Of --calc-time. */
int xl_parse_calc_time(const char *s, uint64_t *ns_r, char *err);
/* A file's name: s itself, unless it is empty. */
int xl_parse_file(const char *name, const char *s, const char **file_r,
                  char *err);
/* A whole number from least to most; UINT64_MAX: there is no most. */
int xl_parse_count(const char *name, const char *s, uint64_t least,
                   uint64_t most, uint64_t *count_r, char *err);
/* One of the names, which end with NULL; its index is the value. */
int xl_parse_word(const char *name, const char *s, const char *const *names,
                  int *value_r, char *err);

/*
 * Of --plot, where s is NULL when it has no value. *file_r becomes the file it
 * is to go to, NULL: the terminal. The last one counts.
 */
int xl_parse_plot(const char *s, const char **file_r, char *err);
/* Refuses a plot on the terminal beside JSON. 0, or -1 with a line in err. */
int xl_check_plot(bool plot, const char *file, bool json, char *err);

/*
 * Calls fn with every item of a comma-separated list, until it returns other
 * than 0, which is returned.
 */
typedef int xl_item_fn(void *opaque, const char *item, char *err);
int xl_parse_list(const char *list, xl_item_fn *fn, void *opaque, char *err);

/* ---- the options of the policy: xl_precopy_options.c ------------------ */

/* Above what the commands number their own options with. */
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

#define XL_UNITS_HELP \
"TIME is a number with us, ms, s, m (or min) or h, RATE one with kbit, Mbit,\n" \
"Gbit, Kibit, Mibit, Gibit, kB, MB, GB, KiB, MiB or GiB, per second.\n"

/* What can be changed while a migration runs. */
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

/* What can't; and there is the policy itself. */
#define XL_PRECOPY_FIXED_HELP \
"--precopy-zero-pages=auto|send|elide\n" \
"                             How zero pages are sent: as a mark, where the\n" \
"                             receiver is ours, else in full; in full;\n" \
"                             without data, for a target that scrubs all\n" \
"                             its free memory (auto).\n" \
"--precopy-channels=N         Over so many connections: 1 to 16 (1).\n" \
"--precopy-compress=off|zstd[:LEVEL]|lz4[:LEVEL]\n" \
"                             Compress what is sent (off).\n"

/* Takes the value into p, and notes the option in *given. 0, or -1 and err. */
int xl_parse_precopy(int opt, const char *s, struct xpc_params *p,
                     unsigned int *given, char *err);

/* Is this option, XL_OPT_x, among those noted in given? */
bool xl_precopy_given(unsigned int given, int opt);

/*
 * Are there any that ask for a policy? Some say only how what is sent is sent.
 */
bool xl_precopy_asks_policy(unsigned int given);

/*
 * The stock policy heeds no limits: it must not look as if it did. The name
 * of a limit that is given in vain, NULL when there is none.
 */
const char *xl_precopy_in_vain(const struct xpc_params *p,
                               unsigned int given);

/* For people: "downtime 300 ms, duration 60.0 s", without what is not set. */
void xl_precopy_text(const struct xpc_params *p, char *buf, size_t len);
/* "downtime 300 ms -> 2.00 s"; empty when nothing differs. */
void xl_precopy_changes(const struct xpc_params *from,
                        const struct xpc_params *to, char *buf, size_t len);
#define XL_PRECOPY_TEXT_LEN 512

#endif
