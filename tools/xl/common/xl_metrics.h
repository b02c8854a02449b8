/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics as text that is valid both in OpenMetrics and in the format of
 * Prometheus, which node_exporter's textfile collector reads.
 *
 * The two disagree about counters: a TYPE line names the counter with _total
 * in one and without it in the other. So counters have no TYPE line, and are
 * taken as "unknown" or "untyped", which makes no difference to queries.
 */
#ifndef XL_COMMON_XL_METRICS_H
#define XL_COMMON_XL_METRICS_H

#include <stdio.h>

#include <xenprecopy/error.h>

struct metric_family {
    const char *name;               /* ends with _total: a counter; else a
                                     * gauge, and ends with _unit if any */
    const char *unit;               /* NULL: none */
    const char *help;               /* one line */
};

struct metrics {
    FILE *f;
    char *text;
    size_t len;
    const struct metric_family *family;     /* of the last sample */
};

/* Returns 0, or -1 when out of memory. */
int metrics_open(struct metrics *m);
/*
 * Adds a sample. The labels are names and values, ended by NULL; what is not
 * valid UTF-8 in a value is replaced. Samples of a family must follow each
 * other, and each must have other labels.
 */
__attribute__((sentinel))
void metrics_add(struct metrics *m, const struct metric_family *family,
                 double value, ...);
/*
 * Ends the text and writes it to the file of --openmetrics, with mode 0644, or
 * for file NULL to standard output. Frees m. Returns 0, or -1 with one line in
 * err.
 */
int metrics_close(struct metrics *m, const char *file, char err[XPC_ERR_LEN]);

#endif
