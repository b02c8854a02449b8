/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxenprecopy: the policy of a live migration.
 *
 * The engine is pure: the caller tells it what happened and what time it is,
 * and it says what to do and why. It does not depend on Xen, files, xenstore,
 * JSON or the wall clock, so that a live migration, a prediction and a
 * simulation decide with the same code.
 *
 * Units are part of the names. Times are uint64_t nanoseconds of a monotonic
 * clock, sizes are bytes, rates are bytes per second. docs/design.md explains
 * the terms (precopy, iteration, stop-and-copy, switchover, downtime).
 *
 * A structure owns no memory unless its comment says so.
 *
 * Structures that a caller fills in may grow with a new version: call their
 * _init function, which sets every field, and change fields afterwards. What
 * is written to files or xenstore says its version, or ignores unknown keys.
 * The libraries' soname changes when a structure does.
 *
 * Errors: a function returns 0, or -1 with errno set. Where the reason is worth
 * telling it also writes one line into a buffer of XPC_ERR_LEN bytes
 * (xenprecopy/error.h).
 */
#ifndef XENPRECOPY_XENPRECOPY_H
#define XENPRECOPY_XENPRECOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XPC_PAGE_SIZE 4096u
/* What a PAGE_DATA record holds for a page besides its data: a 64-bit pfn. */
#define XPC_PAGE_HEADER 8u

/* ---- parameters ---------------------------------------------------- */

enum xpc_policy {
    XPC_POLICY_LIMIT,   /* keep the downtime limit, or abort */
    XPC_POLICY_STOCK,   /* exactly the decisions of stock Xen */
};

/* What to do when precopy is over and the limit is not met. */
enum xpc_on_timeout {
    XPC_ON_TIMEOUT_ABORT,
    XPC_ON_TIMEOUT_SUSPEND,
};

/* With XPC_ON_TIMEOUT_ABORT: give up as soon as there is no hope? */
enum xpc_early_abort {
    XPC_EARLY_ABORT_ON,
    XPC_EARLY_ABORT_OFF,
};

/* Break off a switchover that would exceed the maximum downtime? */
enum xpc_strict {
    XPC_STRICT_OFF,
    XPC_STRICT_ON,
};

/*
 * How pages of zeros are sent.
 *
 * ELIDE relies on the target's Xen, which does not scrub the pages that a
 * running domain gives back. It is for callers who know that no domain there
 * gives back pages that it has not cleared.
 */
enum xpc_zero_pages {
    XPC_ZERO_PAGES_SEND,    /* like any other page */
    XPC_ZERO_PAGES_ELIDE,   /* without data, if never sent with data */
    XPC_ZERO_PAGES_AUTO,    /* over channels as a mark, which the receiver
                             * expands to the page; otherwise like SEND */
};

/*
 * Compression of the data on the channels. Values as in enum channel_codec, but
 * for XPC_COMPRESS_AUTO.
 */
enum xpc_compress {
    XPC_COMPRESS_OFF,
    XPC_COMPRESS_ZSTD,
    XPC_COMPRESS_LZ4,
    XPC_COMPRESS_AUTO,      /* one of them for each frame, or none */
};

/* Leave out pages that are dirty again (xenprecopy/skip.h)? */
enum xpc_skip_dirty {
    XPC_SKIP_DIRTY_OFF,
    XPC_SKIP_DIRTY_ON,
};

/* Wait for lulls of a guest with regular phases (xenprecopy/period.h)? */
enum xpc_lulls {
    XPC_LULLS_ON,
    XPC_LULLS_OFF,
};

#define XPC_CHANNELS_MAX 16

/* What happens to max_bytes_per_s during stop-and-copy. */
enum xpc_switchover {
    XPC_SWITCHOVER_LIFTED,
    XPC_SWITCHOVER_KEPT,
    XPC_SWITCHOVER_RATE,    /* switchover_bytes_per_s applies instead */
};

