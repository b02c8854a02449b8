/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands for a migration that runs already: what they share.
 */
#ifndef XL_CONTROL_XL_CONTROL_H
#define XL_CONTROL_XL_CONTROL_H

#include <xenstore.h>

#include <xenprecopy/json.h>

#include "common/xl_common.h"
#include "libxl_precopy.h"

/*
 * Exit status. Those of xl migrate keep their meaning;
 * docs/man/xl-migrate-status.1.pod explains them to users.
 */
enum {
    CONTROL_OK = 0,
    CONTROL_FAILED = 1,
    CONTROL_USAGE = 2,
    CONTROL_NONE = 6,               /* no migration is under way */
    CONTROL_GONE = 7,               /* the domain has left this host */
};

/* How far the migration of a domain is. */
enum control_phase {
    PHASE_NONE,                     /* there is none */
    PHASE_PRECOPY,                  /* copying, the guest runs */
    PHASE_SUSPENDED,                /* copying the rest */
    PHASE_HANDOVER,                 /* all is sent, the target has its turn */
    PHASE_TAKING_BACK,              /* failed, the guest may still suspend and
                                     * somebody waits to resume it */
    PHASE_GONE,                     /* the domain is not here any more */
};

/* A domain's migration as it is found. */
struct control_state {
    int phase;                      /* enum control_phase */
    bool runs;                      /* the guest: not suspended, not shut */
    bool suspended;
    /* With PHASE_PRECOPY and PHASE_SUSPENDED: */
    struct xpc_active active;
    struct xpc_params asked;        /* from the next decision on */
    char *refused;                  /* NULL: nothing was */
    uint64_t total_bytes;           /* sent so far */
    uint64_t elapsed_ns;
    /* Otherwise zero until there is one. */
    struct xpc_iteration last;
    bool reported;
    struct xpc_report report;       /* of the migration that ended last */
};

struct control {
    xentoollog_logger *lg;
    libxl_ctx *ctx;
    struct xs_handle *watch;        /* NULL: there is none */
    uint32_t domid;
    char *name;                     /* of the domain, or its number */
};

/* One of the commands; options is a struct of its own. */
struct control_command {
    const struct xl_usage *usage;
    bool no_dry_run;                /* -N is refused */
    bool must_print;                /* it fails when it can't */
    /*
     * Fills options in, and *domain_r if a domain is named. Returns 0, 1 when
     * help is wanted, or -1 with one line in err.
     */
    int (*parse)(int argc, char **argv, void *options, const char **domain_r,
                 char *err);
    /* c->name is NULL when no domain is named. Returns the exit status. */
    int (*run)(struct control *c, const void *options);
};

/*
 * For a parse(): the one domain behind the options. Returns 0, or -1 with one
 * line in err.
 */
int control_one_domain(const struct xl_usage *usage, int argc, char **argv,
                       const char **domain_r, char *err);

/* All of a command. Returns the exit status. */
int control_run(const struct control_command *cmd, int argc, char **argv,
                void *options);

/*
 * Finds a domain by name, also while it is called NAME--migratedaway, or by
 * number. Returns 0, or -1 with one line in err.
 */
int control_find(struct control *c, const char *what, char err[XPC_ERR_LEN]);

/* st must be zero at first; every look replaces what the last one found. */
void control_look(struct control *c, struct control_state *st);
void control_state_dispose(struct control_state *st);

/*
 * Moves last's report to end, if that has none any more: xl migrate removes it
 * as soon as it has told it.
 */
void control_keep_report(struct control_state *last,
                         struct control_state *end);

/* The iteration under way, from 1. */
uint64_t control_iteration(const struct control_state *st);

/*
 * How it ended, in one sentence for people; last: the last look while it was
 * under way, end: the first one after it. Returns buf.
 */
const char *control_end_text(const struct control *c,
                             const struct control_state *last,
                             const struct control_state *end, char *buf,
                             size_t len);

/* Waits for news of the domain, at most so long. */
void control_wait(struct control *c, int timeout_ms);

/* "xl COMMAND: WHY" to stderr. Returns status. */
int control_fail(const char *command, int status, const char *why);
/* The same: no migration of the domain is under way. */
int control_none(const char *command, const struct control *c);

#endif
