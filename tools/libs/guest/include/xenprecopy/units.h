/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parsing and formatting of values with units. Parsers leave *_r unchanged on
 * failure.
 */
#ifndef XENPRECOPY_UNITS_H
#define XENPRECOPY_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Times are nanoseconds in a uint64_t: 300 * XPC_MS. */
#define XPC_US UINT64_C(1000)
#define XPC_MS UINT64_C(1000000)
#define XPC_S  UINT64_C(1000000000)

#define XPC_UNIT_LEN 32

/*
 * Parses a time: a decimal number ("1.5s") with us, ms, s, m, min or h. Only 0
 * needs no unit. Spaces before the unit are allowed ("300 ms"). Returns 0 and
 * the time in ns, or -1 with errno EINVAL (not a time, no unit) or ERANGE.
 */
int xpc_parse_time(const char *s, uint64_t *ns_r);

/*
 * Parses a bandwidth into bytes per second. Units: kbit, Mbit, Gbit (10^3,
 * 10^6, 10^9 bits), Kibit, Mibit, Gibit (2^10, 2^20, 2^30 bits) and kB, MB, GB,
 * KiB, MiB, GiB, each with or without /s or ps; and kb, Mb, Gb (bits) with one
 * of these, as in "10Gbps". Case is significant where it changes the meaning:
 * "Mb" alone is refused as ambiguous. Spaces before the unit are allowed.
 * Returns like xpc_parse_time(); 0 is EINVAL.
 */
int xpc_parse_bandwidth(const char *s, uint64_t *bytes_per_s_r);

/* Parses a decimal count without a unit. Returns like xpc_parse_time(). */
int xpc_parse_count(const char *s, uint64_t *count_r);

/* Format values: "312 ms", "41.5 Mbit/s", "1.2 GiB". Return buf. */
const char *xpc_format_time(char buf[XPC_UNIT_LEN], uint64_t ns);
const char *xpc_format_bandwidth(char buf[XPC_UNIT_LEN], uint64_t bytes_per_s);
const char *xpc_format_bytes(char buf[XPC_UNIT_LEN], uint64_t bytes);

#endif
