/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxenprecopy: the policy of a live migration.
 *
 * The engine is pure: it is told what happened and what time it is, and says
 * what to do and why. It knows nothing of Xen, files, xenstore, JSON or the
 * wall clock, so that a live migration, a prediction and a simulation decide
 * by the same code.
 *
 * Units are in the names. Times are uint64_t nanoseconds of a monotonic
 * clock, sizes are bytes, rates are bytes per second. Terms (precopy,
 * iteration, stop-and-copy, switchover, downtime) are explained in
 * docs/design.md.
 */
#ifndef XENPRECOPY_XENPRECOPY_H
#define XENPRECOPY_XENPRECOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XPC_PAGE_SIZE 4096u
/* A page's share of a PAGE_DATA record besides its data: one 64-bit pfn. */
#define XPC_PAGE_HEADER 8u

/* ---- parameters ---------------------------------------------------- */

enum xpc_policy {
    XPC_POLICY_LIMIT,   /* keep to the downtime limit, or abort */
    XPC_POLICY_STOCK,   /* what stock Xen decides, one for one */
};

enum xpc_on_timeout {
    XPC_ON_TIMEOUT_ABORT,
    XPC_ON_TIMEOUT_SUSPEND,
};

/* With on-timeout abort: give up as soon as there is no hope? */
enum xpc_early_abort {
    XPC_EARLY_ABORT_ON,
    XPC_EARLY_ABORT_OFF,
};

/* Is a switchover that would pass the maximum downtime taken back? */
enum xpc_strict {
    XPC_STRICT_OFF,
    XPC_STRICT_ON,
};

/*
 * How is a page that is all zero sent?
 *
 * ELIDE relies on the target's Xen, which doesn't scrub the pages that a
 * running domain gives back: it is for callers who know that no domain there
 * gives back pages that it has not cleared.
 */
enum xpc_zero_pages {
    XPC_ZERO_PAGES_SEND,    /* as any other page */
    XPC_ZERO_PAGES_ELIDE,   /* allocate only, if it never had data before */
    XPC_ZERO_PAGES_AUTO,    /* over channels as a mark, from which the
                             * receiver writes the page; else SEND */
};

/* How is what goes over channels compressed? As enum channel_codec has it. */
enum xpc_compress {
    XPC_COMPRESS_OFF,
    XPC_COMPRESS_ZSTD,
    XPC_COMPRESS_LZ4,
};

#define XPC_CHANNELS_MAX 16

/* The cap on precopy's rate: what becomes of it for the stop-and-copy? */
enum xpc_switchover {
    XPC_SWITCHOVER_LIFTED,
    XPC_SWITCHOVER_KEPT,
    XPC_SWITCHOVER_RATE,    /* another: switchover_bytes_per_s */
};

/*
 * Does the guest have a device model (QEMU)? The target starts a new one while
 * the guest stands still. An HVM guest has one, a PV or PVH guest only if one
 * of its backends is in QEMU.
 */
enum xpc_device_model {
    XPC_DEVICE_MODEL_UNKNOWN,       /* assumed to be there */
    XPC_DEVICE_MODEL_NO,
    XPC_DEVICE_MODEL_YES,
};

/* More vifs and disks are taken for so many. */
#define XPC_DEVICES_MAX 1024

/* What a guest's switchover overhead depends on. All 0: unknown. */
struct xpc_guest {
    enum xpc_device_model device_model;
    uint64_t devices;               /* its vifs and disks */
    uint64_t pfns;                  /* that the dirty bitmap has; 0: not known,
                                     * as many as it has pages */
};

/*
 * What earlier migrations to the same target have taught: the mean of the
 * switchover overhead and of the pages that suspending dirties, and how far
 * the next may be from it (standard deviations). 0: nothing is known.
 */
struct xpc_prior {
    struct xpc_guest guest;         /* that this was learned for */
    uint64_t overhead_ns, overhead_sd_ns;
    uint64_t suspend_pages, suspend_pages_sd;
    uint64_t start_ns;              /* to be reserved for what comes after
                                     * "go": mean and twice its deviation */
    uint64_t at_least_ns;           /* a switchover that was broken off had an
                                     * overhead of more; 0: none counts */
};

