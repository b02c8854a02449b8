/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check-writes TRACE LIST LOG…: checks that every write in the logs of
 * known-writer is in the trace, in the interval in which it happened. LIST is
 * the output of record-trace --list.
 *
 * An interval ends when its scan begins. The scan takes time, and a write
 * during it may be in either of the two intervals.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace_file.h"

struct place {
    uint32_t page;
    char kind;
    int pid;
    uint64_t at;
};

static struct place *places;
static size_t nr_places;
static uint64_t start_ns;
static uint64_t *ends;
static unsigned char *dirty;        /* a bit per page and interval */
static size_t nr_intervals;
static uint64_t total;

static int compare(const void *x, const void *y)
{
    const struct place *a = x, *b = y;

    if (a->kind != b->kind)
        return a->kind - b->kind;
    if (a->pid != b->pid)
        return a->pid - b->pid;
    return (a->at > b->at) - (a->at < b->at);
}

static void read_list(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[256];

    while (f && fgets(line, sizeof(line), f)) {
        struct place p = { 0 };

        if (sscanf(line, "start %"SCNu64, &start_ns) == 1)
            continue;
        if (sscanf(line, "%"SCNu32" p %d %"SCNx64, &p.page, &p.pid,
                   &p.at) == 3)
            p.kind = 'p';
        else if (sscanf(line, "%"SCNu32" s %*s %*s %"SCNx64, &p.page,
                        &p.at) == 2)
            p.kind = 's';
        else
            exit(2);
        places = realloc(places, (nr_places + 1) * sizeof(p));
        places[nr_places++] = p;
    }
    if (!f)
        exit(2);
    fclose(f);
    qsort(places, nr_places, sizeof(*places), compare);
}

static void read_trace(const char *path)
{
    char err[XPC_TRACE_ERR_LEN];
    struct xpc_trace_interval in;
    struct trace_file tf;
    size_t i = 0, k;
    int rc;

    if (trace_open(&tf, path, err)) {
        fprintf(stderr, "%s\n", err);
        exit(2);
    }
    nr_intervals = xpc_trace_info(tf.t)->intervals;
    total = xpc_trace_info(tf.t)->total_pages;
    ends = calloc(nr_intervals, sizeof(*ends));
    dirty = calloc(nr_intervals, (total + 7) / 8);
    while ((rc = xpc_trace_next(tf.t, &in, err)) > 0) {
        unsigned char *bits = dirty + i * ((total + 7) / 8);

        ends[i++] = in.end_ns;
        for (k = 0; k < in.nr_runs; k++) {
            for (uint64_t p = 0; p < in.runs[k].nr; p++)
                bits[(in.runs[k].first + p) / 8] |=
                    1 << (in.runs[k].first + p) % 8;
        }
    }
    if (rc < 0) {
        fprintf(stderr, "%s\n", err);
        exit(2);
    }
    trace_close(&tf);
}

static int is_dirty(size_t interval, uint32_t page)
{
    return dirty[interval * ((total + 7) / 8) + page / 8] >> page % 8 & 1;
}

/* Was a write within [before, after] recorded? */
static int seen(const struct place *p, uint64_t before, uint64_t after)
{
    size_t i = 0;

    while (i < nr_intervals && ends[i] < before)
        i++;
    if (i && is_dirty(i - 1, p->page))
        return 1;
    for (; i < nr_intervals; i++) {
        if (is_dirty(i, p->page))
            return 1;
        if (ends[i] >= after)
            break;
    }
    return 0;
}

static void check_log(const char *path, uint64_t *writes, uint64_t *lost)
{
    uint64_t before, after;
    FILE *f = fopen(path, "r");
    struct place key;

    while (f && fscanf(f, "%"SCNu64" %"SCNu64" %c %d %"SCNx64, &before,
                       &after, &key.kind, &key.pid, &key.at) == 5) {
        const struct place *p;

        /* Outside of the recording, with a margin of an interval. */
        if (before < start_ns + 100000000 ||
            after - start_ns > ends[nr_intervals - 1] - 100000000)
            continue;
        p = bsearch(&key, places, nr_places, sizeof(*places), compare);
        (*writes)++;
        if (p && seen(p, before - start_ns, after - start_ns))
            continue;
        if ((*lost)++ < 10)
            printf("lost: %c %d %"PRIx64" at %"PRIu64" us: %s\n", key.kind,
                   key.pid, key.at, (before - start_ns) / 1000,
                   p ? "not in the interval" : "page unknown");
    }
    if (!f)
        exit(2);
    fclose(f);
}

int main(int argc, char **argv)
{
    uint64_t writes = 0, lost = 0;

    if (argc < 4)
        return 2;
    read_list(argv[2]);
    read_trace(argv[1]);
    for (int i = 3; i < argc; i++)
        check_log(argv[i], &writes, &lost);
    printf("%"PRIu64" writes, %"PRIu64" lost\n", writes, lost);
    free(places);
    free(ends);
    free(dirty);
    return !writes || lost;
}
