/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate: what its files share.
 */
#ifndef XL_MIGRATE_XL_MIGRATE_H
#define XL_MIGRATE_XL_MIGRATE_H

#include <sys/types.h>

#include <xenstore.h>

#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

#include "common/xl.h"

/* Exit status; docs/man/xl-precopy.1.pod explains them to users. */
enum {
    MIGRATE_OK = 0,
    MIGRATE_FAILED = 1,             /* guest runs on the source, or ended */
    MIGRATE_REFUSED = 2,            /* nothing was touched */
    MIGRATE_ABORTED = 3,            /* by policy; guest on the source */
    MIGRATE_UNKNOWN = 4,            /* check both ends */
    MIGRATE_INTERRUPTED = 5,        /* guest runs on the source */
};

/* ---- what both ends of stock's protocol say --------------------------- */

#define MIGRATE_BANNER \
    "xl migration receiver ready, send binary domain data.\n"
/* What the source begins with: magic, byte order, flags, a length. */
#define MIGRATE_HEADER_SIZE 48

/* ---- options: xl_migrate_options.c ------------------------------------ */

enum progress_mode {
    PROGRESS_AUTO,                  /* redrawn on a terminal, else plain */
    PROGRESS_PLAIN,
    PROGRESS_JSON,
    PROGRESS_NONE,
};

/* Learn from earlier migrations to the host, and keep this one? */
enum history_mode {
    HISTORY_ON,
    HISTORY_OFF,
};

struct migrate_options {
    const char *domain, *host;
    const char *ignored;            /* the first after them, NULL: none */
    const char *config_file;        /* -C, NULL: the domain's own */
    const char *ssh_command;        /* -s */
    bool own_transport;             /* -s was given: it may serve one
                                     * connection alone */
    bool asks_receiver;             /* something was stated that only our own
                                     * receiver can do */
    bool foreground, no_monitor;    /* -F, -e: on the target */
    bool paused, preserve_domid, debug;
    int history;                    /* enum history_mode */
    struct xpc_params params;
    bool not_enforced;              /* downtime stated, but --debug */
    int progress;                   /* enum progress_mode */
    const char *report_file;        /* NULL: none */
};

extern const char migrate_help[];

/*
 * Returns 0, 1 when help is wanted, or -1 with one line in err.
 */
int migrate_parse_options(int argc, char **argv, struct migrate_options *o,
                          char err[XPC_ERR_LEN]);

/* ---- signals: xl_interrupt.c ------------------------------------------ */

/* Was it set to be ignored before we were started? Then it stays so. */
bool interrupt_ignored(int sig);

/*
 * Blocks SIGINT, SIGTERM and SIGHUP for good, in children too, and returns a
 * descriptor to wait on for them, or -1. Those that are ignored stay ignored.
 * The save helper must not die of a Ctrl-C: it would leave log-dirty on.
 */
int interrupt_open(void);

/* Takes one signal off the descriptor; 0: there is none. Never blocks. */
int interrupt_take(int fd);

/* ---- the other end: xl_transport.c ------------------------------------ */

struct transport {
    pid_t pid;                      /* 0: not started, or reaped */
    char *rune;                     /* what sh runs */
    int send_fd, recv_fd;           /* -1: closed */
    int spare_fd;                   /* the child's end of send_fd; 0: none */
    int out_fd;                     /* and of recv_fd, until it runs */
    /* More of them, to the same receiver: xl_channels.c. */
    struct transport *further;
    unsigned int nr_further;
    bool further_silent;            /* what they say now is their end */
    char last[64];                  /* what was last said, and never read */
    size_t last_len;
};

/* What sh is to run to reach the receiver. malloc()ed. */
char *transport_rune(const struct migrate_options *o);

/*
 * Makes the pipes, and starts it; frees nothing. 0, or -1 with errno. A child
 * that ends is not noticed at send_fd before transport_let_go(): libxl (4.17)
 * crashes when it can't write the first bytes of its stream, before its helper
 * is started.
 */
int transport_open(struct transport *t, char *rune);
int transport_run(struct transport *t);
int transport_start(struct transport *t, char *rune);   /* both */
void transport_let_go(struct transport *t);

