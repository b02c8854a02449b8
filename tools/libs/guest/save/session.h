/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The save plug-in: what its files share. It lives in libxl's save helper,
 * one save a process.
 */
#ifndef SAVE_SESSION_H
#define SAVE_SESSION_H

#include <pthread.h>

#include <xenctrl.h>
#include <xenguest.h>

#include <xenprecopy/workset.h>

#include "base/rate_limiter.h"
#include "base/thread.h"
#include "core/policy.h"
#include "save/pages.h"
#include "save/sampler.h"
#include "save/stream/parse.h"
#include "save/stream/sink_channels.h"
#include "save/stream/zero.h"
#include "save/watchdog.h"
#include "xen/store.h"

/* What users say meanwhile: save/control.c. */
struct save_control {
    char *asked;                /* the leaf "current" as last seen */
    uint64_t looked_ns;         /* for a cancel, last */
    bool cancelled;             /* there was one: the save must end */
    bool refused;               /* the leaf "refused" is there */
};

struct save_ctx {
    xc_interface *xch;
    struct xs_handle *xs;
    uint32_t domid;
    int io_fd;
    int lock_fd;                /* the domain's lock; -1: not held */
    uint64_t counted;           /* dirty pages at the last count; 0: none
                                 * since the last clean */
    char log_lost[128];         /* why log-dirty can't be trusted, else "" */
    bool hvm;                   /* or PVH */
    const struct save_callbacks *stock;     /* libxl's own */
    bool standing;              /* the parameters are from the leaf "params" */
    struct xpc_params params;
    struct xpc_engine engine;
    struct xpc_report report;
    struct save_stream stream;
    struct save_zero *zero;
    bool auto_asked;            /* XPC_ZERO_PAGES_AUTO was... */
    struct save_pages *pages;   /* ... so zero pages are looked for; or NULL */
    struct rate_limiter bucket;  /* the cap on what leaves */
    struct save_channels *channels;     /* that it leaves by; NULL: io_fd */
    struct save_control control;
    struct save_sampler *sampler;           /* NULL: it could not start */
    struct xpc_workset workset;             /* nr_pfns 0: not watched */
    uint64_t clean_ns;                      /* the bitmap's last clean */
    uint64_t bitmap_begun_ns;   /* it was asked for; 0: its first page, if
                                 * any, has been found */
    uint64_t bitmap_ns;         /* between the two, of the last one; 0: none */
    /* The iteration under way began with these. */
    uint64_t iteration_bytes, iteration_pages, iteration_zero_pages;
    uint64_t iteration_wire_bytes;
    /* In it, page data that was written, and the time that took. */
    uint64_t flow_bytes, flow_ns;
    uint64_t wrote_ns;          /* the last write's end; 0: none yet */
    bool link_busy;             /* before the write under way */
    /* Of the last iteration; it is written when the guest runs again. */
    struct xpc_iteration last;
    bool last_pending;
    bool live;                  /* precopy is under way */
    struct save_watchdog *watchdog;
    bool overrun;               /* the switchover was broken off */
    bool pages_done;            /* in it, state follows */
    uint64_t final_dirty;       /* pages that it had to send */
    bool dm_log;                /* the device model's log is on */
    bool orphaned;              /* the toolstack is gone */
    bool out_of_time;           /* a write was refused: the duration is over */
    uint64_t deadline_ns;       /* no write begins after it; 0: none */
    uint64_t suspend_bytes;     /* stream.bytes when the suspend was asked */
    uint64_t suspend_pages, suspend_page_bytes, suspend_zero_pages;
};

/*
 * The save under way, NULL when there is none that has a policy. For the main
 * thread alone. save_activate() sets it, and whose writes are the stream's.
 */
extern struct save_ctx *save_active;
void save_activate(struct save_ctx *ctx);

/*
 * The function of that name that the plug-in stands in front of; it is looked
 * up once, *found keeps it. For any thread, at any time: the constructors of
 * other libraries may call what the plug-in stands in front of before its own
 * have run.
 */
void *save_next(_Atomic(void *) *found, const char *name);

/* libxenctrl's xc_shadow_control(), not the plug-in's. */
int save_real_shadow(struct save_ctx *ctx, unsigned int sop);

/*
 * The domain is this save's (save/claim.c). Returns 0, or -1 with errno and
 * one line in err. In any case to be followed by save_unclaim().
 */
int save_claim(struct save_ctx *ctx, char err[XPC_ERR_LEN]);
void save_unclaim(struct save_ctx *ctx);