struct xpc_params {
    enum xpc_policy policy;
    uint64_t duration_ns;           /* of precopy; 0: no limit */
    uint64_t downtime_ns;           /* the downtime limit */
    uint64_t max_downtime_ns;       /* 0: the same as downtime_ns */
    uint64_t bandwidth_bytes_per_s; /* what the link gives; 0: measured */
    enum xpc_on_timeout on_timeout;
    uint64_t iterations;            /* at most so many; 0: no limit
                                     * (stock policy: 5) */
    uint64_t threshold_pages;       /* below it copying on is pointless; 0:
                                     * none (stock policy: 50) */
    uint64_t overhead_ns;           /* switchover overhead; 0: learned, or
                                     * the default */
    uint64_t confidence_percent;    /* that the downtime stays within the
                                     * limit: 50 to 99 */
    enum xpc_early_abort early_abort;
    enum xpc_strict strict;         /* the toolstack does its part, too */
    enum xpc_zero_pages zero_pages;
    uint64_t max_bytes_per_s;       /* no more leaves in precopy; 0: no cap */
    enum xpc_switchover switchover;
    uint64_t switchover_bytes_per_s;    /* with XPC_SWITCHOVER_RATE */
    uint64_t channels;              /* connections to the target. Over 1, or
                                     * with compress: for those who lend them
                                     * to the save helper, else refused */
    enum xpc_compress compress;
    uint64_t compress_level;        /* 0: the least effort */
    struct xpc_guest guest;         /* the plug-in asks xenstore, whatever
                                     * is given */
    struct xpc_prior learned;       /* of the target; overhead_ns outweighs
                                     * what is learned of the overhead */
    bool once;                      /* these hold for one migration: the
                                     * plug-in removes them afterwards */
};

/* The downtime limit where none is given. */
#define XPC_DEFAULT_DOWNTIME_NS UINT64_C(300000000)
/*
 * The switchover overhead assumed where none is known: of a guest without a
 * device model, of one with it (417 ms by make lab SCENARIO=hvm-first, in its
 * last line), and for each vif and disk besides, of which no figure was taken.
 * And how many pages suspending itself dirties: with what backends have mapped,
 * a small Linux guest's 240 (tests/lab, scenario fits-downtime).
 */
#define XPC_DEFAULT_OVERHEAD_NS UINT64_C(100000000)
#define XPC_DEVICE_MODEL_OVERHEAD_NS UINT64_C(450000000)
#define XPC_DEVICE_OVERHEAD_NS UINT64_C(50000000)
#define XPC_DEFAULT_SUSPEND_PAGES 256
#define XPC_DEFAULT_CONFIDENCE_PERCENT 95
/*
 * Reading the dirty bitmap and testing each of its bits, in picoseconds for a
 * pfn, assumed until it was measured: 0.2 s for a TiB. By make bench, lines
 * "dirty bitmap of 1 TiB".
 */
#define XPC_DEFAULT_PFN_PS 750

/*
 * Fills in the defaults: policy limit, 300 ms, no duration, abort; zero pages
 * are sent in full.
 */
void xpc_params_init(struct xpc_params *p);

/*
 * Checks that the parameters make sense together. Returns 0, or -1 with
 * errno EINVAL and one line in err (len bytes).
 */
int xpc_params_check(const struct xpc_params *p, char *err, size_t len);

/* The cap on what leaves while the guest stands still; 0: none. */
uint64_t xpc_params_switchover_cap(const struct xpc_params *p);
/*
 * So much was really sent in precopy, per second: is that the cap, and no more
 * than an earlier one let pass; and is the switchover free of it?
 */
bool xpc_params_at_cap(const struct xpc_params *p, uint64_t bytes_per_s);
bool xpc_params_held_back(const struct xpc_params *p, uint64_t bytes_per_s);
/* The highest level that a compression (enum xpc_compress) has; 0: none. */
uint64_t xpc_compress_level_max(enum xpc_compress compress);
/* Is the stream to be put into channels, one at least? */
bool xpc_params_over_channels(const struct xpc_params *p);
/* The maximum downtime in force. */
uint64_t xpc_params_max_downtime(const struct xpc_params *p);
/* The switchover overhead assumed for such a guest where nothing is known. */
uint64_t xpc_guest_overhead(const struct xpc_guest *guest);
/* Can one's switchover be like the other's? Not if one has a device model and
 * the other has none. */
bool xpc_guest_alike(const struct xpc_guest *a, const struct xpc_guest *b);
/*
 * The overhead for a guest, from what it was for another that is alike: more
 * for the devices that the other lacked, and where one of the two is unknown,
 * no less than what is assumed for this guest.
 */
