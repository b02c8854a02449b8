/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures a source, step by step. It uses only the source's clock and never
 * waits, so that one loop can serve several meters:
 *
 *   xpc_meter_start()
 *   while (!meter.finished) { wait until meter.next_ns; xpc_meter_step() }
 *   xpc_meter_end()
 */
#ifndef XENPRECOPY_METER_H
#define XENPRECOPY_METER_H

#include <xenprecopy/compress.h>
#include <xenprecopy/measure.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/source.h>
#include <xenprecopy/workset.h>

#define XPC_WORKSET_INTERVALS 4u

/* What to measure. */
struct xpc_meter_request {
    enum xpc_measure_mode mode;
    uint64_t calc_ns;
    uint64_t sample_pages;          /* per GiB */
    uint64_t period_ns[XPC_PERIODS_MAX];
    size_t nr_periods;
    /*
     * dirty-bitmap: after the curve, watch the working set for this many
     * intervals of calc_ns / XPC_WORKSET_INTERVALS, or until the source ends.
     */
    uint64_t workset_intervals;
    uint64_t seed;                  /* for choosing pages */
    /*
     * How well pages compress with each of these methods. NULL, or a source
     * without contents: this is not measured.
     */
    const struct xpc_compressor *compressor;
    struct xpc_compress_method methods[XPC_COMPRESS_METHODS_MAX];
    size_t nr_methods;
};

/* The state of a measurement. Owns all but src. */
struct xpc_meter {
    struct xpc_source *src;
    struct xpc_meter_request req;
    struct xpc_measurement m;       /* the periods so far */
    struct xpc_sample sample;
    struct xpc_workset workset;
    struct xpc_compress_sample *compress;   /* NULL: not measured */
    size_t period;                  /* index of the next one to finish */
    size_t cursor;                  /* page-sampling: index of the next page */
    bool tracking;
    uint64_t start_ns;              /* by the source's clock */
    uint64_t next_ns;               /* when the next step is due */
    uint64_t total_pages;           /* at the last check */
    bool finished;
};

/*
 * Sets the defaults: page-sampling for 10 s with the default periods, and
 * xpc_compress_defaults without a compressor. If the mode is changed to
 * dirty-bitmap, the working set is included.
 */
void xpc_meter_request_init(struct xpc_meter_request *r);

/*
 * Sets calc_ns and the default periods up to it: 125, 250, 375, 500, 750 ms
 * ..., the last one being calc_ns.
 */
void xpc_meter_request_periods(struct xpc_meter_request *r, uint64_t calc_ns);

/*
 * Checks a request: periods in order and within their bounds, pages per GiB
 * within theirs. Returns 0, or -1 with errno EINVAL and one line in err.
 */
int xpc_meter_request_check(const struct xpc_meter_request *r,
                            char err[XPC_ERR_LEN]);

/*
 * Starts a measurement. src must outlive the meter. Returns 0, or -1 with errno
 * and one line in src->err. xpc_meter_end() must be called in both cases.
 */
int xpc_meter_start(struct xpc_meter *meter, struct xpc_source *src,
                    const struct xpc_meter_request *req);

/* Does what is due at the source's current time. Returns as above. */
int xpc_meter_step(struct xpc_meter *meter);

/*
 * Ends a measurement, finished or not: stops tracking, frees the sample, and
 * moves the measurement to *m_r, which must be initialised. failed says that a
 * call returned -1. The status is then failed, with src->err as the error,
 * otherwise measured or cancelled.
 */
void xpc_meter_end(struct xpc_meter *meter, bool failed,
                   struct xpc_measurement *m_r);

/*
 * Estimates the number of a source's zero pages from a small sample. Returns 0,
 * or -1 with errno and one line in src->err.
 */
int xpc_meter_zero_pages(struct xpc_source *src, double *pages_r);

/* The progress of the measurement, from 0 to 1. */
double xpc_meter_progress(const struct xpc_meter *meter, uint64_t now_ns);

#endif
