/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsing of options. All errors are one line in err (XPC_ERR_LEN) that names
 * the option and what it accepts.
 */
#ifndef XL_COMMON_XL_OPTIONS_H
#define XL_COMMON_XL_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <xenprecopy/compress.h>
#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

#include "core/value.h"

#define XL_TIME_HELP "TIME is a number with " XPC_TIME_UNITS ".\n"
#define XL_RATE_HELP \
    "RATE is a number with " XPC_BIT_UNITS ",\n" \
    XPC_BYTE_UNITS ", per second.\n"

/* Formats an error, without control characters. Returns -1. */
__attribute__((format(printf, 2, 3)))
int xl_bad(char *err, const char *fmt, ...);

/* The same for a bad value s of the option --name. */
int xl_bad_value(const char *name, const char *s, const char *why, char *err);

/* The name of the long option with this val, or "?". */
const char *xl_option_name(const struct option *options, int val);

/*
 * Formats the error for the '?' or ':' that getopt_long() has returned as opt.
 * It must be used with ":" in front of its short options and opterr 0. Returns
 * -1.
 */
int xl_bad_option(const char *command, const struct option *options, int opt,
                  char *const *argv, char *err);

/*
 * These parse the value s of the option --name. They return 0, or -1 with a
 * line in err; then *_r is unchanged.
 */
int xl_parse_time(const char *name, const char *s, uint64_t *ns_r, char *err);
/* A time above 0. */
int xl_parse_limit(const char *name, const char *s, uint64_t *ns_r,
                   char *err);
int xl_parse_bandwidth(const char *name, const char *s, uint64_t *rate_r,
                       char *err);
/* For --calc-time: from 50 ms to 60 s. */
int xl_parse_calc_time(const char *s, uint64_t *ns_r, char *err);
/* For a confidence: from 50 to 99. */
int xl_parse_confidence(const char *name, const char *s,
                        uint64_t *percent_r, char *err);
/* A file name: s, which must not be empty. */
int xl_parse_file(const char *name, const char *s, const char **file_r,
                  char *err);
/* A whole number from least to most; UINT64_MAX: no limit. */
int xl_parse_count(const char *name, const char *s, uint64_t least,
                   uint64_t most, uint64_t *count_r, char *err);
/* One of names, which end with NULL; the value is its index. */
int xl_parse_word(const char *name, const char *s, const char *const *names,
                  unsigned int *value_r, char *err);

/* Names on the command line, none of which may be empty. of: "a host". */
int xl_check_names(const char *of, char *const *names, int nr, char *err);
/* The host of an option. */
int xl_parse_host(const char *name, const char *s, const char **host_r,
                  char *err);

/*
 * The value of --plot, s NULL if there is none. *file_r is set to the file, or
 * to NULL for the terminal.
 */
int xl_parse_plot(const char *s, const char **file_r, char *err);
/* Refuses JSON together with a plot on the terminal. Returns 0, or -1. */
int xl_check_plot(bool plot, const char *file, bool json, char *err);

/*
 * Calls fn with each item of a comma-separated list until it returns other
 * than 0. Returns what fn has returned last.
 */
typedef int xl_item_fn(void *opaque, const char *item, char *err);
int xl_parse_list(const char *list, xl_item_fn *fn, void *opaque, char *err);

/*
 * For --compress: different methods, of which one may be off, at most
 * XPC_COMPRESS_METHODS_MAX.
 */
int xl_parse_methods(const char *list, struct xpc_compress_method *methods,
                     size_t *nr_r, char *err);

#endif
