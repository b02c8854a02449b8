/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chooses how to compress each frame, from what was seen of those before. Pure:
 * the caller passes the times in.
 *
 * Of each method, what is left of the recent frames is known, and the time that
 * they took: the processor's, and the wall's, which is longer if the processors
 * have other work. The rate of the link is known while it is the bottleneck:
 * when the channels spend most of the time on writing. Otherwise at least what
 * they wrote is known. With these, xpc_compress_choose() says what to send the
 * next frame with. In the beginning, and now and then, a frame is sent with
 * another method to see how well it does.
 */
#ifndef CORE_COMPRESS_AUTO_H
#define CORE_COMPRESS_AUTO_H

#include <xenprecopy/compress.h>

/* Uncompressed, and as many methods as may be measured. */
#define XPC_COMPRESS_USES_MAX (1 + XPC_COMPRESS_METHODS_MAX)

struct xpc_compress_auto {
    struct xpc_compress_use use[XPC_COMPRESS_USES_MAX];     /* 0: off */
    size_t nr;
    struct {
        double in, out, ns;         /* of recent frames: bytes, and the time
                                     * by which they delay all channels */
        uint64_t picked;            /* how often, and at which frame last; when
                                     * something was learned last */
        uint64_t last, learned;
    } recent[XPC_COMPRESS_USES_MAX];
    bool fixed;                     /* to use[nr - 1] */
    bool settled;                   /* no trials any more */
    double channels, processors;
    uint64_t frames;                /* picked */
    uint64_t last_trial;            /* at this frame */
    double credit;                  /* the time that trials may take, in s for
                                     * each page of a frame */
    uint64_t stated_bytes_per_s;    /* 0: unknown */
    uint64_t cap_bytes_per_s;       /* 0: none */
    double link_bytes_per_s;        /* measured; 0: not yet */
    struct {
        uint64_t ns, wire_bytes, writing_ns;
    } epoch;                        /* its beginning */
};

/*
 * method: the only one, or XPC_COMPRESS_AUTO for off and xpc_compress_defaults.
 * stated_bytes_per_s: what the user says of the link; 0: nothing. At most this
 * many processors compress for the channels at once. now_ns is the time, of any
 * clock.
 */
void xpc_compress_auto_init(struct xpc_compress_auto *a,
                            const struct xpc_compress_method *method,
                            uint64_t stated_bytes_per_s,
                            unsigned int channels, unsigned int processors,
                            uint64_t now_ns);

/* What the cap is from now on; 0: none. */
void xpc_compress_auto_cap(struct xpc_compress_auto *a, uint64_t bytes_per_s);

/* Other pages come next: what is known of the methods counts for less. */
void xpc_compress_auto_renew(struct xpc_compress_auto *a);

/* The method for the next frame, an index into use. */
size_t xpc_compress_auto_pick(struct xpc_compress_auto *a);

/* To make a frame with this method took this time of a processor, in all. */
void xpc_compress_auto_learn(struct xpc_compress_auto *a, size_t method,
                             uint64_t bytes, uint64_t wire_bytes,
                             uint64_t cpu_ns, uint64_t wall_ns);

/*
 * So far this was written, and the time in which at least one channel was
 * writing, or waiting to be able to.
 */
void xpc_compress_auto_wrote(struct xpc_compress_auto *a, uint64_t now_ns,
                             uint64_t wire_bytes, uint64_t writing_ns);

/* The rate of the link that is assumed; INFINITY: not known. */
double xpc_compress_auto_link(const struct xpc_compress_auto *a);

#endif
