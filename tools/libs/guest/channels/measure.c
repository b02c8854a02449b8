/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/thread.h"
#include "channels/codec.h"
#include "channels/measure.h"

struct measure {
    struct xpc_compressor compressor;
    struct xpc_compress_method method[XPC_COMPRESS_METHODS_MAX];
    struct channel_compressor *state[XPC_COMPRESS_METHODS_MAX];
    size_t nr;
    char to[XPC_COMPRESS_BLOCK * XPC_PAGE_SIZE];
};

/* Returns NULL if out of memory. */
static struct channel_compressor *
find_state(struct measure *m, const struct xpc_compress_method *method)
{
    size_t i = 0;

    while (i < m->nr && !xpc_compress_same(&m->method[i], method))
        i++;
    if (i < m->nr)
        return m->state[i];
    if (i == XPC_COMPRESS_METHODS_MAX) {
        channel_compressor_close(m->state[0]);
        i = 0;
    } else {
        m->nr++;
    }
    m->method[i] = *method;
    m->state[i] = channel_compressor_open(method->compress,
                                          method->level ? method->level : 1);
    return m->state[i];
}

static size_t compress(const struct xpc_compressor *c,
                       const struct xpc_compress_method *method,
                       const void *from, size_t len, uint64_t *ns_r)
{
    struct measure *m = (struct measure *)c;
    struct channel_compressor *state = find_state(m, method);
    uint64_t before;
    size_t n;

    if (!state)
        return 0;
    before = thread_cpu_ns();
    n = channel_compress(state, from, len, m->to, len - 1);
    *ns_r = thread_cpu_ns() - before;
    return n ? n : len;
}

struct xpc_compressor *channel_measure_open(void)
{
    struct measure *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->compressor.compress = compress;
    return &m->compressor;
}

void channel_measure_close(struct xpc_compressor *c)
{
    struct measure *m = (struct measure *)c;

    for (size_t i = 0; m && i < m->nr; i++)
        channel_compressor_close(m->state[i]);
    free(m);
}
