/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The measurements that xl migrate-predict uses. */
#ifndef XL_PREDICT_XL_PREDICT_MEASURE_H
#define XL_PREDICT_XL_PREDICT_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include <xenprecopy/curve.h>

#include "predict/xl_predict_options.h"

/* Where a domain's curve comes from, and the curve. */
struct predict_source {
    char *name;
    struct xpc_curve curve;
    uint64_t longest_ns;            /* period of the measurement */
    double rate_mib;                /* MiB/s over that */
    bool paused, late, ballooned;   /* as struct xpc_measurement has them */
};

void predict_source_dispose(struct predict_source *s);

/*
 * Reads a file's measurements, at most max. Returns 0, or -1 with one line in
 * err, or none when xl dirty-rate has said it; *nr_r are to be disposed of in
 * both cases.
 */
int predict_read(struct predict_source *s, size_t max, size_t *nr_r,
                 const char *file, const struct predict_options *o,
                 char err[XPC_ERR_LEN]);

/*
 * Measures o's domains at the same time with xl dirty-rate. Returns 0, or -1
 * with one line in err, or none when xl dirty-rate has said it.
 */
int predict_measure(struct predict_source *s, const struct predict_options *o,
                    char err[XPC_ERR_LEN]);

#endif
