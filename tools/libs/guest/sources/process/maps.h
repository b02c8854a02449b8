/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of a process source: its regions, and the populated pages. */
#ifndef SOURCES_PROCESS_MAPS_H
#define SOURCES_PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenprecopy/source.h>

/* A descriptor that is not open is -1. */
struct process {
    pid_t pid;
    int pidfd, pagemap;
    int uffd;                   /* while tracking */
    uint64_t rss_pages;         /* when opened */
};

/* Where a process has mapped a region. */
struct view {
    size_t process;             /* index of it */
    uint64_t start;             /* address */
};

/*
 * One private mapping of one process, or one shared mapping, with a view for
 * each process that has it. Its pages have the pfns from pfn to pfn + nr - 1.
 */
struct region {
    uint64_t pfn, nr;
    uint64_t dev, inode, offset;/* of a shared mapping; inode 0: private */
    struct view *view;
    size_t nr_views;
    uint64_t *dirty;            /* bitmap, used while tracking */
};

struct source_process {
    struct xpc_source src;
    struct process *process;
    size_t nr_processes;
    struct region *region;      /* in rising order of pfn */
    size_t nr_regions;
    uint64_t populated;         /* pages, when opened */
    bool tracking;

    struct taken { size_t process; uint64_t addr; } *taken;
    size_t nr_taken, room_taken;
    char *pages;                /* XPC_LOOK_MAX of them */
};

/*
 * Reads the mappings of all processes and adds regions for new ones. While
 * tracking, these are registered with the uffd.
 */
int process_read_maps(struct source_process *s);
/* Counts the pages that have memory. */
int process_count_populated(struct source_process *s, uint64_t *pages_r);
/* The region of a pfn, or NULL. */
struct region *process_find_region(struct source_process *s, uint64_t pfn);
void process_free_regions(struct source_process *s);

#endif