/*
 * Does the guest have a device model (QEMU)? The target starts a new one
 * while the guest is suspended. An HVM guest has one, a PV or PVH guest only
 * if QEMU serves one of its backends.
 */
enum xpc_device_model {
    XPC_DEVICE_MODEL_UNKNOWN,       /* treated like YES */
    XPC_DEVICE_MODEL_NO,
    XPC_DEVICE_MODEL_YES,
};

/* Higher numbers of vifs and disks, and of vCPUs, are reduced to this. */
#define XPC_DEVICES_MAX 1024
#define XPC_VCPUS_MAX 8192
#define XPC_GUEST_ID_MAX (UINT64_C(1) << 52)

/*
 * What a guest's switchover overhead depends on. All 0: unknown. A guest of
 * which only the number of devices is known has 0 vifs and 0 disks.
 */
struct xpc_guest {
    enum xpc_device_model device_model;
    uint64_t devices;               /* number of vifs and disks */
    uint64_t pfns;                  /* size of the dirty bitmap; 0: unknown,
                                     * taken as the number of pages */
    uint64_t vifs, disks;           /* these are counted in devices, too */
    uint64_t vcpus;                 /* online ones; 0: unknown */
    uint64_t id;                    /* tells guests apart, xpc_guest_id(); 0:
                                     * unknown */
};

/*
 * What earlier migrations to the same target took: means, and standard
 * deviations (sd) of the next value. 0: unknown.
 */
struct xpc_prior {
    struct xpc_guest guest;         /* the kind of guest it applies to */
    uint64_t overhead_ns, overhead_sd_ns;       /* switchover overhead */
    uint64_t suspend_pages, suspend_pages_sd;   /* dirtied by suspending */
    uint64_t start_ns;              /* time to reserve for the target's start
                                     * of the guest: mean plus 2 sd */
    uint64_t at_least_ns;           /* a switchover was broken off when its
                                     * overhead had reached this; 0: none */
};

/* The costs that make up an overhead, besides a guest's offset. */
enum xpc_overhead_cost {
    XPC_OVERHEAD_BASE,
    XPC_OVERHEAD_DEVICE_MODEL,
    XPC_OVERHEAD_VIF,               /* for each */
    XPC_OVERHEAD_DISK,
    XPC_OVERHEAD_VCPU,              /* for each after the first */
    XPC_OVERHEAD_PFNS,              /* for each ms assumed for the bitmap */
    XPC_OVERHEAD_COSTS
};

/* Filled in by xpc_params_init(), checked by xpc_params_check(). */
struct xpc_params {
    enum xpc_policy policy;
    uint64_t duration_ns;           /* of precopy; 0: no limit */
    uint64_t downtime_ns;           /* the downtime limit */
    uint64_t max_downtime_ns;       /* 0: the same as downtime_ns */
    uint64_t bandwidth_bytes_per_s; /* of the link; 0: measured */
    enum xpc_on_timeout on_timeout;
    uint64_t iterations;            /* highest number; 0: no limit (stock
                                     * policy: 5) */
    uint64_t threshold_pages;       /* suspend below it; 0: none (stock
                                     * policy: 50) */
    uint64_t overhead_ns;           /* switchover overhead; 0: learned, or
                                     * the default */
    uint64_t confidence_percent;    /* that the downtime stays within the
                                     * limit: 50 to 99 */
    enum xpc_early_abort early_abort;
    enum xpc_strict strict;         /* the toolstack must take part in it */
    enum xpc_zero_pages zero_pages;
    enum xpc_skip_dirty skip_dirty; /* not with the stock policy */
    enum xpc_lulls lulls;           /* not with the stock policy */
    uint64_t slow_down_percent;     /* at most this much of its CPU time may be
                                     * taken from the guest, if nothing else
                                     * keeps the limit: 0 (off) to 99 */
    uint64_t max_bytes_per_s;       /* cap on the rate of precopy; 0: none */
    enum xpc_switchover switchover;
    uint64_t switchover_bytes_per_s;    /* with XPC_SWITCHOVER_RATE */
    uint64_t channels;              /* connections to the target. More than 1,
                                     * and compress, are refused unless the
                                     * toolstack passes channels to the save
                                     * helper */
    enum xpc_compress compress;
    uint64_t compress_level;        /* 0: the lowest level */
    uint64_t notify_ns;             /* tell the guest, and wait so long for its
                                     * acknowledgement; 0: don't */
    struct xpc_guest guest;         /* overwritten by the plug-in, which reads
                                     * it from xenstore */
    struct xpc_prior learned;       /* about the target; a stated overhead_ns
                                     * takes precedence */
    bool once;                      /* for one migration: the plug-in removes
                                     * the parameters afterwards */
};

