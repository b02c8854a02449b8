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
                  unsigned int *value_r, char *err);

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

#endif