/* Of another process than the one that runs it, and of further ones: keeps
 * recv_fd alone. */
void transport_only_listen(struct transport *t);

/* Reads until the other end has closed, or said nothing for so long. */
void transport_hear_out(struct transport *t, int patience_ms);

/*
 * Closes our ends and gives the child two seconds to exit; says so if that
 * is with an error. kill_it: ends it if it stays, and leaves nothing of it.
 * late: the target has all of the guest and has yet to see that it is not to
 * run it. It writes a word before it removes its copy, and dies of a pipe that
 * is closed by then: so it gets half a minute more, until a signal at
 * interrupt_fd.
 */
void transport_end(struct transport *t, bool kill_it, bool late,
                   int interrupt_fd);

/* The same of several, without a word, and without patience. */
void transport_drop(struct transport *t, unsigned int nr);

/* After the two above: were these the other end's last words? */
bool transport_ended_with(const struct transport *t, const void *msg,
                          size_t len);

/* ---- when we are killed: xl_guard.c ----------------------------------- */

/* What xl tells the guard: who has the guest. */
enum guard_word {
    GUARD_UNTOUCHED = 'u',          /* it runs here, nothing has begun */
    GUARD_HERE = 'h',               /* we do, whatever its name and state */
    GUARD_ASKED = 'a',              /* so do we, and it was asked to suspend */
    GUARD_LATE = 'l',               /* it runs here, may still suspend, and is
                                     * the guard's to resume then */
    GUARD_GO = 'g',                 /* nobody knows: go may have been given */
    GUARD_THERE = 't',              /* it runs on the target */
    GUARD_DONE = 'd',               /* all is done */
};

struct guard {
    pid_t pid;                      /* 0: there is none */
    int fd;
    bool late;                      /* it was told GUARD_LATE */
};

/*
 * Forks the guard. Returns 1 in the parent, or -1 with errno. In the guard it
 * returns 0 and the last word, if and when the parent and its save helper
 * have ended without guard_end(), or at once after GUARD_LATE. It has the
 * parent's memory as it was and, of the transport (NULL: there is none), what
 * the receiver says. It is to exit.
 */
int guard_start(struct guard *g, struct transport *t, int *word_r);

/* Before what is told is done: each holds even if we are killed right now. */
void guard_tell(struct guard *g, enum guard_word word);

/* Is the guard to wait for the end of children started now, too? */
void guard_inherit(struct guard *g, bool children_too);

/*
 * All is done: the guard ends, or after GUARD_LATE is left to what it does.
 * Does nothing if there is none.
 */
void guard_end(struct guard *g);

/* ---- progress: xl_progress.c ------------------------------------------ */

struct progress {
    int mode;                       /* enum progress_mode, never AUTO */
    bool redraw;                    /* on one line, with \r */
    bool open;                      /* such a line stands there */
    struct xpc_params params;
    uint64_t begun_ns;              /* CLOCK_MONOTONIC */
    uint64_t shown;                 /* the last iteration shown */
    uint64_t iteration;             /* being sent */
    uint64_t done, total;           /* its frames, as libxenguest counts */
    bool suspended;                 /* the caller's: these are the rest */
    /* The caller's: the guest was asked to suspend, acknowledged it. 0: no. */
    uint64_t asked_ns, acknowledged_ns;
    uint64_t total_bytes;           /* all of the domain, as it is sent */
    uint64_t last_ns;               /* when the last line was written */
};

void progress_init(struct progress *p, const struct migrate_options *o);
/* libxl's own progress: frames done of total in an iteration, from 1. */
void progress_frames(struct progress *p, uint64_t iteration, uint64_t done,
                     uint64_t total);
void progress_iteration(struct progress *p, const struct xpc_iteration *it);
/* Other parameters are in force: says so, if it is news. */
void progress_params(struct progress *p, const struct xpc_params *params);
/* Is a line due that says how far a long iteration is? */
bool progress_due(const struct progress *p);
/* Shows it then. */
void progress_tick(struct progress *p, pid_t not_helper);
/* The same while a guest that is late to suspend is waited for. */
void progress_taking_back(struct progress *p, uint64_t waited_ns,
                          uint64_t left_ns);
/* Before anything else is written to stderr. */
void progress_break(struct progress *p);