/* The highest notify_ns. */
#define XPC_NOTIFY_MAX_NS UINT64_C(60000000000)
/* The downtime limit if none is given. */
#define XPC_DEFAULT_DOWNTIME_NS UINT64_C(300000000)
/*
 * The switchover overhead if nothing is known: for a guest without a device
 * model, for one with it (417 ms in the last line of make lab
 * SCENARIO=hvm-first), and for each vif and disk in addition, which was not
 * measured. And the number of pages that suspending dirties: 240 for a small
 * Linux guest (tests/lab, scenario fits-downtime), including pages mapped by
 * backends.
 */
#define XPC_DEFAULT_OVERHEAD_NS UINT64_C(100000000)
#define XPC_DEVICE_MODEL_OVERHEAD_NS UINT64_C(450000000)
#define XPC_DEVICE_OVERHEAD_NS UINT64_C(50000000)
#define XPC_DEFAULT_SUSPEND_PAGES 256
#define XPC_DEFAULT_CONFIDENCE_PERCENT 95
/*
 * Time to read the dirty bitmap and test its bits, in picoseconds per pfn,
 * until it was measured: 0.2 s for a TiB. Source: make bench, lines "dirty
 * bitmap of 1 TiB".
 */
#define XPC_DEFAULT_PFN_PS 750

/*
 * Sets the defaults: limit policy, 300 ms, no duration, abort on timeout,
 * zero pages in full, pages that are dirty again left out.
 */
void xpc_params_init(struct xpc_params *p);

/*
 * Checks that the parameters are valid together. Returns 0, or -1 with errno
 * EINVAL and one line in err (len bytes).
 */
int xpc_params_check(const struct xpc_params *p, char *err, size_t len);

/* The cap while the guest is suspended, bytes per second; 0: none. */
uint64_t xpc_params_switchover_cap(const struct xpc_params *p);
/*
 * bytes_per_s is the rate at which data was sent in precopy.
 * at_cap: did max_bytes_per_s limit it? Not if it is much higher, because it
 * was then sent under an earlier, higher cap.
 * held_back: did it, and may the switchover be faster?
 */
bool xpc_params_at_cap(const struct xpc_params *p, uint64_t bytes_per_s);
bool xpc_params_held_back(const struct xpc_params *p, uint64_t bytes_per_s);
/* The highest level of a compression (enum xpc_compress); 0: none. */
uint64_t xpc_compress_level_max(enum xpc_compress compress);
/* Do these parameters require channels (one or more)? */
bool xpc_params_over_channels(const struct xpc_params *p);
/* The maximum downtime in force. */
uint64_t xpc_params_max_downtime(const struct xpc_params *p);
/*
 * A number for a guest with this UUID, which it keeps on other hosts and under
 * other names: a hash, from 1 to 2^52, so that JSON readers that use doubles
 * keep it exact.
 */
uint64_t xpc_guest_id(const uint8_t uuid[16]);
/* The default switchover overhead of such a guest, ns. */
uint64_t xpc_guest_overhead(const struct xpc_guest *guest);
/*
 * Can what was learned for one guest be used for the other? Not if one has a
 * device model and the other has none.
 */
bool xpc_guest_alike(const struct xpc_guest *a, const struct xpc_guest *b);
/*
 * The overhead of guest, derived from overhead_ns, that of a similar guest
 * `from`. Devices that `from` lacked are added. If either kind is unknown, the
 * result is not below the default for this guest.
 */
