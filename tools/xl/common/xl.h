/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xl front end: what its commands share. A command of ours is a line in
 * xl_cmdtable.c and a file xl_<command>.c; every other command is the stock
 * xl's.
 */
#ifndef XL_COMMON_XL_H
#define XL_COMMON_XL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <libxl.h>
#include <xentoollog.h>

struct xl_command {
    const char *name;
    /* argv[0] is the command's name. Returns the exit status. */
    int (*run)(int argc, char **argv);
    const char *summary;            /* one line */
    const char *usage;              /* what follows the name */
    const char *options;            /* one a line, NULL: none */
};

/* Ends with an entry without a name. */
extern const struct xl_command xl_commands[];

const struct xl_command *xl_find_command(const char *name);
void xl_help(const struct xl_command *cmd, FILE *out);

int cmd_dirty_rate(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_migrate_cancel(int argc, char **argv);
int cmd_migrate_history(int argc, char **argv);
int cmd_migrate_receive(int argc, char **argv);
int cmd_migrate_predict(int argc, char **argv);
int cmd_migrate_set(int argc, char **argv);
int cmd_migrate_status(int argc, char **argv);

/* The options before the command, as stock xl has them. */
struct xl_globals {
    xentoollog_level level;         /* -v: each is one lower */
    bool progress_cr;               /* -t */
    bool timestamps;                /* -T */
    bool force;                     /* -f */
    bool dryrun;                    /* -N */
    char **argv;                    /* all of them, and the command's own */
};
#define XL_LEVEL_DEFAULT XTL_PROGRESS

extern struct xl_globals xl_globals;

/* ---- xl_common.c ------------------------------------------------------ */

/* What a process has written so far. 0: not known. */
uint64_t xl_bytes_written(pid_t pid);

/* As asprintf(), but it exits when there is no memory. */
__attribute__((format(printf, 1, 2)))
char *xl_asprintf(const char *fmt, ...);

/* Replaces what would spoil a line of a terminal. Returns s. */
char *xl_plain(char *s);

/* A libxl context that logs to lg. NULL when Xen can't be reached. */
libxl_ctx *xl_open_ctx(xentoollog_logger *lg);

/*
 * The domain by name or number, and its name (malloc()ed, NULL: none).
 * Returns 0, or -1 when there is none.
 */
int xl_find_domain(libxl_ctx *ctx, const char *what, uint32_t *domid_r,
                   char **name_r);

/* ---- xl_stock.c ------------------------------------------------------- */

/*
 * Where the stock xl is, a static string; NULL with one line in err when it
 * is nowhere.
 */
const char *xl_stock_path(char *err, size_t len);

/* Becomes the stock xl. Returns an exit status only when it can't. */
int xl_exec_stock(char **argv);

#endif
