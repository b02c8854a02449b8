/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takes a measurement from a source, step by step: no clock but the source's,
 * no waiting, so that one loop can serve several.
 *
 *   xpc_meter_start()
 *   while (!meter.finished) { wait until meter.next_ns; xpc_meter_step() }
 *   xpc_meter_end()
 */
#ifndef XENPRECOPY_METER_H
#define XENPRECOPY_METER_H

#include <xenprecopy/measure.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/source.h>
#include <xenprecopy/workset.h>

#define XPC_WORKSET_INTERVALS 4u

struct xpc_meter_request {
    enum xpc_measure_mode mode;
    uint64_t calc_ns;
    uint64_t sample_pages;          /* for each GiB */
    uint64_t period_ns[XPC_PERIODS_MAX];
    size_t nr_periods;
    /*
     * dirty-bitmap: when the curve is there, go on for so many intervals of
     * calc_ns / XPC_WORKSET_INTERVALS to watch the working set, or for what
     * the source lasts.
     */
    uint64_t workset_intervals;
    uint64_t seed;                  /* of the choice of pages */
};

struct xpc_meter {
    struct xpc_source *src;
    struct xpc_meter_request req;
    struct xpc_measurement m;       /* the periods so far */
    struct xpc_sample sample;
    struct xpc_workset workset;
    size_t period;                  /* the next one to finish */
    size_t cursor;                  /* page-sampling: the next page */
    bool tracking;
    uint64_t start_ns;              /* by the source's clock */
    uint64_t next_ns;               /* when the next step is due */
    uint64_t total_pages;           /* at the last check */
    bool finished;
};

/*
 * Page-sampling for 10 s with the default periods, working set included
 * should the mode be changed to dirty-bitmap.
 */
void xpc_meter_request_init(struct xpc_meter_request *r);

/*
 * The periods 125, 250, 375, 500, 750 ms ... up to calc_ns and with it as the
 * last.
 */
void xpc_meter_request_periods(struct xpc_meter_request *r, uint64_t calc_ns);

/*
 * Whether a request can be met at all: periods in order and within their
 * bounds, pages a GiB within theirs. Returns 0, or -1 with errno EINVAL and
 * one line in err.
 */
int xpc_meter_request_check(const struct xpc_meter_request *r,
                            char err[XPC_ERR_LEN]);

/*
 * Starts. src must outlive the meter. Returns 0, or -1 with errno and one
 * line in src->err; xpc_meter_end() is to be called either way.
 */
int xpc_meter_start(struct xpc_meter *meter, struct xpc_source *src,
                    const struct xpc_meter_request *req);

/* Does what is due at the source's present time. Returns as above. */
int xpc_meter_step(struct xpc_meter *meter);

/*
 * Ends it, finished or not: stops tracking, lets pages go, and moves the
 * measurement to *m_r (initialised): measured, or cancelled, or failed with
 * src->err in it. failed: a call returned -1.
 */
void xpc_meter_end(struct xpc_meter *meter, bool failed,
                   struct xpc_measurement *m_r);

/*
 * How many pages of a source are all zero, from a small sample. Returns 0, or
 * -1 with errno and src->err.
 */
int xpc_meter_zero_pages(struct xpc_source *src, double *pages_r);

/* How far it is, from 0 to 1. */
double xpc_meter_progress(const struct xpc_meter *meter, uint64_t now_ns);

#endif
