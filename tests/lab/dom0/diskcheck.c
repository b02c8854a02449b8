// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks what guests' diskwriter left on a disk.
 *
 *   diskcheck FILE ACKNOWLEDGED
 *
 * ACKNOWLEDGED is the highest number known to be acknowledged. Prints what
 * was found and returns 0 if
 *   - every number up to ACKNOWLEDGED is there, and whole;
 *   - no number was written by two domains;
 *   - each domain's numbers are without a gap and follow those of the domain
 *     before it.
 * Otherwise prints what is wrong, and returns 1.
 *
 * Numbers so old that newer ones have taken their place are not looked for.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../guest/disk.h"

#define MAX_SPANS 64

/* The numbers of one domain. */
struct span {
    uint64_t domid, first, last, count;
};

static struct span spans[MAX_SPANS];
static unsigned int nr_spans;
static int wrong;

static void add_to_span(const struct disk_record *r)
{
    struct span *s = spans;

    while (s < spans + nr_spans && s->domid != r->domid)
        s++;
    if (s == spans + MAX_SPANS)
        return;
    if (s == spans + nr_spans) {
        nr_spans++;
        *s = (struct span){ .domid = r->domid, .first = UINT64_MAX };
    }
    if (r->number < s->first)
        s->first = r->number;
    if (r->number > s->last)
        s->last = r->number;
    s->count++;
}

static bool is_whole(const struct disk_record *r)
{
    bool whole = r->sum == disk_sum(r->number, r->domid);

    for (unsigned int i = 0; i < DISK_FILL; i++)
        whole = whole && r->fill[i] == r->sum;
    return whole;
}

/* Not mapped: that would give the holes of the file memory. */
static void read_disk(int fd, uint64_t sectors)
{
    static struct disk_record chunk[128];
    ssize_t n;

    for (uint64_t i = 0; i < sectors; i++) {
        const struct disk_record *r = &chunk[i % 128];

        if (i % 128 == 0) {
            n = pread(fd, chunk, sizeof(chunk), i * DISK_SECTOR);
            if (n < 0) {
                perror("diskcheck");
                exit(2);
            }
            memset((char *)chunk + n, 0, sizeof(chunk) - n);
        }
        if (!r->magic && !r->number)
            continue;
        if (r->magic != DISK_MAGIC || !is_whole(r) ||
            disk_place(r->number, r->domid, sectors) != i) {
            printf("sector %" PRIu64 " is damaged\n", i);
            wrong = 1;
            continue;
        }
        add_to_span(r);
    }
}

static int by_first(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static void check_spans(uint64_t acknowledged, uint64_t lane)
{
    uint64_t last = 0;

    qsort(spans, nr_spans, sizeof(*spans), by_first);
    for (unsigned int i = 0; i < nr_spans; i++) {
        const struct span *s = &spans[i];

        printf("domain %" PRIu64 ": %" PRIu64 " to %" PRIu64 "\n", s->domid,
               s->first, s->last);
        if (s->count != s->last - s->first + 1) {
            printf("%" PRIu64 " of these are missing\n",
                   s->last - s->first + 1 - s->count);
            wrong = 1;
        }
        if (s->first <= last) {
            printf("%" PRIu64 " to %" PRIu64 " were written twice\n",
                   s->first, s->last < last ? s->last : last);
            wrong = 1;
        } else if (s->first != last + 1 && s->count != lane) {
            printf("%" PRIu64 " to %" PRIu64 " are missing\n", last + 1,
                   s->first - 1);
            wrong = 1;
        }
        if (s->last > last)
            last = s->last;
    }
    if (last < acknowledged) {
        printf("%" PRIu64 " was acknowledged and is missing\n", acknowledged);
        wrong = 1;
    }
}

int main(int argc, char **argv)
{
    struct stat st;
    int fd;

    if (argc != 3) {
        fprintf(stderr, "usage: diskcheck FILE ACKNOWLEDGED\n");
        return 2;
    }
    fd = open(argv[1], O_RDONLY);
    if (fd < 0 || fstat(fd, &st)) {
        perror(argv[1]);
        return 2;
    }
    read_disk(fd, st.st_size / DISK_SECTOR);
    check_spans(strtoull(argv[2], NULL, 10),
                st.st_size / DISK_SECTOR / DISK_LANES);
    return wrong;
}
