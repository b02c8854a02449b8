/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The surroundings of the save plug-in: the parts of libxenguest and
 * libxenctrl that it calls, libxl's callbacks, and a xenstore in memory
 * (fake_xenstore.h). The test's script takes the place of libxenguest's save
 * loop.
 */
#ifndef TESTS_SUPPORT_FAKE_SAVE_H
#define TESTS_SUPPORT_FAKE_SAVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "save/session.h"
#include "support/fake_clock.h"
#include "support/fake_xenstore.h"

/* 4 GiB: at 100 Mbit/s, no limit under 343 s is met. */
#define DIRTY (1u << 20)
#define GPFNS 1024

/* The guard can't be started; or it is killed before the suspend. */
extern bool no_guard, guard_killed;

/* The guest's type in xenstore during the next saves; NULL: none. */
extern const char *guest_type;

/* The toolstack's callbacks in the next saves; NULL: those of libxl. */
extern struct save_callbacks *fake_callbacks;

/* Of each iteration of the next saves; NULL: the sampler does not start. */
extern const struct xpc_dirty_count *fake_samples;
extern size_t nr_fake_samples;

/* The scheduler (0: credit2) and the guest's cap in the next saves. */
extern uint32_t fake_scheduler;
extern uint16_t fake_cap;

/* Zeroed by fake_save(), except for what it sets. */
extern struct fake_env {
    const struct save_callbacks *cb;    /* of the save loop; NULL: no save */
    int io_fd;
    unsigned int dirty;                 /* what Xen counts; DIRTY */
    int (*script)(void);
    /* The domain. The plug-in also looks at it from a thread. */
    atomic_bool asked_to_suspend, suspended;
    atomic_uint paused;                 /* is paused for that many looks */
    atomic_bool unanswered;             /* Xen does not tell of it */
    bool dying;
    int grown_pages;                    /* since the save began */
    uint64_t cpu_time_ns;               /* that the guest has used */
    /* The scheduler, the guest's cap, and those that were set. */
    uint32_t scheduler;
    uint16_t cap, caps[32];
    int nr_caps;
    bool cap_fails;                     /* it can't be set */
    bool slow_when_asked;               /* it was when asked to suspend */
    /* Other processes, and what the plug-in has done to them. */
    bool locked;                        /* another one has the domain's lock */
    pid_t other;                        /* a helper that saves the domain;
                                         * -1: that can't be told */
    pid_t stopped;                      /* the helper that was stopped */
    int locks;                          /* locks held by the plug-in */
    /* Log-dirty. */
    bool log_is_off, log_is_unknown;
    bool log_dirty_off;                 /* xen_logdirty_off() was called */
    bool dm_log;                        /* the device model's log is on */
    int cleans, switches;               /* calls of libxenctrl */
    void (*on_clean)(void);             /* called before a CLEAN */
    /* Fills in the bitmap of a CLEAN or PEEK. Returns whether it fails. */
    bool (*read_log)(unsigned int sop, uint64_t *bitmap);
    /* The functions of libc that the plug-in calls. */
    size_t (*write_room)(void);         /* how much writev() takes at most;
                                         * NULL: everything */
    void (*at_exit)(void);              /* the plug-in's exit handler */
    char log[1024];                     /* of libxenguest, with newlines */
    char syslog[1024];                  /* of the system, with newlines */
    char guard[256];                    /* what the guard was told */
} env;

/*
 * Saves domain 7 to fd with these parameters (JSON; NULL: none), and an
 * administrator's file that is empty unless conf_fixture_use() was called.
 * script returns what
 * xc_domain_save() does. Returns that and the report, which the caller disposes
 * of. Fails if the plug-in has left something in xenstore, or holds a lock. params "once ..." are those of a toolstack of ours.
 */
int fake_save(int fd, const char *params, int (*script)(void),
              struct xpc_report *r);

/*
 * The same to /dev/null, with a clock that is stopped except for what is
 * written.
 */
int fake_save_to_null(const char *params, int (*script)(void),
                      struct xpc_report *r);

/* libxl's callback: the guest suspends at once. */
int fake_suspend(void *data);

/* The save under way. */
struct save_session *session(void);

/* libc's function, past the one of the plug-in. */
ssize_t libc_writev(int fd, const struct iovec *iov, int nr);

/* ---- for scripts ------------------------------------------------------- */

/*
 * Writes two megabytes, which suffices to measure a bandwidth: 1 GB/s if the
 * clock is stopped. Returns 0 or -1.
 */
int loop_send_some(void);

/*
 * One iteration, with loop_send_some(). Returns the decision of the policy at
 * its end.
 */
int loop_iterate(unsigned int n);

/* Sets errno. Returns -1. */
int loop_fail(int errnoval);

#endif
