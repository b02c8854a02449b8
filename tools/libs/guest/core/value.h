/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parsing of an option's value, whether it comes from a command line or from a
 * file. The parsers return 0; or -1 with the reason in why (XPC_ERR_LEN), which
 * does not repeat the value at full length, and *_r unchanged. The caller says
 * which option it is.
 */
#ifndef CORE_VALUE_H
#define CORE_VALUE_H

#include <stdint.h>

#include <xenprecopy/error.h>

/* What core/units.c takes, for help texts and error messages. */
#define XPC_TIME_UNITS "us, ms, s, m (or min) or h"
#define XPC_BIT_UNITS "kbit, Mbit, Gbit, Kibit, Mibit, Gibit"
#define XPC_BYTE_UNITS "kB, MB, GB, KiB, MiB or GiB"

/* Formats a reason, without control characters. Returns -1. */
__attribute__((format(printf, 2, 3)))
int xpc_value_bad(char *why, const char *fmt, ...);

int xpc_value_time(const char *s, uint64_t *ns_r, char *why);
/* A time above 0. */
int xpc_value_limit(const char *s, uint64_t *ns_r, char *why);
int xpc_value_bandwidth(const char *s, uint64_t *bytes_per_s_r, char *why);
/* A bandwidth, or the word, which stands for 0. */
int xpc_value_bandwidth_or(const char *word, const char *s,
                           uint64_t *bytes_per_s_r, char *why);
/* A whole number from least to most; UINT64_MAX: no limit. */
int xpc_value_count(const char *s, uint64_t least, uint64_t most,
                    uint64_t *count_r, char *why);
/* For a confidence: from 50 to 99. */
int xpc_value_confidence(const char *s, uint64_t *percent_r, char *why);
/* One of names, which end with NULL; the value is its index. */
int xpc_value_word(const char *s, const char *const *names,
                   unsigned int *value_r, char *why);

#endif