uint64_t xpc_guest_learned_overhead(const struct xpc_guest *guest,
                                    const struct xpc_guest *from,
                                    uint64_t overhead_ns);
/*
 * The expected cost of the switchover: the stated values; else what was
 * learned for this kind of guest; else the defaults, with a large deviation.
 * If the kind is unknown on either side, learned values below the default are
 * raised to it.
 */
void xpc_params_prior(const struct xpc_params *p, struct xpc_prior *prior_r);

/* ---- decisions ----------------------------------------------------- */

/* Pages that were dirty t_ns after the bitmap was cleaned. */
#define XPC_SAMPLES_MAX 32
struct xpc_dirty_count {
    uint64_t t_ns, pages;
};

/*
 * What successive dirty bitmaps, one per iteration, show of the pages that a
 * guest writes to. All 0: unknown; two bitmaps are needed.
 */
struct xpc_working_set {
    uint64_t pages;             /* distinct pages written since the start */
    uint64_t repeat_percent;    /* of those dirty at the last bitmap, dirty at
                                 * the previous one too */
    uint64_t new_percent;       /* of the same, never dirty before */
};

/*
 * What is known at the end of an iteration. The caller keeps samples valid
 * during the call.
 */
struct xpc_observation {
    uint64_t now_ns;
    uint64_t dirty_pages;   /* now, since the last clean */
    uint64_t pages_sent;    /* in this iteration, with data */
    uint64_t bytes_sent;    /* in this iteration, actually written */
    uint64_t zero_pages;    /* in this iteration, without data */
    uint64_t skipped_pages; /* left out, as they were dirty again */
    uint64_t peek_ns;       /* to read the bitmap for that; 0: unknown */
    unsigned int cpu_percent;   /* of its CPU time, that the guest got in this
                                 * iteration; 0: all */
    /*
     * The part of bytes_sent that is pages with data and their headers, and
     * the time in which it flowed. Excludes other work of the iteration: the
     * bitmap, and holes in the guest's memory. 0: unknown, all of it.
     */
    uint64_t flow_bytes, flow_ns;
    uint64_t wire_bytes;    /* sent for bytes_sent after compression; 0: the
                             * same */
    uint64_t bitmap_ns;     /* from asking for the bitmap to sending the first
                             * page that it listed; 0: unknown */
    /*
     * Dirty counts taken during this iteration, by increasing t_ns, and the
     * time since the bitmap was cleaned.
     */
    const struct xpc_dirty_count *samples;
    size_t nr_samples;
    uint64_t since_clean_ns;
    /* About the pages sent in this iteration; those dirty now are unknown. */
    struct xpc_working_set working_set;
};

enum xpc_action {
    XPC_CONTINUE,
    XPC_STOP_AND_COPY,
    XPC_ABORT,
};

enum xpc_reason {
    XPC_REASON_CONVERGING,      /* continue: copying helps */
    XPC_REASON_WITHIN_LIMIT,    /* stop: predicted downtime within the limit */
    XPC_REASON_THRESHOLD,       /* stop: fewer pages than threshold_pages */
    XPC_REASON_DURATION,        /* the duration is over */
    XPC_REASON_ITERATIONS,      /* the iterations are used up */
    XPC_REASON_STALLED,         /* iterations no longer get smaller */
    XPC_REASON_OVER_MAXIMUM,    /* abort: above the maximum downtime */
    XPC_REASON_STOCK,           /* the decision of stock Xen */
    XPC_REASON_CANCELLED,       /* abort: cancelled by a user */
    XPC_REASON_OVERRUN,         /* abort: the switchover took too long */
    XPC_REASON_NO_ANSWER,       /* abort: the guest did not suspend in time */
    XPC_REASON_PAUSED,          /* abort: a paused guest can't suspend */
    XPC_REASON_LOG_LOST,        /* abort: another save has used log-dirty */
    XPC_REASON_TOOLSTACK,       /* stop: the toolstack suspends the guest; or
                                 * abort: it was told to and does not */
    XPC_REASON_LULL,            /* continue: until the next lull; or stop: in
                                 * one, the last before the duration is over */
    XPC_REASON_NOTIFY,          /* continue: the guest was told, and is given
                                 * time */
    XPC_REASON_NO_GUARD,        /* abort: nobody would resume the guest */
};

