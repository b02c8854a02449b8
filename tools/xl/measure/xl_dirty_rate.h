/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of xl dirty-rate share. */
#ifndef XL_MEASURE_XL_DIRTY_RATE_H
#define XL_MEASURE_XL_DIRTY_RATE_H

#include <sys/types.h>

#include <xenprecopy/meter.h>

#include "common/xl.h"

#define DIRTY_RATE_DOMAINS_MAX 64
#define DIRTY_RATE_PIDS_MAX 256

extern const char dirty_rate_help[];

struct dirty_rate_options {
    struct xpc_meter_request req;
    bool json, watch, plot;
    bool mode_given, calc_given;
    const char *plot_file;          /* NULL: on the terminal */
    const char *record, *trace;
    pid_t pids[DIRTY_RATE_PIDS_MAX];
    size_t nr_pids;
    char *const *domains;
    size_t nr_domains;
};

/* ---- xl_dirty_rate_options.c ------------------------------------------ */

/* Returns 0, 1 when help is wanted, or -1 with one line in err. */
int dirty_rate_parse_options(int argc, char **argv,
                             struct dirty_rate_options *o, char *err);

/* ---- xl_dirty_rate_print.c -------------------------------------------- */

void dirty_rate_print(FILE *out, const struct xpc_measurement *m);
/* The bar of a measurement under way; done: the line is removed. */
void dirty_rate_progress(FILE *out, double progress, uint64_t calc_ns,
                         bool done);

/* ---- xl_dirty_rate_plot.c --------------------------------------------- */

/* Draws D(t) with its interval and the working set's level. */
void dirty_rate_plot_ascii(FILE *out, const struct xpc_measurement *m);
/* The same to a .svg or .png by gnuplot. -1: one line in err. */
int dirty_rate_plot_file(const char *file, const struct xpc_measurement *m,
                         char err[XPC_ERR_LEN]);

#endif