/* ---- the log: xl_logger.c --------------------------------------------- */

/*
 * Passes libxl's log on to stderr, its progress to p. Lines that only tell
 * of our own abort, or falsely ("domain did not respond to suspend request"),
 * are held back until it is known what happened.
 */
struct migrate_logger;

struct migrate_logger *migrate_logger_open(struct progress *p);
/* From now on every error is held back, until the next release. */
void migrate_logger_hold(struct migrate_logger *l);
/* The last error held back, with its cause: a static string, or NULL. */
const char *migrate_logger_last(const struct migrate_logger *l);
/* Forgets of them what contains part. */
void migrate_logger_forget(struct migrate_logger *l, const char *part);
/* Writes what was held back, or with show false forgets it. */
void migrate_logger_release(struct migrate_logger *l, bool show);
xentoollog_logger *migrate_logger_xtl(struct migrate_logger *l);
void migrate_logger_close(struct migrate_logger *l);

/* ---- the report: xl_report_file.c, xl_report.c ------------------------ */

struct report_file {
    const char *path;               /* NULL: none wanted */
    char *target;                   /* where its symbolic links lead to */
    char *tmp;                      /* NULL: written in place */
    bool truncate;                  /* a regular file, in place */
    FILE *f;
};

/* Returns 0, or -1 with one line in err. */
int report_open(struct report_file *rf, const char *path,
                char err[XPC_ERR_LEN]);
/* Writes and closes; report NULL: forgets it. Returns 0, or -1 and says so. */
int report_close(struct report_file *rf, const struct xpc_report *report);
/*
 * The report's reason when the guest was left to the guard, which waits for it
 * to suspend.
 */
#define XL_REASON_SUSPEND_PENDING "suspend-pending"

/* For people. name: the domain's. */
void report_print(FILE *out, const char *name,
                  const struct xpc_report *report);

/* Where the downtime went: xl_downtime.c. Nothing if there was none. */
void downtime_print(FILE *out, const struct xpc_report *report);

/* ---- leftovers: xl_migrate_leftover.c ---------------------------------- */

/* What a domain is called here once it is suspended, and there until then. */
#define MIGRATE_AWAY "--migratedaway"
#define MIGRATE_INCOMING "--incoming"

/*
 * Is the domain something that an earlier migration left, or is its name for
 * the switchover taken by one? Returns 0, or -1 with one line in err.
 */
int migrate_check_leftovers(libxl_ctx *ctx, const char *name,
                            char err[XPC_ERR_LEN]);

/* Is there a half-built copy of it on this host? Says so on stderr. */
void migrate_tell_leftover(libxl_ctx *ctx, const char *name);

/* ---- the configuration: xl_migrate_config.c --------------------------- */

/*
 * The domain's configuration as JSON, or that of o->config_file. Returns a
 * malloc()ed string, or NULL with one line in err.
 */
char *migrate_config(libxl_ctx *ctx, uint32_t domid,
                     const struct migrate_options *o, char err[XPC_ERR_LEN]);

/* ---- the sender: xl_sender.c ------------------------------------------ */

struct sender;

/* What became of a guest that could suspend after its migration had failed. */
enum late {
    LATE_NO,                        /* it could not */
    LATE_RESUMED,                   /* it has, and was resumed */
    LATE_NEVER,                     /* it was waited for and has not */
    LATE_LEFT,                      /* the guard waits for it */
    LATE_OTHERS,                    /* another program has it suspend */
    LATE_ENDED,                     /* it has ended: see ended */
};

/* What the sender needs of libxl. Each returns 0 or a libxl error. */
struct sender_ops {
    /* Sets s->ended if the guest has ended by itself. */
    void (*look)(struct sender *s);
    /*
     * Copies the guest to s->t.send_fd and suspends it. On a signal it sets
     * s->interrupted and aborts.
     */
    int (*save)(struct sender *s);
    /* Reads the plug-in's report into *s->report. */
    int (*read_report)(struct sender *s);
    int (*rename)(struct sender *s, const char *from, const char *to);
    /*
     * The guest runs again if it is suspended, or is about to be. If it has
     * ended by itself, s->ended says so.
     */
    int (*take_back)(struct sender *s);
    int (*destroy)(struct sender *s);
};

