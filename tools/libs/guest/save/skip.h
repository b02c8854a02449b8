/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaves out pages that are dirty again (xenprecopy/skip.h): in precopy, drops
 * them from the PAGE_DATA records that libxenguest writes.
 *
 * The next bitmap that libxenguest gets includes every page that was dropped,
 * also if Xen's does not, so that each is sent later whatever happens. Pages
 * that are missing in Xen's are counted: save/claim.h says what that means. A
 * PEEK that fails ends the dropping.
 *
 * Nothing is dropped once the guest may be suspended, in a verify pass, or from
 * a record that is not understood. For the main thread.
 */
#ifndef SAVE_SKIP_H
#define SAVE_SKIP_H

#include <xenctrl.h>

#include <xenprecopy/skip.h>

#include "save/context.h"
#include "save/sampler.h"
#include "save/stream/record.h"

struct save_skip {
    struct save_context *ctx;
    struct save_sampler *sampler;       /* may be NULL */
    uint64_t nr_pfns;           /* 0: not asked for, or impossible */
    bool off;                   /* nothing is dropped any more */
    struct xpc_skip when;
    /* What PEEK has found since the last clean, if `peeked`. */
    bool peeked;
    xc_hypercall_buffer_t buffer;
    /* The pages dropped since the last clean: a bit each; the words used. */
    uint64_t *dropped, first_word, end_word;
    uint64_t lacked;            /* of these, not in Xen's last bitmap */
    uint64_t pages;             /* dropped in all */
    /* The current record, its pages, and what is written for it. */
    struct save_batch batch;
    const char *page[SAVE_BATCH];       /* NULL: not in this call */
    struct save_out out;
};

/*
 * Prepares, if the parameters in ctx ask for it; if that is impossible, logs
 * why, and takes it out of the parameters. Before log-dirty is on.
 */
void save_skip_start(struct save_skip *k, struct save_context *ctx,
                     struct save_sampler *sampler);
void save_skip_stop(struct save_skip *k);

/* The bitmap was cleaned, or log-dirty switched on. */
void save_skip_clean(struct save_skip *k);

/*
 * libxenguest gets this bitmap, of so many pages: adds what was dropped, also
 * to the count of dirty pages. stats may be NULL. Returns 0, or -1 with errno
 * set if the bitmap is too short for that: the save must fail.
 */
int save_skip_restore(struct save_skip *k, xc_hypercall_buffer_t *bitmap,
                      unsigned long pages, xc_shadow_op_stats_t *stats);

/*
 * If pages are dropped from the record that starts in iov: puts what is to be
 * written for it into k->out, and returns the number of bytes of iov that this
 * stands for. Otherwise returns 0: to be written as it is. s is the stream as
 * written so far.
 */
size_t save_skip_rewrite(struct save_skip *k, const struct save_stream *s,
                         const struct iovec *iov, int iovcnt);

#endif
