/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The measurements that xl migrate-predict uses. */
#ifndef XL_PREDICT_XL_PREDICT_MEASURE_H
#define XL_PREDICT_XL_PREDICT_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include <xenprecopy/compress.h>
#include <xenprecopy/curve.h>
#include <xenprecopy/period.h>

#include "predict/xl_predict_options.h"

/* A domain's curve and where it comes from. */
struct predict_source {
    char *name;
    struct xpc_curve curve;
    struct xpc_phased phased;       /* period 0: no regular phases */
    uint64_t longest_ns;            /* the longest period measured */
    /* What --compress gives. */
    struct xpc_compress_cost costs[XPC_COMPRESS_METHODS_MAX];
    size_t nr_costs;
    double rate_mib;                /* MiB/s over that period */
    bool paused, late, ballooned;   /* see struct xpc_measurement */
};

void predict_source_dispose(struct predict_source *s);

/* The regular phases to predict with, or NULL. */
const struct xpc_phased *predict_phased(const struct predict_source *s,
                                        const struct predict_options *o);

/*
 * Reads the measurements of a file ("-": standard input), at most max. Returns
 * 0, or -1 with one line in err, which is empty if xl dirty-rate has printed
 * an error. In both cases the caller disposes of *nr_r of them.
 */
int predict_read(struct predict_source *s, size_t max, size_t *nr_r,
                 const char *file, const struct predict_options *o,
                 char err[XPC_ERR_LEN]);

/*
 * What xl dirty-rate has printed for one domain. Returns 0 with *s to be
 * disposed of, or -1 with one line in err.
 */
int predict_parse(struct predict_source *s, const char *name,
                  const char *json, size_t len,
                  const struct predict_options *o, char err[XPC_ERR_LEN]);

/* What xl dirty-rate has to compress with, malloc()ed unless it is "off". */
const char *predict_methods_text(const struct predict_options *o);

/*
 * Measures o->domains at the same time with xl dirty-rate. Returns 0, or -1
 * with err as for predict_read(); then there is nothing to dispose of.
 */
int predict_measure(struct predict_source *s, const struct predict_options *o,
                    char err[XPC_ERR_LEN]);

#endif