struct channels;

struct sender {
    const struct sender_ops *ops;
    struct transport t;
    struct channels *channels;      /* that the stream goes over: NULL: t */
    bool greeted;                   /* the receiver's banner is taken */
    bool stock_receiver;            /* it was asked, and knows no channels */
    bool count_zero_pages;          /* that are sent in full, for want of
                                     * channels */
    uint64_t patience_ns;           /* until when to wait; 0: for ever */
    unsigned int further_ms;        /* how long the further connections may
                                     * take; 0: as the receiver has it */
    const char *name;               /* of the domain, NULL: it has none */
    const char *config;             /* JSON */
    int interrupt_fd;
    struct progress *progress;
    struct xpc_report *report;
    bool report_read;               /* the plug-in's is in it */
    bool interrupted;
    bool told_to_go;                /* the target may run the guest */
    /*
     * With strict: when it is too late to say "go", 0: never; and why the
     * switchover was broken off (enum xpc_reason), 0: it was not.
     */
    uint64_t deadline_ns;
    int broken;
    bool stuck;                     /* suspended here, can't be resumed */
    bool orphaned;                  /* we are the guard, xl was killed */
    bool copy_left;                 /* the target may keep one, paused */
    const char *ended;              /* what the guest did, NULL: it lives */
    bool asked;                     /* it was asked to suspend, as seen here */
    enum late late;
    uint64_t late_ns;               /* CLOCK_MONOTONIC: seen suspended */
    struct guard guard;
    char *away_name;                /* what it is called here meanwhile */
    /* CLOCK_MONOTONIC; 0: not reached */
    uint64_t saved_ns, ready_ns, go_ns, started_ns, broken_ns,
             resumed_ns;
    /* xl_migrate_save.c, xl_take_back.c */
    libxl_ctx *ctx;                 /* another one after a failed save() */
    uint32_t domid;
    libxl_uuid uuid;                /* nil: not known */
    int lock_fd;                    /* the domain's lock, or -1 */
    int suspend_flags;
    struct migrate_logger *logger;
};

/*
 * The sender's side of a migration, from the receiver's banner on. Returns
 * the exit status; the report then has its outcome and times.
 */
int sender_run(struct sender *s);

/* What remains when there is no receiver to begin with. The same. */
int sender_give_up(struct sender *s);

/*
 * What the guard does when xl was killed after its last word. s is as xl had
 * it before sender_run(), with away_name what the domain is called now, if
 * that is not its name. Returns what xl's exit status should have been.
 */
int sender_stand_in(struct sender *s, int word);

/* ---- how it reads and writes: xl_sender_io.c --------------------------- */

#define SAY "migration sender: "

/* A signal came: says what that means now. True: it is time to give up. */
bool sender_signal(struct sender *s);
/* Those that have come meanwhile, the same. */
bool sender_take_signals(struct sender *s);

/* The promise can't be kept (enum xpc_reason): says so once. */
void sender_break(struct sender *s, int reason);

/* Has one of the further connections ended, before "go"? Says so. */
bool sender_further_ended(const struct sender *s);

/*
 * Each returns 0, or -1: it has failed, or it is time to give up. What can't
 * be read or written is said, as the what that it is; NULL: it isn't.
 */
int sender_wait(struct sender *s, int fd, short events);
int sender_write(struct sender *s, int fd, const void *data, size_t len,
                 const char *what);
int sender_read(struct sender *s, int fd, void *data, size_t len,
                const char *what);
/* Reads a message that can only be this one. */
int sender_expect(struct sender *s, int fd, const void *msg, size_t len,
                  const char *what);

/* With libxl behind it: xl_migrate_save.c. */
extern const struct sender_ops libxl_sender_ops;

/* ---- the guest: xl_take_back.c ----------------------------------------- */

/*
 * Returns 1 when it is suspended, 0 when not, or a libxl error. s->ended is
 * set when it has ended.
 */
int sender_is_suspended(struct sender *s);

/*
 * See struct sender_ops. Waits for a guest that has acknowledged a request to
 * suspend, for minutes, and sets s->late. A signal meanwhile leaves that to
 * the guard.
 */
int sender_take_back(struct sender *s);

#endif
