/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of xl dirty-rate. */
#ifndef XL_MEASURE_XL_DIRTY_RATE_OPTIONS_H
#define XL_MEASURE_XL_DIRTY_RATE_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include <xenprecopy/meter.h>

#include "common/xl_common.h"

#define DIRTY_RATE_DOMAINS_MAX 64
#define DIRTY_RATE_PIDS_MAX 256

struct dirty_rate_options {
    struct xpc_meter_request req;
    bool json, watch, plot, history;
    bool mode_given, calc_given;
    const char *plot_file;          /* NULL: on the terminal */
    const char *record, *trace;     /* files, or NULL */
    const char *history_file;       /* NULL: that of the domain */
    pid_t pids[DIRTY_RATE_PIDS_MAX];
    size_t nr_pids;
    char *const *domains;
    size_t nr_domains;
};

extern const struct xl_usage dirty_rate_usage;

/*
 * Strings in *o point into argv. Returns 0, 1 when help is wanted, or -1 with
 * one line in err.
 */
int dirty_rate_parse_options(int argc, char **argv,
                             struct dirty_rate_options *o, char *err);

#endif
