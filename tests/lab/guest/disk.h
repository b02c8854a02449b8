/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What diskwriter writes and diskcheck reads: a disk of numbered records, one
 * a sector.
 *
 * The disk is divided into lanes, and a domain writes only to the lane of its
 * own id. Were a guest to run twice, both copies would write the same
 * numbers, but not over each other: the number is then found in two lanes.
 */
#ifndef LAB_GUEST_DISK_H
#define LAB_GUEST_DISK_H

#include <stdint.h>

#define DISK_SECTOR 512
#define DISK_LANES 8
#define DISK_MAGIC 0x6b73696462616c00ULL
#define DISK_FILL ((DISK_SECTOR - 4 * 8) / 8)

struct disk_record {
    uint64_t magic;
    uint64_t number;            /* from 1 */
    uint64_t domid;
    uint64_t sum;               /* disk_sum() */
    uint64_t fill[DISK_FILL];   /* all are sum */
};

static inline uint64_t disk_sum(uint64_t number, uint64_t domid)
{
    uint64_t x = DISK_MAGIC ^ number << 16 ^ domid;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/* The sector of a record; sectors is the size of the disk. */
static inline uint64_t disk_place(uint64_t number, uint64_t domid,
                                  uint64_t sectors)
{
    uint64_t lane = sectors / DISK_LANES;

    return domid % DISK_LANES * lane + number % lane;
}

#endif