uint64_t xpc_guest_learned_overhead(const struct xpc_guest *guest,
                                    const struct xpc_guest *from,
                                    uint64_t overhead_ns);
/*
 * What the switchover is taken to cost: what was stated, else what was learned
 * from guests of this kind, else the defaults, of which little is known. Where
 * the kind is not known on either side, what was learned counts for no less
 * than the default.
 */
void xpc_params_prior(const struct xpc_params *p, struct xpc_prior *prior_r);

/* ---- decisions ----------------------------------------------------- */

/* Pages dirty t after the bitmap was clean. */
#define XPC_SAMPLES_MAX 32
struct xpc_dirty_count {
    uint64_t t_ns, pages;
};

/*
 * What successive readings of the dirty bitmap, one an iteration, tell of the
 * pages that a guest writes to. All 0: not known; it takes two readings.
 */
struct xpc_working_set {
    uint64_t pages;             /* distinct ones written to since the start */
    uint64_t repeat_percent;    /* of those dirty at the last reading, dirty
                                 * at the one before, too */
    uint64_t new_percent;       /* of the same, never dirty before */
};

/* What is known when one iteration's pages have been sent. */
struct xpc_observation {
    uint64_t now_ns;
    uint64_t dirty_pages;   /* now, since the last clean */
    uint64_t pages_sent;    /* in this iteration, with data */
    uint64_t bytes_sent;    /* in this iteration, really written */
    uint64_t zero_pages;    /* in this iteration, besides: without data */
    /*
     * Of those, pages with data and their headers, and the time in which they
     * flowed: without what an iteration takes besides (its bitmap, holes in
     * the guest's memory). 0: not known, all of it.
     */
    uint64_t flow_bytes, flow_ns;
    uint64_t wire_bytes;    /* what was sent for bytes_sent; 0: just that */
    uint64_t bitmap_ns;     /* from asking for the bitmap to the first page
                             * that it told of; 0: not known */
    /*
     * The dirty count in the course of this iteration, in growing time, and
     * how long ago the bitmap was clean.
     */
    const struct xpc_dirty_count *samples;
    size_t nr_samples;
    uint64_t since_clean_ns;
    /* As of the pages that this iteration sent: those of now can't be told. */
    struct xpc_working_set working_set;
};

enum xpc_action {
    XPC_CONTINUE,
    XPC_STOP_AND_COPY,
    XPC_ABORT,
};

enum xpc_reason {
    XPC_REASON_CONVERGING,      /* continue: copying on helps */
    XPC_REASON_WITHIN_LIMIT,    /* stop: predicted downtime is in the limit */
    XPC_REASON_THRESHOLD,       /* stop: fewer pages than threshold_pages */
    XPC_REASON_DURATION,        /* the duration is over */
    XPC_REASON_ITERATIONS,      /* the iterations are used up */
    XPC_REASON_STALLED,         /* rounds stopped shrinking */
    XPC_REASON_OVER_MAXIMUM,    /* abort: over the maximum downtime */
    XPC_REASON_STOCK,           /* what stock Xen does */
    XPC_REASON_CANCELLED,       /* abort: the user wants it */
    XPC_REASON_OVERRUN,         /* abort: the switchover took too long */
    XPC_REASON_NO_ANSWER,       /* abort: the guest did not suspend in time */
    XPC_REASON_PAUSED,          /* abort: it is paused, and can't suspend */
    XPC_REASON_LOG_LOST,        /* abort: another save has taken log-dirty */
};

/*
 * A decision with the numbers it rests on. enough_*: what would have been
 * enough when it is an abort, else 0.
 */
struct xpc_decision {
    enum xpc_action action;
    enum xpc_reason reason;
    uint64_t predicted_downtime_ns; /* if the guest were suspended now */
    uint64_t cautious_downtime_ns;  /* not passed with the confidence asked:
                                     * what is held against the limits */
    uint64_t best_downtime_ns;      /* least to be expected by copying on */
    uint64_t bandwidth_bytes_per_s; /* of the switchover, as predicted */
    uint64_t measured_bytes_per_s;  /* what the link gave; 0: not known yet */
    uint64_t overhead_ns;
    uint64_t bitmap_ns;             /* to read and search the last bitmap */
    uint64_t dirty_pages;
    uint64_t time_left_ns;          /* of the duration; 0: over, or no limit */
    struct xpc_working_set working_set;
    uint64_t enough_downtime_ns;
    uint64_t enough_bandwidth_bytes_per_s;
};

