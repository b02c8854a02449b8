/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's replies to what a source asks before a migration
 * (channels/question.h). Nothing is changed on this host.
 */
#ifndef XL_RECEIVE_XL_RECEIVE_CHECK_H
#define XL_RECEIVE_XL_RECEIVE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "channels/question.h"

/* What can be had of this host's Xen. All return 0, or -1: not known. */
struct check_ops {
    /* *domid_r: the domain of this name, or -1 if there is none. */
    int (*find)(void *opaque, const char *name, int64_t *domid_r,
                bool *dying_r);
    /*
     * KiB that are free, that domain 0 could give beside these (0 without
     * autoballoon), and how many of them guests will take that are being
     * migrated to here.
     */
    int (*memory)(void *opaque, uint64_t *free_r, uint64_t *more_r,
                  uint64_t *due_r);
    /* Does libxl run hotplug scripts (xl.conf)? */
    int (*runs_scripts)(void *opaque);
    int (*version)(void *opaque, unsigned int *major_r,
                   unsigned int *minor_r);
    /* The features that a guest can have here, as in xl_cpu.h. */
    int (*cpu)(void *opaque, uint32_t *words_r);
};

/* What the items have said of the migration. All "" initially. */
struct check_asked {
    char notify[QUESTION_VALUE_MAX];    /* the guest that is to be told */
};

struct check_host {
    const struct check_ops *ops;
    void *opaque;
    const char *boot_id;            /* of this kernel; "": not known */
    const char *script_dir;         /* of scripts without a path */
    const char *net_dir;            /* /sys/class/net */
    const char *const *device_models;   /* default paths, to a NULL */
};

/* Replies to q, item by item. */
void check_reply(struct reply *r, const struct question *q,
                 const struct check_host *host, struct check_asked *asked);

#endif
