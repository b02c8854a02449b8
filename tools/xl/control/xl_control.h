/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands for a migration under way share: migrate-status, -set and
 * -cancel.
 */
#ifndef XL_CONTROL_XL_CONTROL_H
#define XL_CONTROL_XL_CONTROL_H

#include <xenstore.h>

#include <xenprecopy/json.h>

#include "common/xl_common.h"
#include "control/xl_waiting.h"
#include "libxl_precopy.h"

/*
 * Exit status, documented in docs/man/xl-migrate-status.1.pod. It does not
 * conflict with that of xl migrate.
 */
enum {
    CONTROL_OK = 0,
    CONTROL_FAILED = 1,
    CONTROL_USAGE = 2,
    CONTROL_NONE = 6,               /* no migration is under way */
    CONTROL_GONE = 7,               /* the domain is not on this host */
};

/* How far a migration is. */
enum control_phase {
    PHASE_NONE,                     /* no migration is under way */
    PHASE_PRECOPY,
    PHASE_SUSPENDED,                /* stop-and-copy */
    PHASE_HANDOVER,                 /* all is sent, the target restores it */
    PHASE_TAKING_BACK,              /* failed; a process waits for the guest to
                                     * suspend, to resume it */
    PHASE_GONE,                     /* the domain is not on this host */
    PHASE_WAITS,                    /* for its hour (xl_waiting.h) */
    PHASE_UNKNOWN,                  /* xenstore can't be read */
};

#define CONTROL_UNKNOWN_TEXT "xenstore can't be read: is xenstored running?"

/* By enum control_phase, ended by NULL. */
extern const char *const control_phase_names[];

/* What could be read about a domain's migration. */
struct control_state {
    int phase;                      /* enum control_phase */
    bool runs;                      /* neither suspended nor shut down */
    bool suspended;
    /* With PHASE_PRECOPY and PHASE_SUSPENDED: */
    struct xpc_active active;
    struct xpc_params asked;        /* in force from the next decision on */
    char *refused;                  /* why a change was refused, or NULL */
    uint64_t total_bytes;           /* sent so far */
    uint64_t elapsed_ns;
    struct xpc_iteration last;      /* last finished one; number 0: none */
    struct waiting waiting;         /* with PHASE_WAITS */
    bool reported;
    struct xpc_report report;       /* of the last migration that has ended */
};

struct control {
    xentoollog_logger *lg;
    libxl_ctx *ctx;
    struct xs_handle *watch;        /* opened by control_wait() */
    uint32_t domid;
    char *name;                     /* of the domain, or its number */
};

/* A command; options is its own structure. */
struct control_command {
    const struct xl_usage *usage;
    bool no_dry_run;                /* -N is refused */
    /*
     * Sets options, and *domain_r if a domain was named. Returns 0, 1 when
     * help is wanted, or -1 with one line in err.
     */
    int (*parse)(int argc, char **argv, void *options, const char **domain_r,
                 char *err);
    /* c->name is NULL when no domain is named. Returns the exit status. */
    int (*run)(struct control *c, const void *options);
};

/*
 * For use in parse(): sets *domain_r to the only argument after the options.
 * Returns 0, or -1 with one line in err.
 */
int control_take_domain(const struct xl_usage *usage, int argc, char **argv,
                        const char **domain_r, char *err);

/* Runs a command. Returns the exit status. */
int control_run(const struct control_command *cmd, int argc, char **argv,
                void *options);

/*
 * Finds a domain by number or name, also while it is NAME--migratedaway, and
 * sets c->domid and c->name. Returns 0, or -1 with one line in err.
 */
int control_find_domain(struct control *c, const char *what,
                        char err[XPC_ERR_LEN]);

/* Replaces the content of *st, which must be zero at first. */
void control_read_state(struct control *c, struct control_state *st);
void control_state_dispose(struct control_state *st);

/*
 * Moves the report from last to end if end has none: xl migrate removes it
 * from xenstore when it has printed it.
 */
void control_keep_report(struct control_state *last,
                         struct control_state *end);

/* Are active and what follows it in *st set? */
bool control_is_active(const struct control_state *st);
/* The rest of the duration; 0: over, or no limit. */
uint64_t control_time_left(const struct control_state *st);
/* The number of the iteration under way, from 1. */
uint64_t control_iteration(const struct control_state *st);

/*
 * How the migration has ended, in one sentence. last is the last state while
 * it was under way, end the first one after that. Returns buf.
 */
const char *control_end_text(const struct control *c,
                             const struct control_state *last,
                             const struct control_state *end, char *buf,
                             size_t len);

/* Waits for a change in xenstore, at most timeout_ms. */
void control_wait(struct control *c, int timeout_ms);

/* Prints an error. Returns status. */
int control_fail(const char *command, int status, const char *why);
/* The same for: no migration of the domain is under way. */
int control_fail_none(const char *command, const struct control *c);

#endif
