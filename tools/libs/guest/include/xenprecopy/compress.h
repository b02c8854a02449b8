/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What compression makes of a guest's pages: the share of their size that is
 * sent, and the processor's time for a page.
 *
 * Pages are compressed in blocks of pages that are sent together, as a channel
 * does: one by one, they stay up to a quarter larger. Blocks are then what was
 * sampled. With y the size or the time of a block and x that of its pages, the
 * estimate is the ratio R = sum(y) / sum(x) of n blocks, and its variance
 *   n / (n - 1) sum((y - R x)^2) / sum(x)^2
 * (Cochran, Sampling Techniques, 3rd edition, section 2.11, for a sample that
 * is a small part of the guest). The interval is R plus and minus the 97.5%
 * quantile of Student's t with n - 1 degrees of freedom.
 */
#ifndef XENPRECOPY_COMPRESS_H
#define XENPRECOPY_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/error.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#define XPC_COMPRESS_METHODS_MAX 8
/* The pages of a block, with successive pfns, and the number of blocks. */
#define XPC_COMPRESS_BLOCK 8u
#define XPC_COMPRESS_BLOCKS 256u
/* Fewer blocks than this have no interval: anything is possible. */
#define XPC_COMPRESS_BLOCKS_MIN 3u

/* The level 0 stands for 1. Only XPC_COMPRESS_ZSTD and _LZ4 have levels. */
struct xpc_compress_method {
    enum xpc_compress compress;
    uint64_t level;
};

/* The methods that are measured, and among which auto chooses. */
extern const struct xpc_compress_method xpc_compress_defaults[];
extern const size_t xpc_nr_compress_defaults;

/*
 * Reads "off", "auto", "lz4", "zstd:3" and the like. Returns 0, or -1 with one line in
 * why.
 */
int xpc_compress_parse(const char *s, struct xpc_compress_method *m_r,
                       char why[XPC_ERR_LEN]);
/* The same as text. Level 1 is left out. Returns buf. */
const char *xpc_compress_text(char buf[XPC_UNIT_LEN],
                              const struct xpc_compress_method *m);
bool xpc_compress_same(const struct xpc_compress_method *a,
                       const struct xpc_compress_method *b);

/*
 * Compresses pages for a measurement. The engine links no such library, so the
 * caller passes one in.
 */
struct xpc_compressor {
    /*
     * Compresses len bytes, at most XPC_COMPRESS_BLOCK pages. Returns the size,
     * which is len if they do not get smaller, and in *ns_r the processor's
     * time. 0: out of memory.
     */
    size_t (*compress)(const struct xpc_compressor *c,
                       const struct xpc_compress_method *method,
                       const void *from, size_t len, uint64_t *ns_r);
};

/* Sums over blocks, all 0 initially. x is the pages, y the size in pages. */
struct xpc_compress_sums {
    uint64_t blocks;
    double x, xx, y, yy, xy;
    double ns, ns_ns, x_ns;
};

/* Adds a block of this many pages. */
void xpc_compress_add(struct xpc_compress_sums *s, unsigned int pages,
                      size_t size, uint64_t ns);

/* For pages without zeros. pages 0: there were none. */
struct xpc_compress_fit {
    uint64_t pages, blocks;
    double share;               /* of their size that is left, at most 1 */
    double share_low, share_high;   /* 95% confidence interval */
    double page_ns;             /* the processor's time for a page */
    double page_ns_low, page_ns_high;
};

void xpc_compress_fit(struct xpc_compress_fit *f,
                      const struct xpc_compress_sums *s);

/* A method, for the pages that did not change in a measurement, and those
 * that did. */
struct xpc_compress_result {
    enum xpc_compress compress;
    uint64_t level;
    struct xpc_compress_fit kept, changed;
};

/* ---- what compression gives a migration -------------------------------- */

/* Expected values, with the bounds of their intervals. All 0: unknown. */
struct xpc_compress_page {
    double share, share_low, share_high;    /* of a page, that is sent */
    double ns, ns_low, ns_high;     /* the processor's time for it */
};

/*
 * A method, for the pages of the first iteration, and for those that got dirty
 * and are sent in later ones.
 */
struct xpc_compress_cost {
    struct xpc_compress_method method;
    struct xpc_compress_page first, later;
};

/*
 * Derives it from a measurement. changed is the share of the guest's pages, but
 * for zero pages, that changed in it: also the first iteration sends some. If
 * no page of a class was compressed, the other class stands for it. Returns
 * false if there is none at all.
 */
bool xpc_compress_cost(struct xpc_compress_cost *c,
                       const struct xpc_compress_result *r, double changed);
/* Without compression. */
void xpc_compress_cost_off(struct xpc_compress_cost *c);

/*
 * Pages per second: the lower one of what the link carries and what so many
 * processors compress.
 */
double xpc_compress_rate(const struct xpc_compress_page *p,
                         double link_bytes_per_s, double processors);

/*
 * The method for these pages: of those that are within this share of the
 * fastest, the one that takes the least time of a processor. Returns its index;
 * nr must not be 0.
 */
#define XPC_COMPRESS_ALIKE 0.97
size_t xpc_compress_choose(const struct xpc_compress_page *const *pages,
                           size_t nr, double link_bytes_per_s,
                           double processors);

/*
 * What XPC_COMPRESS_AUTO has chosen in a migration, and why, as a clause: which
 * share of the data was sent with what, and what each method would carry over
 * the link. "" for another compression. Returns buf.
 */
#define XPC_COMPRESS_CLAUSE_LEN 512
const char *xpc_compress_clause(const struct xpc_report *r,
                                char buf[XPC_COMPRESS_CLAUSE_LEN]);

/* Are these numbers possible? */
bool xpc_compress_result_valid(const struct xpc_compress_result *r);

#endif
