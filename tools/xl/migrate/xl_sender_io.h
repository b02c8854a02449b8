/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a migration on the source, and how the sender reads and writes
 * while it watches for signals and deadlines.
 */
#ifndef XL_MIGRATE_XL_SENDER_IO_H
#define XL_MIGRATE_XL_SENDER_IO_H

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>
#include <libxl_uuid.h>

#include <xenprecopy/xenprecopy.h>

#include "migrate/xl_guard.h"
#include "migrate/xl_logger.h"
#include "migrate/xl_progress.h"
#include "migrate/xl_transport.h"

struct channels;
struct sender;

/* What became of a guest that could still suspend after a failed migration. */
enum late_suspend {
    LATE_NO,                        /* it could not */
    LATE_RESUMED,                   /* it suspended and was resumed */
    LATE_NEVER,                     /* it did not suspend in time */
    LATE_LEFT,                      /* the guard waits for it */
    LATE_OTHERS,                    /* another program is suspending it */
    LATE_ENDED,                     /* it has ended, see ended */
};

/* What the sender needs of libxl. Functions return 0 or a libxl error. */
struct sender_ops {
    /* Sets s->ended if the guest has ended by itself. */
    void (*check_guest)(struct sender *s);
    /*
     * Copies the guest to s->t.send_fd and suspends it. On a signal it sets
     * s->interrupted and aborts.
     */
    int (*save)(struct sender *s);
    /* Reads the plug-in's report into *s->report. */
    int (*read_report)(struct sender *s);
    int (*rename)(struct sender *s, const char *from, const char *to);
    /*
     * Resumes the guest if it is suspended or is about to suspend. Sets
     * s->ended if it has ended by itself.
     */
    int (*take_back)(struct sender *s);
    int (*destroy)(struct sender *s);
};

/* Times are ns of CLOCK_MONOTONIC; 0: not reached, or no limit. */
struct sender {
    const struct sender_ops *ops;
    struct transport t;
    struct channels *channels;      /* NULL: a single plain connection */
    bool greeted;                   /* the receiver's banner has been read */
    bool stock_receiver;            /* it was asked and has no channels */
    bool count_zero_pages;          /* zero pages are sent in full because
                                     * there are no channels: count them */
    uint64_t answer_deadline_ns;    /* for the current wait */
    unsigned int further_ms;        /* time for the further connections; 0:
                                     * the receiver's default */
    const char *name;               /* of the domain, or NULL */
    const char *name_there;         /* on the target, which takes it from the
                                     * configuration; or NULL */
    const char *config;             /* JSON */
    int interrupt_fd;               /* see xl_interrupt.h; -1: none */
    struct progress *progress;
    struct xpc_report *report;
    bool report_read;               /* it has the plug-in's report */
    bool interrupted;
    bool told_to_go;                /* the target may run the guest */
    uint64_t deadline_ns;           /* with strict: "go" must be sent by
                                     * then */
    int broken;                     /* why the migration was broken off, enum
                                     * xpc_reason; 0: it was not */
    bool stuck;                     /* suspended here, can't be resumed */
    bool orphaned;                  /* this is the guard, xl was killed */
    bool copy_left;                 /* the target may keep a paused copy */
    const char *ended;              /* how the guest ended, NULL: it lives */
    bool asked;                     /* the guest was seen to be asked to
                                     * suspend */
    enum late_suspend late;
    uint64_t late_ns;               /* when it was seen suspended */
    struct guard guard;
    char *away_name;                /* the domain's name while it is renamed;
                                     * NULL: it is not */
    uint64_t saved_ns, ready_ns, go_ns, started_ns, broken_ns, resumed_ns;
    /* For xl_migrate_save.c and xl_take_back.c: */
    libxl_ctx *ctx;                 /* replaced after a failed save() */
    uint32_t domid;
    libxl_uuid uuid;                /* nil: unknown */
    int lock_fd;                    /* the domain's lock; -1: not held */
    int turn_fd;                    /* xen/turn.h; -1: none */
    int suspend_flags;
    struct migrate_logger *logger;
};

/*
 * Handles a signal according to the state of the migration, with a message.
 * Returns true if the migration is to be given up.
 */
bool sender_handle_signal(struct sender *s);
/* The same for all pending signals. */
bool sender_take_signals(struct sender *s);

/*
 * Breaks the migration off because the downtime limit can't be kept (enum
 * xpc_reason). Only the first call has an effect.
 */
void sender_break_off(struct sender *s, int reason);

/*
 * Whether one of the further connections has ended before "go"; if so, with a
 * message.
 */
bool sender_further_ended(const struct sender *s);

/*
 * These return 0, or -1 if there was an error, the migration is to be given up
 * or answer_deadline_ns has passed. what names the data in error messages;
 * NULL: no messages. The fd of sender_write() must be a pipe or non-blocking.
 */
int sender_wait(struct sender *s, int fd, short events);
int sender_write(struct sender *s, int fd, const void *data, size_t len,
                 const char *what);
int sender_read(struct sender *s, int fd, void *data, size_t len,
                const char *what);
/* Reads a message that must be exactly msg, at most 128 bytes. */
int sender_expect(struct sender *s, int fd, const void *msg, size_t len,
                  const char *what);

#endif