/* One finished iteration, for progress and report. */
struct xpc_iteration {
    uint64_t number;                /* from 1 */
    uint64_t pages, bytes;          /* sent in it; pages with data */
    uint64_t zero_pages;            /* and without */
    uint64_t start_ns, duration_ns; /* start since the migration's start */
    uint64_t dirty_pages;           /* at its end */
    struct xpc_decision decision;   /* taken at its end */
};

/* One sentence for people: why, with the numbers. Returns buf. */
const char *xpc_decision_text(const struct xpc_params *p,
                              const struct xpc_decision *d, char *buf,
                              size_t len);

/* ---- a migration under way ----------------------------------------- */

struct xpc_active {
    uint64_t pid;                   /* of the save helper */
    uint64_t start_monotonic_ns;    /* CLOCK_MONOTONIC of the source host */
    struct xpc_params params;       /* that the next decision goes by, unless
                                     * others are asked for until then */
};

/* ---- report -------------------------------------------------------- */

enum xpc_outcome {
    XPC_OUTCOME_UNKNOWN,    /* final handshake failed: check both ends */
    XPC_OUTCOME_REFUSED,    /* nothing was touched */
    XPC_OUTCOME_ABORTED,    /* by policy; guest runs on the source */
    XPC_OUTCOME_INTERRUPTED,/* by the user; guest runs on the source */
    XPC_OUTCOME_FAILED,     /* guest runs on the source */
    XPC_OUTCOME_SENT,       /* stream complete, target not yet started */
    XPC_OUTCOME_MIGRATED,
};

/*
 * What happened. Times of the switchover are since the migration's start;
 * 0: not reached. Owned strings and arrays: xpc_report_dispose().
 */
struct xpc_report {
    uint64_t version;               /* of this format: 1 */
    enum xpc_outcome outcome;
    char *reason;                   /* the last decision's, or an error's */
    char *text;                     /* one sentence for people */
    uint64_t domid;
    struct xpc_params params;
    uint64_t start_monotonic_ns;    /* CLOCK_MONOTONIC of the source host at
                                     * the start: what the times below count
                                     * from */
    uint64_t total_pages;
    struct xpc_decision decision;   /* the last one */
    uint64_t total_time_ns, total_bytes;
    /* With data, and the zero pages without: QEMU's normal and duplicate. */
    uint64_t total_pages_sent, total_zero_pages;
    uint64_t zero_pages_in_full;    /* of the first copy, where
                                     * XPC_ZERO_PAGES_AUTO found no channels */
    uint64_t predicted_downtime_ns; /* at the decision to stop */
    uint64_t actual_downtime_ns;    /* suspended to started on the target, or
                                     * to running again on the source */
    /*
     * The switchover, in its order: the request, the guest stands still, the
     * last bitmap is read, the last page and then vCPU and device state are
     * sent, libxl has sent all, the target has restored it, is told to start,
     * has started; or instead it is broken off (strict) and the guest runs
     * again here.
     */
    uint64_t suspend_asked_ns, suspended_ns, final_bitmap_ns, pages_sent_ns,
             state_sent_ns, stream_end_ns, target_ready_ns, go_ns,
             target_started_ns, broken_off_ns, resumed_ns;
    /*
     * Counts of the dirty pages between the decisions, and the time they took:
     * the guest is paused for no more than that.
     */
    uint64_t sampler_counts, sampler_ns;
    uint64_t bitmap_ns;             /* of the last bitmap: read, and searched
                                     * until its first page was sent */
    /* Since the suspend was asked for: pages, and bytes in all and of state. */
    uint64_t final_pages, final_zero_pages, final_bytes, device_bytes;
    /* All pages were sent once more while it was suspended (xl's --debug). */
    bool verified;
    /*
     * Over channels: how many, and the bytes that were written to them for
     * total_bytes, compressed. 0: there were none.
     */
    uint64_t channels, wire_bytes;
    struct xpc_iteration *iterations;
    size_t nr_iterations;
};

void xpc_report_init(struct xpc_report *r);
void xpc_report_dispose(struct xpc_report *r);
/* So much of the stream per second: how much was really sent? */
uint64_t xpc_report_wire_rate(const struct xpc_report *r,
                              uint64_t bytes_per_s);

#endif
