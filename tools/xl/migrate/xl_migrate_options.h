/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of xl migrate, and its exit status. */
#ifndef XL_MIGRATE_XL_MIGRATE_OPTIONS_H
#define XL_MIGRATE_XL_MIGRATE_OPTIONS_H

#include <stdbool.h>

#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

#include "common/xl_common.h"
#include "conf/settings.h"

/* Exit status, documented in docs/man/xl-precopy.1.pod. */
enum {
    MIGRATE_OK = 0,
    MIGRATE_FAILED = 1,             /* the guest runs here, or has ended */
    MIGRATE_REFUSED = 2,            /* nothing was touched */
    MIGRATE_ABORTED = 3,            /* by the policy; the guest runs here */
    MIGRATE_UNKNOWN = 4,            /* both ends must be checked */
    MIGRATE_INTERRUPTED = 5,        /* the guest runs here */
};

enum progress_mode {
    PROGRESS_AUTO,                  /* redrawn on a terminal, else plain */
    PROGRESS_PLAIN,
    PROGRESS_JSON,
    PROGRESS_NONE,
};

/* Whether to use and extend the history of migrations to the host. */
enum history_mode {
    HISTORY_ON,
    HISTORY_OFF,
};

struct migrate_options {
    const char *domain, *host;
    const char *ignored;            /* first argument after the host, or
                                     * NULL */
    const char *config_file;        /* -C; NULL: the domain's own */
    const char *ssh_command;        /* -s */
    bool stock_only;                /* no option that the stock xl lacks */
    bool own_transport;             /* -s was given: it may be able to carry
                                     * a single connection only */
    bool asks_receiver;             /* an option was given that needs the
                                     * receiver of this package */
    bool foreground, no_monitor;    /* -F, -e: for the target */
    bool paused, preserve_domid, debug;
    bool check, json;               /* only look at the target; print JSON */
    uint64_t within_ns;             /* wait for a good hour; 0: don't */
    bool no_check;                  /* don't ask the receiver first */
    enum history_mode history;
    struct xpc_params stated;       /* by options of the policy, */
    unsigned int given;             /* which are these */
    struct xpc_params params;       /* in force, see migrate_settle() */
    unsigned int left_out;          /* options of the file or of xenstore
                                     * that are not for such a transport */
    bool not_enforced;              /* a downtime was given with --debug,
                                     * which makes strict impossible */
    enum progress_mode progress;
    const char *report_file;        /* NULL: none */
};

extern const struct xl_usage migrate_usage;

/*
 * Sets o->params to what is in force: the settings s (of the file and of
 * xenstore), outweighed by the command line's options, and what follows from
 * both. s then has all of it. Returns 0, or -1 with one line in err.
 */
int migrate_settle(struct migrate_options *o, struct conf_settings *s,
                   char err[XPC_ERR_LEN]);

/*
 * Strings in *o point into argv. o->params is set as if there were no other
 * settings. Returns 0, 1 when help is wanted, or -1 with one line in err.
 * stock_only is set in any case.
 */
int migrate_parse_options(int argc, char **argv, struct migrate_options *o,
                          char err[XPC_ERR_LEN]);

#endif