/*
 * A decision and the numbers that it is based on. enough_*: what would have
 * been enough, for an abort; otherwise 0.
 */
struct xpc_decision {
    enum xpc_action action;
    enum xpc_reason reason;
    uint64_t predicted_downtime_ns; /* if the guest were suspended now */
    uint64_t cautious_downtime_ns;  /* the same with the margin for the
                                     * confidence; compared with the limits */
    uint64_t best_downtime_ns;      /* lowest expected from more copying */
    uint64_t bandwidth_bytes_per_s; /* of the switchover, as predicted */
    uint64_t measured_bytes_per_s;  /* of the link; 0: unknown */
    uint64_t overhead_ns;
    uint64_t bitmap_ns;             /* to read and search the last bitmap */
    uint64_t dirty_pages;
    uint64_t time_left_ns;          /* of the duration; 0: over, or no limit */
    /* Of a guest with regular phases: period, busy part, begin of the next
     * lull, since the migration's start; 0: none are known. */
    uint64_t period_ns, busy_ns, lull_ns;
    uint64_t slow_down_percent;     /* of its CPU time, that is to be taken from
                                     * the guest from now on */
    uint64_t slow_down_ns;          /* for how long, as predicted */
    struct xpc_working_set working_set;
    uint64_t enough_downtime_ns;
    uint64_t enough_bandwidth_bytes_per_s;
};

/* One finished iteration, for progress and report. */
struct xpc_iteration {
    uint64_t number;                /* from 1 */
    uint64_t pages, bytes;          /* sent in it; pages with data */
    uint64_t zero_pages;            /* sent without data */
    uint64_t skipped_pages;         /* not sent, as they were dirty again */
    uint64_t start_ns, duration_ns; /* start: since the migration's start */
    uint64_t dirty_pages;           /* at its end */
    struct xpc_decision decision;   /* taken at its end */
};

/*
 * The reason for a decision in one sentence, with the numbers. Writes at most
 * len bytes. Returns buf.
 */
const char *xpc_decision_text(const struct xpc_params *p,
                              const struct xpc_decision *d, char *buf,
                              size_t len);

/* ---- a running migration ------------------------------------------- */

struct xpc_active {
    uint64_t pid;                   /* of the save helper */
    uint64_t start_monotonic_ns;    /* CLOCK_MONOTONIC of the source host */
    struct xpc_params params;       /* used for the next decision, unless they
                                     * are changed before */
};

/* What was sent with a method of compression. */
struct xpc_compress_use {
    enum xpc_compress compress;
    uint64_t level;
    uint64_t frames;
    uint64_t bytes, wire_bytes;     /* before and after compression */
    uint64_t cpu_ns, wall_ns;       /* the processor's time; all the time,
                                     * summed over the channels */
};

/* ---- report -------------------------------------------------------- */

enum xpc_outcome {
    XPC_OUTCOME_UNKNOWN,    /* final handshake failed: check both ends */
    XPC_OUTCOME_REFUSED,    /* nothing was touched */
    XPC_OUTCOME_ABORTED,    /* by the policy; guest runs on the source */
    XPC_OUTCOME_INTERRUPTED,/* by the user; guest runs on the source */
    XPC_OUTCOME_FAILED,     /* guest runs on the source */
    XPC_OUTCOME_SENT,       /* stream complete, target not yet started */
    XPC_OUTCOME_MIGRATED,
};

/*
 * What happened. The times of the switchover count from the start of the
 * migration; 0: not reached. Owns its strings and arrays, see
 * xpc_report_dispose().
 */
