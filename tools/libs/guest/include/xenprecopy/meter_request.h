/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What xl dirty-rate is asked to measure. */
#ifndef XENPRECOPY_METER_REQUEST_H
#define XENPRECOPY_METER_REQUEST_H

#include <xenprecopy/compress.h>
#include <xenprecopy/measure.h>

#define XPC_WORKSET_INTERVALS 4u

/* What to measure. */
struct xpc_meter_request {
    enum xpc_measure_mode mode;
    uint64_t calc_ns;
    uint64_t sample_pages;          /* per GiB */
    uint64_t period_ns[XPC_PERIODS_MAX];
    size_t nr_periods;
    /*
     * dirty-bitmap: after the curve, watch the working set, and for regular
     * phases, for this many intervals of calc_ns / XPC_WORKSET_INTERVALS, or
     * until the source ends.
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

#endif
