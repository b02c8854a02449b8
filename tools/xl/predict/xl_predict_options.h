/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of xl migrate-predict. */
#ifndef XL_PREDICT_XL_PREDICT_OPTIONS_H
#define XL_PREDICT_XL_PREDICT_OPTIONS_H

#include <stdbool.h>

#include <xenprecopy/cells.h>

#include "common/xl_common.h"

#define PREDICT_LIST_MAX 64         /* bandwidths, downtimes */

struct predict_options {
    uint64_t bandwidths[PREDICT_LIST_MAX];  /* bytes per second */
    size_t nr_bandwidths;
    uint64_t downtimes[PREDICT_LIST_MAX];   /* ns; 0: unlimited */
    size_t nr_downtimes;
    struct xpc_predict_params params;
    uint64_t confidence_percent;        /* 0: not given */
    struct xpc_compress_method methods[XPC_COMPRESS_METHODS_MAX];
    size_t nr_methods;              /* --compress; 0: not given */
    struct xpc_compress_method measured[XPC_COMPRESS_METHODS_MAX];
    size_t nr_measured;             /* methods that must have been measured */
    bool costs_optional;            /* of them, some need not have been */
    uint64_t channels;
    /* NULL: the defaults of dirty-rate. */
    const char *calc_time, *mode;
    uint64_t memory_pages;          /* of guests whose measurement lacks it;
                                     * 0: not given */
    const char *files[XPC_EVACUATE_MAX];    /* --from; "-": stdin */
    size_t nr_files;
    char **domains;                 /* in argv */
    size_t nr_domains;
    uint64_t stream_bytes_per_s;    /* 0: one migration fills the link */
    unsigned int concurrency;       /* 0: as many as help */
    bool json, plot, no_evacuation, when;
    bool no_lulls;                      /* regular phases are not used */
    const char *when_file;              /* NULL: that of the domain */
    const char *plot_file;          /* NULL: on the terminal */
    const char *target;             /* NULL: none */
    struct xpc_guest guest;
    bool suspend_pages_given;
    unsigned int given;             /* XPC_OPTION_BIT() of each option of xl
                                     * migrate that the command line stands
                                     * for */
};

extern const struct xl_usage predict_usage;

/*
 * Pointers in *o point into argv, which is reordered. Returns 0, 1 when help
 * is wanted, or -1 with one line in err.
 */
int predict_parse_options(int argc, char **argv, struct predict_options *o,
                          char err[XPC_ERR_LEN]);

/* Whether --when has what it needs. Returns 0, or -1 with one line in err. */
int predict_check_when(const struct predict_options *o, char err[XPC_ERR_LEN]);

/* With several methods of compression there is no plan for nr domains. */
int predict_check_methods(const struct predict_options *o, size_t nr,
                          char err[XPC_ERR_LEN]);

#endif
