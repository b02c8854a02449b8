/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predictions as people and programs want them: a table of downtime limit by
 * bandwidth for each domain, advice, an evacuation, and all of it as JSON.
 */
#ifndef XENPRECOPY_CELLS_H
#define XENPRECOPY_CELLS_H

#include <xenprecopy/advice.h>
#include <xenprecopy/error.h>
#include <xenprecopy/evacuate.h>

/* Rows and columns of a table. */
#define XPC_CELLS_MAX 1024

/*
 * One cell. total_* 0: does not converge on that curve of the band; then
 * predicted_* is the least there is.
 */
struct xpc_cell {
    char *domain;
    uint64_t bandwidth_bits_per_s;
    uint64_t downtime_ns;           /* the limit; 0: none, copied at rest */
    bool converges, marginal;
    enum xpc_reason reason;
    uint64_t total_ns, total_low_ns, total_high_ns;
    uint64_t iterations, bytes;
    uint64_t predicted_ns, predicted_low_ns, predicted_high_ns;
};

/* Advice for a domain at a bandwidth and a limit. 0: nothing would do. */
struct xpc_cell_advice {
    char *domain;
    uint64_t bandwidth_bits_per_s;
    uint64_t downtime_ns;
    bool converges, marginal;
    uint64_t least_downtime_ns;
    uint64_t least_bandwidth_bits_per_s;
    double cpu_percent;             /* the guest may have; 100: all */
    char *text;                     /* one sentence */
    char *options;                  /* for xl migrate; NULL: none */
};

/* One domain's place in an evacuation, and what it would be all at once. */
struct xpc_cell_step {
    char *domain;
    bool possible;
    uint64_t start_ns, end_ns;
    uint64_t concurrency;
    uint64_t bandwidth_bits_per_s;
    uint64_t downtime_ns;           /* the limit */
    uint64_t predicted_ns;
    bool at_once_converges;
    uint64_t at_once_ns;            /* the downtime it would take */
};

struct xpc_cell_plan {
    uint64_t bandwidth_bits_per_s;  /* of the link */
    uint64_t downtime_ns;           /* the limit */
    uint64_t concurrency;
    uint64_t total_ns;
    uint64_t at_once_total_ns;
    uint64_t at_once_over_limit;    /* domains */
    uint64_t at_once_sum_ns;        /* of all their downtimes */
    struct xpc_cell_step *steps;
    size_t nr_steps;
};

/* Everything; owns its arrays and what is in them. xpc_cells_dispose(). */
struct xpc_cells {
    uint64_t version;               /* of this format: 1 */
    struct xpc_cell *cells;
    size_t nr_cells;
    struct xpc_cell_advice *advice;
    size_t nr_advice;
    struct xpc_cell_plan *plans;
    size_t nr_plans;
};

/* A domain to predict for: borrowed. */
struct xpc_domain {
    const char *name;
    const struct xpc_curve *curve;
};

/* What to compute. Limits: 0 is none. All borrowed. */
struct xpc_cells_request {
    const struct xpc_domain *domains;
    size_t nr_domains;
    const uint64_t *bandwidths;     /* bytes per second */
    size_t nr_bandwidths;
    const uint64_t *downtimes;      /* ns */
    size_t nr_downtimes;
    /* Its bandwidth and limits are those of each cell. */
    struct xpc_predict_params params;
    bool advice;                    /* for each cell that has a limit */
    bool evacuate;                  /* for each cell that has a limit */
    struct xpc_evacuate_params evacuate_params; /* link: the bandwidth */
};

void xpc_cells_init(struct xpc_cells *c);
void xpc_cells_dispose(struct xpc_cells *c);

/* The parameters of one cell, for the guest whose curve this is. */
void xpc_cell_params(struct xpc_predict_params *out,
                     const struct xpc_predict_params *p,
                     const struct xpc_curve *c,
                     uint64_t bandwidth_bytes_per_s, uint64_t downtime_ns);

/* The cell: domain is left alone. */
void xpc_cell_compute(struct xpc_cell *cell, const struct xpc_curve *c,
                      const struct xpc_predict_params *p,
                      uint64_t bandwidth_bytes_per_s, uint64_t downtime_ns);

/*
 * Cells are by domain, then bandwidth, then downtime, as requested; so is
 * advice. c must be initialised. Returns 0, or -1 with errno EINVAL (too many
 * or none) or ENOMEM.
 */
int xpc_cells_compute(struct xpc_cells *c, const struct xpc_cells_request *r);

#endif