struct xpc_report {
    uint64_t version;               /* of this format: 1 */
    enum xpc_outcome outcome;
    char *reason;                   /* of the last decision, or an error */
    char *text;                     /* one sentence for people */
    uint64_t domid;
    /*
     * Known to the front end only: the guest's name, the target as it was
     * given, and when the migration began, in s since 1970. NULL or 0: unknown.
     */
    char *domain, *target;
    uint64_t start_s;
    struct xpc_params params;
    char *sources;                  /* where those values come from that are
                                     * not of the toolstack: "downtime 300 ms
                                     * from /etc/xen/precopy.conf:12"; NULL:
                                     * all are */
    uint64_t start_monotonic_ns;    /* start of the migration, the origin of
                                     * the times below; CLOCK_MONOTONIC of the
                                     * source host */
    uint64_t total_pages;
    struct xpc_decision decision;   /* the last one */
    uint64_t total_time_ns, total_bytes;
    /* With data, and zero pages without: QEMU's normal and duplicate. */
    uint64_t total_pages_sent, total_zero_pages;
    uint64_t total_skipped_pages;   /* not sent, as they were dirty again */
    uint64_t zero_pages_in_full;    /* of the first copy, if
                                     * XPC_ZERO_PAGES_AUTO had no channels */
    uint64_t predicted_downtime_ns; /* at the decision to suspend */
    uint64_t actual_downtime_ns;    /* from suspended to started on the
                                     * target, or running on the source again */
    /*
     * The steps of the switchover, in order: suspend requested, guest
     * suspended, last bitmap read, last page sent, vCPU and device state sent,
     * everything sent by libxl, restored by the target, target told to start,
     * guest started. Or instead: broken off (strict), and running on the
     * source again.
     */
    uint64_t suspend_asked_ns, suspended_ns, final_bitmap_ns, pages_sent_ns,
             state_sent_ns, stream_end_ns, target_ready_ns, go_ns,
             target_started_ns, broken_off_ns, resumed_ns;
    /*
     * How often dirty pages were counted between decisions, and the total
     * time, an upper bound of how long this paused the guest.
     */
    uint64_t sampler_counts, sampler_ns;
    /* The same for reading the bitmap to leave out pages. */
    uint64_t peeks, peek_ns;
    /*
     * For how long the guest was slowed down, and the CPU time that this took
     * from it: what it would have used according to the iteration before, less
     * what it used. And both as predicted when it was slowed down first.
     */
    uint64_t slowed_ns, cpu_taken_ns;
    uint64_t predicted_slowed_ns, predicted_cpu_taken_ns;
    uint64_t bitmap_ns;             /* of the last bitmap: from asking for it
                                     * to sending its first page */
    /* Since the suspend request: pages; bytes in total and of state. */
    uint64_t final_pages, final_zero_pages, final_bytes, device_bytes;
    /*
     * With notify: how long the guest was waited for while it ran, and how
     * many of the two messages it has acknowledged.
     */
    uint64_t notify_waited_ns, notify_acknowledged;
    /* All pages were sent again while it was suspended (xl's --debug). */
    bool verified;
    /*
     * The number of channels, and the bytes written to them for total_bytes,
     * after compression. 0: no channels.
     */
    uint64_t channels, wire_bytes;
    /*
     * How it was compressed, an entry for each method that was used; the rate
     * of the link that was assumed to choose by (0: not known); and how many
     * processors can compress at the same time.
     */
    struct xpc_compress_use *compress;
    size_t nr_compress;
    uint64_t link_bytes_per_s, processors;
    struct xpc_iteration *iterations;
    size_t nr_iterations;
};

void xpc_report_init(struct xpc_report *r);
/* Frees what r owns and zeroes it. Idempotent. */
void xpc_report_dispose(struct xpc_report *r);
/*
 * The rate on the wire, after compression, that corresponds to a rate of the
 * stream.
 */
uint64_t xpc_report_wire_rate(const struct xpc_report *r,
                              uint64_t bytes_per_s);

#endif