/*
 * Log-dirty is this save's: may it be switched on or off; may it be cleaned;
 * and, when so many pages were found dirty, by a count and by a clean, was it
 * undisturbed? Once it was not, log_lost says why.
 */
bool save_log_may_switch(struct save_ctx *ctx);
bool save_log_is_ours(struct save_ctx *ctx);
bool save_log_counted(struct save_ctx *ctx, uint64_t pages);
bool save_log_cleaned(struct save_ctx *ctx, uint64_t pages);

/* The two callbacks that libxenguest is given instead of libxl's. */
int save_policy(struct precopy_stats stats, void *data);
int save_suspend(void *data);

/* Around every clean of the bitmap, and when log-dirty has been enabled. */
void save_clean_begins(struct save_ctx *ctx);
void save_cleaned(struct save_ctx *ctx);

/* The bitmap is asked for, and its first page, or none, has been found. */
void save_bitmap_begins(struct save_ctx *ctx);
void save_bitmap_ends(struct save_ctx *ctx);

/* len bytes starting in iov have been written to the stream. */
void save_wrote(struct save_ctx *ctx, const struct iovec *iov, int iovcnt,
                size_t len);

/* The same of len bytes of zero pages, as a run. */
void save_wrote_zeros(struct save_ctx *ctx, size_t len);

/* How many zero pages were written without their data so far. */
static inline uint64_t save_zero_pages(const struct save_ctx *ctx)
{
    return ctx->zero->pages + ctx->stream.zero_pages;
}

/* All that was written has left by now. */
void save_flowed(struct save_ctx *ctx);

/*
 * May what is to be written leave, page data or not? Not when precopy's time
 * is over, not when a user has cancelled it, and not when it comes too late for
 * the promise: then errno is set.
 */
bool save_may_write(struct save_ctx *ctx, bool pages);
/* The cap on what leaves now; 0: none. */
uint64_t save_cap(const struct save_ctx *ctx);
/* Has the toolstack's SIGTERM made the stream unwritable? */
bool save_stopped(const struct save_ctx *ctx);

/*
 * Tells that a migration is under way, and that it has ended. All of
 * save/control.c is for the main thread: there is one xenstore handle.
 */
void save_control_begin(struct save_ctx *ctx);
void save_control_end(struct save_ctx *ctx);

/* At an iteration's end: has it been cancelled? Takes in other parameters. */
bool save_control_read(struct save_ctx *ctx);

/* Has it been cancelled? Looks only now and then, for use at every write. */
bool save_control_cancelled(struct save_ctx *ctx, uint64_t now_ns);

/* The same, looking whatever the time is. */
bool save_control_look(struct save_ctx *ctx);

/* From when on no write may begin, by the parameters. */
void save_control_deadline(struct save_ctx *ctx);

/*
 * The clock through the switchover: the request, the guest suspended, so many
 * pages left, and whether a write (of page data?) comes too late.
 */
void save_strict_asked(struct save_ctx *ctx);
void save_strict_suspended(struct save_ctx *ctx);
void save_strict_left(struct save_ctx *ctx, uint64_t pages);
bool save_strict_broken(struct save_ctx *ctx, bool pages);

/*
 * The working set (save/workset.c): set up before log-dirty is on, and given
 * every bitmap that was read and cleaned with the guest running. It goes with
 * xpc_workset_dispose().
 */
void save_workset_start(struct save_ctx *ctx);
void save_workset_read(struct save_ctx *ctx, xc_hypercall_buffer_t *bitmap,
                       unsigned long pages);
void save_workset_tell(const struct save_ctx *ctx,
                       struct xpc_working_set *set_r);

/* Puts the outcome into the report, from how the save ended. */
void save_conclude(struct save_ctx *ctx, int rc, int errnoval);

/* Writes the report, and takes away what was for this save alone. */
void save_finish(struct save_ctx *ctx);

/*
 * libxl's callback for the device model's log, passed on (save/dm_log.c); and
 * switches it off when libxl can't be asked to any more.
 */
int save_dm_log_switch(uint32_t domid, unsigned int enable, void *data);
void save_dm_log_end(struct save_ctx *ctx);

/* From now on the save ends when the toolstack does. For one save a process. */
void save_toolstack_watch(void);

/* One line where stock libxl's users see it: the toolstack's log. */
__attribute__((format(printf, 2, 3)))
void save_log(struct save_ctx *ctx, const char *fmt, ...);

#endif
