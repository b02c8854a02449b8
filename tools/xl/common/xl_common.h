/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all commands of the xl front end use.
 */
#ifndef XL_COMMON_XL_COMMON_H
#define XL_COMMON_XL_COMMON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <libxl.h>
#include <xentoollog.h>

#include <xenprecopy/units.h>

/* What --help prints of a command. */
struct xl_usage {
    const char *name;
    const char *summary;            /* one line */
    const char *arguments;          /* follows the name */
    const char *options;            /* one per line, or NULL */
};

void xl_help(const struct xl_usage *usage, FILE *out);

/* The global options, given before the command, as in stock xl. */
struct xl_globals {
    xentoollog_level level;         /* one lower for each -v */
    bool progress_cr;               /* -t */
    bool timestamps;                /* -T */
    bool force;                     /* -f */
    bool dryrun;                    /* -N */
    bool acted;                     /* a guest was touched: the exit status
                                     * says what became of it, and not if that
                                     * could be printed */
    char **argv;                    /* xl's complete command line */
};
#define XL_LEVEL_DEFAULT XTL_PROGRESS

extern struct xl_globals xl_globals;

/* Bytes that a process has written since its start, 0 if unknown. */
uint64_t xl_bytes_written(pid_t pid);

/* asprintf() that exits when out of memory. The caller frees the string. */
__attribute__((format(printf, 1, 2)))
char *xl_asprintf(const char *fmt, ...);

/* A time, rounded up: "4.3s", "1m41s". Returns buf. */
const char *xl_span_text(char buf[XPC_UNIT_LEN], uint64_t ns);

/* Replaces control characters in place. Returns s. */
char *xl_plain(char *s);
/* The same of a copy, to be freed. */
char *xl_plain_copy(const char *s);

/* In a buffer, where it may be cut off. s may be NULL. Returns buf. */
#define XL_NAME_LEN 256
const char *xl_plain_name(char buf[XL_NAME_LEN], const char *s);

/*
 * Writes a message of a command to stderr: one line, "xl COMMAND: MESSAGE",
 * without control characters.
 */
__attribute__((format(printf, 2, 3)))
void xl_message(const char *command, const char *fmt, ...);

/* A libxl context that logs to lg, or NULL when Xen can't be reached. */
libxl_ctx *xl_open_ctx(xentoollog_logger *lg);

/*
 * Finds a domain by name or number. *name_r is malloc()ed, or NULL for a
 * domain without a name. Returns 0, or -1 when there is no such domain.
 */
int xl_find_domain(libxl_ctx *ctx, const char *what, uint32_t *domid_r,
                   char **name_r);

#endif
