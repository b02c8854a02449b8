/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the commands parse their options, and say what was given wrong: one
 * line in err (XPC_ERR_LEN), which names the option and what is accepted.
 */
#ifndef XL_OPTIONS_H
#define XL_OPTIONS_H

#include <getopt.h>
#include <stdint.h>

#include "xenprecopy.h"
#include "xpc_json.h"

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
/* A whole number from least to most; UINT64_MAX: there is no most. */
int xl_parse_count(const char *name, const char *s, uint64_t least,
                   uint64_t most, uint64_t *count_r, char *err);
/* One of the names, which end with NULL; its index is the value. */
int xl_parse_word(const char *name, const char *s, const char *const *names,
                  int *value_r, char *err);

/*
 * Calls fn with every item of a comma-separated list, until it returns other
 * than 0, which is returned.
 */
typedef int xl_item_fn(void *opaque, const char *item, char *err);
int xl_parse_list(const char *list, xl_item_fn *fn, void *opaque, char *err);

#endif
