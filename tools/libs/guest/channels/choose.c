/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sched.h>

#include "base/clock.h"
#include "channels/choose.h"

/* How many of these threads can run at once. */
static unsigned int count_processors(unsigned int threads)
{
    cpu_set_t set;
    unsigned int nr;

    CPU_ZERO(&set);
    /* It fails if there are more processors than fit: enough for everybody. */
    if (sched_getaffinity(0, sizeof(set), &set))
        return threads;
    nr = CPU_COUNT(&set);
    return nr && nr < threads ? nr : threads;
}

void channel_choice_init(struct channel_choice *c, int compress, int level,
                         uint64_t stated_bytes_per_s, unsigned int nr)
{
    const struct xpc_compress_method method = { compress, level };

    *c = (struct channel_choice){ 0 };
    xpc_compress_auto_init(&c->choice, &method, stated_bytes_per_s,
                           nr, count_processors(nr), clock_now_ns());
}

void channel_choice_begin_write(struct channel_choice *c)
{
    if (!c->writing++)
        c->since_ns = clock_now_ns();
}

void channel_choice_end_write(struct channel_choice *c, uint64_t wire_bytes)
{
    uint64_t now = clock_now_ns();

    c->writing_ns += now - c->since_ns;
    c->since_ns = now;
    c->writing--;
    xpc_compress_auto_wrote(&c->choice, now, wire_bytes, c->writing_ns);
}
