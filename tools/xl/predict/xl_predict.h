/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-predict: what its files share.
 */
#ifndef XL_PREDICT_XL_PREDICT_H
#define XL_PREDICT_XL_PREDICT_H

#include <xenprecopy/cells.h>
#include <xenprecopy/measure.h>

#include "common/xl.h"

#define PREDICT_LIST_MAX 64         /* bandwidths, downtimes */

/* ---- options: xl_predict_options.c ------------------------------------ */

struct predict_options {
    uint64_t bandwidths[PREDICT_LIST_MAX];  /* bytes per second */
    size_t nr_bandwidths;
    uint64_t downtimes[PREDICT_LIST_MAX];   /* ns; 0: unlimited */
    size_t nr_downtimes;
    struct xpc_predict_params params;
    uint64_t confidence_percent;        /* 0: none was asked for */
    const char *calc_time;          /* NULL: the default of dirty-rate */
    uint64_t memory_pages;          /* of who does not tell; 0: not said */
    const char *files[XPC_EVACUATE_MAX];    /* --from; "-": stdin */
    size_t nr_files;
    char **domains;                 /* in argv */
    size_t nr_domains;
    uint64_t stream_bytes_per_s;    /* 0: a migration can fill the link */
    unsigned int concurrency;       /* 0: as many as help */
    bool json, plot, no_evacuation;
    const char *plot_file;          /* NULL: on the terminal */
    const char *target;             /* NULL: none named */
    struct xpc_guest guest;
    bool overhead_given, suspend_pages_given;
};

extern const char predict_help[];

/*
 * Returns 0, 1 when help is wanted, or -1 with one line in err. files and
 * domains point into argv, which is reordered: nothing is owned.
 */
int predict_parse_options(int argc, char **argv, struct predict_options *o,
                          char err[XPC_ERR_LEN]);

/* ---- measurements: xl_predict_measure.c ------------------------------- */

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

/* ---- output: xl_predict_print.c, xl_predict_plot.c -------------------- */

/* Tables, advice and plans, for people. sources: as in the request. */
void predict_print(FILE *out, const struct xpc_cells *c,
                   const struct predict_options *o,
                   const struct predict_source *sources, size_t nr);

/*
 * What the numbers of a measurement hold for only in part, a line each with
 * the words before it. Nothing, where they hold.
 */
void predict_print_marks(FILE *out, const char *before,
                         const struct predict_source *s);

/*
 * Predicted downtime over bandwidth with the limits, and what remains dirty
 * over the iterations. On the terminal (out) or into o->plot_file by
 * gnuplot. Returns 0, or -1 with one line in err.
 */
int predict_plot(FILE *out, const struct predict_options *o,
                 const struct predict_source *s, char err[XPC_ERR_LEN]);

#endif
