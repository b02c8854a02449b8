/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of the precopy policy (--precopy-...). */
#ifndef XL_COMMON_XL_PRECOPY_OPTIONS_H
#define XL_COMMON_XL_PRECOPY_OPTIONS_H

#include <getopt.h>
#include <stddef.h>

#include <xenprecopy/xenprecopy.h>

#include "core/option.h"

/*
 * --precopy-NAME is option XL_OPT_PRECOPY + XPC_OPT_x, above the numbers of the
 * commands' own options.
 */
#define XL_OPT_PRECOPY 0x200
#define XL_OPT(id) (XL_OPT_PRECOPY + XPC_OPT_##id)
/* Entries of a struct option[], to be followed by one of the command's. */
#define XL_PRECOPY_OPTION(id, name) \
    { "precopy-" name, XPC_OPT_##id == XPC_OPT_STRICT ? \
      optional_argument : required_argument, NULL, XL_OPT(id) },
#define XL_PRECOPY_OPTIONS XPC_OPTIONS(XL_PRECOPY_OPTION)

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
"--precopy-slow-down=PERCENT|off\n" \
"                             If nothing else keeps the limit, take CPU time\n" \
"                             from the guest, at most PERCENT of it (off).\n" \
"--precopy-early-abort=on|off Abort as soon as the limit is out of reach (on).\n" \
"--precopy-lulls=on|off       Wait for lulls of a guest that is busy and quiet\n" \
"                             in turn, at regular times (on).\n" \
"--precopy-strict[=on|off]    Resume the guest here if the switchover would\n" \
"                             exceed the maximum downtime (on if xl migrate\n" \
"                             is given a downtime or a maximum, else off).\n" \
"--precopy-max-bandwidth=RATE|none\n" \
"                             Limit the sending rate during precopy (none).\n" \
"--precopy-switchover-bandwidth=lifted|kept|RATE\n" \
"                             That limit during the switchover (lifted).\n" \
"--precopy-notify=TIME|off    Tell the guest in its part of xenstore, and wait\n" \
"                             at most TIME each for it to acknowledge that it\n" \
"                             knows, before precopy and before the suspend\n" \
"                             (off).\n"

/* Help for those that can't be changed, except --precopy-policy. */
#define XL_PRECOPY_FIXED_HELP \
"--precopy-zero-pages=auto|send|elide\n" \
"                             How to send pages of zeros: as marks if the\n" \
"                             receiver is ours, else in full; in full; or\n" \
"                             not at all, for a target whose free memory is\n" \
"                             all scrubbed (auto).\n" \
"--precopy-skip-dirty=on|off  Don't send pages that are dirty again and will\n" \
"                             be sent later (on).\n" \
"--precopy-channels=N         Send over N connections, 1 to 16 (1).\n" \
"--precopy-compress=off|auto|zstd[:LEVEL]|lz4[:LEVEL]\n" \
"                             Compress what is sent; auto: if and as it pays\n" \
"                             (off).\n"

/*
 * Parses the value of an option, XL_OPT(x), into p, and adds the option to the
 * set *given. Returns 0, or -1 with one line in err.
 */
int xl_parse_precopy(int opt, const char *s, struct xpc_params *p,
                     unsigned int *given, char *err);

/*
 * With the stock policy, which has no limits: the name of a limit that is in
 * the set given, or NULL. It must be refused, not ignored.
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
