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

#include <xenprecopy/measure.h>
#include <xenprecopy/meter_request.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/source.h>
#include <xenprecopy/workset.h>

struct xpc_phase_watch;

/* The state of a measurement. Owns all but src. */
struct xpc_meter {
    struct xpc_source *src;
    struct xpc_meter_request req;
    struct xpc_measurement m;       /* the periods so far */
    struct xpc_sample sample;
    struct xpc_workset workset;
    struct xpc_phase_watch *phases; /* NULL: not watched */
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
