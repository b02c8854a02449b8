/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests and the targets of an evacuation, and its plan. */
#ifndef XL_EVACUATE_XL_EVACUATE_GUESTS_H
#define XL_EVACUATE_XL_EVACUATE_GUESTS_H

#include <libxl.h>

#include <xenprecopy/schedule.h>

#include "conf/file.h"
#include "evacuate/xl_evacuate_migration.h"
#include "evacuate/xl_evacuate_options.h"
#include "libxl_precopy_history.h"

/* One of these for each schedule.moves[]. */
struct evacuate_guest {
    uint32_t domid;
    char *name;
    char uuid[37];
    uint8_t uuid_bytes[16];
    struct xpc_params params;       /* what is in force */
    struct xpc_guest kind;
    struct xpc_curve curve;
    struct xpc_compress_cost costs[XPC_COMPRESS_METHODS_MAX];
    size_t nr_costs;                /* of the methods that were measured */
    bool limited;                   /* else as stock Xen decides */
    bool asks;                      /* the receiver whether it knows marks for
                                     * zero pages */
    unsigned int tries;
    char *text;                     /* why it is left, or NULL */
    bool unknown;                   /* where it runs */
    struct migration m;
    bool fits;                      /* predicted: it may be started, */
    uint64_t not_before_ns;         /* but not yet */
    uint64_t measured_ns;           /* when its curve was measured */
    bool alone;                     /* nothing else has run since it began */
    uint64_t started_ns, ended_ns;  /* since the evacuation began */
    uint64_t far_ns;                /* when its suspend was not near last */
    uint64_t predicted_ns, actual_ns;   /* downtime; 0: none */
};

/* A domain on a target. */
struct evacuate_domain {
    char *name;
    uint64_t memory_bytes;          /* that it has now */
    uint32_t domid;
    char uuid[37];                  /* if precopy.conf needs it, else "" */
};

struct evacuate_target {
    const char *host;
    struct evacuate_domain *domains;
    size_t nr_domains;
    char *text;                     /* why it is out, or NULL */
    bool stock;                     /* zero pages are sent there in full, and
                                     * nothing is compressed */
    bool history_read;              /* for the last plan */
    libxl_precopy_history history;
};

/* When all were predicted to be there, at some time; since it began. */
struct evacuate_end {
    uint64_t at_ns, end_ns;
};

struct evacuation {
    const struct evacuate_options *o;
    libxl_ctx *ctx;
    struct conf_file conf;
    struct evacuate_guest *guests;
    struct evacuate_target *targets;
    struct xpc_affinity *affinities;
    struct xpc_schedule s;
    bool link_given;                /* else its rate is assumed */
    uint64_t setup_ns;              /* of a migration, besides sending */
    unsigned int nr_setups;         /* seen; 0: it is an estimate */
    bool resumed;
    double earlier_pace;            /* of earlier evacuations, in the first
                                     * forecast; 0: none */
    struct evacuate_end *ends;      /* as predicted after each migration */
    size_t nr_ends;
};

/*
 * Finds the guests that are to be moved. Returns 0, or -1 with one line in
 * err.
 */
int evacuate_find_guests(struct evacuation *e, char err[XPC_ERR_LEN]);
/* Reads what is in force for each, and checks that it can be migrated. The
 * same. */
int evacuate_check_guests(struct evacuation *e, char err[XPC_ERR_LEN]);
/* The rank of those that are tried again. */
#define EVACUATE_AGAIN 2

/* Places those that wait, and predicts them. The same. */
int evacuate_plan(struct evacuation *e, char err[XPC_ERR_LEN]);
/*
 * After all have been moved: does no guest run here that should not? Says which
 * does.
 */
bool evacuate_all_are_gone(const struct evacuation *e);
/* Whether one of a list of affinities is this guest, by name or UUID. */
bool evacuate_is_called(const char *listed, size_t len, const char *name,
                        const char *uuid);
/* The guest with this UUID, or -1. */
ssize_t evacuate_find_uuid(const struct evacuation *e, const char *uuid);
void evacuate_free_domains(struct evacuate_target *t);
void evacuate_dispose(struct evacuation *e);

#endif
