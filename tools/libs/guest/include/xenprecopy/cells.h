/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predictions for several domains, bandwidths and downtime limits: a table for
 * each domain, advice, and evacuation plans. xenprecopy/forms.h has the JSON.
 */
#ifndef XENPRECOPY_CELLS_H
#define XENPRECOPY_CELLS_H

#include <xenprecopy/advice.h>
#include <xenprecopy/error.h>
#include <xenprecopy/evacuate.h>

/* The highest number of rows and of columns of a table. */
#define XPC_CELLS_MAX 1024

/*
 * One cell. total_* is 0 if the migration does not converge on that curve of
 * the band; predicted_* is then the lowest downtime.
 */
struct xpc_cell {
    char *domain;
    uint64_t bandwidth_bits_per_s;
    uint64_t downtime_ns;           /* the limit; 0: none, the guest is copied
                                     * while suspended */
    char *compress;                 /* the method; NULL: none was asked for */
    bool converges, marginal;
    enum xpc_reason reason;
    uint64_t total_ns, total_low_ns, total_high_ns;
    uint64_t iterations, bytes;
    uint64_t predicted_ns, predicted_low_ns, predicted_high_ns;
};

/* Advice for a domain, bandwidth and limit. 0: nothing is enough. */
struct xpc_cell_advice {
    char *domain;
    uint64_t bandwidth_bits_per_s;
    uint64_t downtime_ns;
    char *compress;                 /* as in struct xpc_cell */
    bool converges, marginal;
    uint64_t least_downtime_ns;
    uint64_t least_bandwidth_bits_per_s;
    double cpu_percent;             /* highest CPU share of the guest; 100:
                                     * all of it */
    char *text;                     /* one sentence */
    char *options;                  /* for xl migrate; NULL: none */
};

/* One domain in an evacuation. at_once_*: if all were moved at once. */
struct xpc_cell_step {
    char *domain;
    bool possible;
    uint64_t start_ns, end_ns;
    uint64_t concurrency;
    uint64_t bandwidth_bits_per_s;
    uint64_t downtime_ns;           /* the limit */
    uint64_t predicted_ns;
    bool at_once_converges;
    uint64_t at_once_ns;            /* the downtime */
};

/* An evacuation. at_once_*: if all domains were moved at once. */
struct xpc_cell_plan {
    uint64_t bandwidth_bits_per_s;  /* of the link */
    uint64_t downtime_ns;           /* the limit */
    uint64_t concurrency;
    uint64_t total_ns;
    uint64_t at_once_total_ns;
    uint64_t at_once_over_limit;    /* number of domains */
    uint64_t at_once_sum_ns;        /* sum of all downtimes */
    struct xpc_cell_step *steps;
    size_t nr_steps;
};

/* All results. Owns its arrays and their contents: xpc_cells_dispose(). */
struct xpc_cells {
    uint64_t version;               /* of this format: 1 */
    struct xpc_cell *cells;
    size_t nr_cells;
    struct xpc_cell_advice *advice;
    size_t nr_advice;
    struct xpc_cell_plan *plans;
    size_t nr_plans;
};

/* A domain to predict for. Owns nothing. */
struct xpc_domain {
    const char *name;
    const struct xpc_curve *curve;
    const struct xpc_phased *phased;    /* NULL: no regular phases */
    /* What the methods give, if compression is asked for. */
    const struct xpc_compress_cost *costs;
    size_t nr_costs;
};

/* What to compute. A downtime of 0 is no limit. Owns nothing. */
struct xpc_cells_request {
    const struct xpc_domain *domains;
    size_t nr_domains;
    const uint64_t *bandwidths;     /* bytes per second */
    size_t nr_bandwidths;
    const uint64_t *downtimes;      /* ns */
    size_t nr_downtimes;
    /*
     * The bandwidth, the limits and the phases in it are replaced by those of
     * the cell and of the domain.
     */
    struct xpc_predict_params params;
    /*
     * Methods of compression, of which all domains have the costs, but for
     * XPC_COMPRESS_OFF; or none. With evacuate, one at most.
     */
    const struct xpc_compress_method *methods;
    size_t nr_methods;
    uint64_t channels;              /* each with a processor; 0 means 1 */
    bool advice;                    /* for each cell with a limit */
    bool evacuate;                  /* for each cell with a limit */
    struct xpc_evacuate_params evacuate_params; /* link is replaced by the
                                     * bandwidth of the cell */
};

void xpc_cells_init(struct xpc_cells *c);
/* Frees what c owns and zeroes it. Idempotent. */
void xpc_cells_dispose(struct xpc_cells *c);

/* The parameters of one cell, for the guest with this curve. */
void xpc_cell_params(struct xpc_predict_params *out,
                     const struct xpc_predict_params *p,
                     const struct xpc_curve *c,
                     uint64_t bandwidth_bytes_per_s, uint64_t downtime_ns);

/*
 * Adds compression to the parameters, which have a bandwidth and processors.
 * XPC_COMPRESS_AUTO chooses among all methods that the domain has the costs of.
 * Returns false if it does not have those of this method, or none.
 */
bool xpc_cell_compress(struct xpc_predict_params *p,
                       const struct xpc_domain *d,
                       const struct xpc_compress_method *method);

/* Computes a cell. Does not change cell->domain and cell->compress. */
void xpc_cell_compute(struct xpc_cell *cell, const struct xpc_curve *c,
                      const struct xpc_predict_params *p,
                      uint64_t bandwidth_bytes_per_s, uint64_t downtime_ns);

/*
 * Computes everything. Cells and advice are sorted by domain, then method, then
 * bandwidth, then downtime, in the order of the request. c must be initialised.
 * Returns 0, or -1 with errno EINVAL (too many, or none) or ENOMEM.
 */
int xpc_cells_compute(struct xpc_cells *c, const struct xpc_cells_request *r);

#endif
