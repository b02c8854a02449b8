/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of xl evacuate, and its exit status. */
#ifndef XL_EVACUATE_XL_EVACUATE_OPTIONS_H
#define XL_EVACUATE_XL_EVACUATE_OPTIONS_H

#include <stdbool.h>

#include <xenprecopy/error.h>
#include <xenprecopy/schedule.h>

#include "common/xl_common.h"
#include "conf/file.h"

/* Exit status, documented in docs/man/xl-evacuate.1.pod. */
enum {
    EVACUATE_OK = 0,                /* all were moved */
    EVACUATE_FAILED = 1,            /* it could not be carried out */
    EVACUATE_REFUSED = 2,           /* nothing was touched */
    EVACUATE_SOME_LEFT = 3,
    EVACUATE_UNKNOWN = 4,           /* of a guest, both ends must be checked */
    EVACUATE_INTERRUPTED = 5,
};

#define EVACUATE_NAMES_MAX 256
#define EVACUATE_PASSED_MAX 40

struct evacuate_names {
    char *name[EVACUATE_NAMES_MAX];
    size_t nr;
};

struct evacuate_options {
    struct evacuate_names to;       /* without their weights; none: those of
                                     * evacuate_take_targets() */
    double weights[XPC_SCHEDULE_TARGETS_MAX];
    struct evacuate_names first, last, leave;
    char **domains;                 /* in argv; none: all */
    size_t nr_domains;
    uint64_t deadline_ns;           /* from now; 0: none */
    uint64_t reserve_bytes;         /* of each target's memory */
    uint64_t link_bytes_per_s;      /* 0: not given */
    unsigned int concurrency;       /* 0: not given */
    const char *calc_time;          /* NULL: the default of dirty-rate */
    const char *ssh_command;        /* NULL: not given */
    const char *report_file;        /* NULL: none */
    bool dry_run, resume, yes, json;
    struct xpc_params stated;       /* by options of the policy, */
    unsigned int given;             /* which are these, */
    char *passed[EVACUATE_PASSED_MAX];  /* as they were given */
    size_t nr_passed;
};

extern const struct xl_usage evacuate_usage;

/*
 * The other strings in *o point into argv. Returns 0, 1 when help is wanted, or
 * -1 with one line in err. The caller disposes of *o in any case.
 */
int evacuate_parse_options(int argc, char **argv, struct evacuate_options *o,
                           char err[XPC_ERR_LEN]);
/*
 * Without --to, takes the hosts of the file's [target] sections, but for this
 * one's, HERE. Returns 0, or -1 with one line in err if there are none.
 */
int evacuate_take_targets(struct evacuate_options *o,
                          const struct conf_file *f, const char *here,
                          char err[XPC_ERR_LEN]);
/* What --to would have had to be. The caller frees it. */
char *evacuate_to_argument(const struct evacuate_options *o);
void evacuate_options_dispose(struct evacuate_options *o);

#endif
