/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include <xenprecopy/units.h>

#include "core/compress_auto.h"

/* So many frames of each method come first. */
#define FIRST_FRAMES 2
/*
 * A frame is sent with another method after so many others, but these trials
 * may take no more than this share of the time.
 */
#define TRIAL_FRAMES 32
#define TRIAL_SHARE 0.02
/* What is left of what was known when other pages come. */
#define RENEW_KEEP 0.25
/* The weight of a frame halves with so many later ones: of its method, all. */
#define HALF_LIFE 16.0
#define HALF_LIFE_ALL 128.0
/* The link is looked at after so much was written. */
#define EPOCH_BYTES (2u << 20)
/* It is the bottleneck if it is written to for this share of the time. */
#define LINK_BUSY 0.5
/*
 * The weight of what was known before an epoch, in the time for a byte: the
 * first bytes vanish into buffers at a rate that is not the link's.
 */
#define LINK_KEEP 0.5

static void add_use(struct xpc_compress_auto *a,
                    const struct xpc_compress_method *m)
{
    a->use[a->nr++] = (struct xpc_compress_use){
        .compress = m->compress, .level = m->level,
    };
}

void xpc_compress_auto_init(struct xpc_compress_auto *a,
                            const struct xpc_compress_method *method,
                            uint64_t stated_bytes_per_s,
                            unsigned int channels, unsigned int processors,
                            uint64_t now_ns)
{
    static const struct xpc_compress_method off;

    *a = (struct xpc_compress_auto){
        .channels = channels, .processors = processors,
        .stated_bytes_per_s = stated_bytes_per_s, .epoch.ns = now_ns,
    };
    add_use(a, &off);
    a->fixed = method->compress != XPC_COMPRESS_AUTO;
    if (!a->fixed) {
        for (size_t i = 0; i < xpc_nr_compress_defaults; i++)
            add_use(a, &xpc_compress_defaults[i]);
    } else if (method->compress != XPC_COMPRESS_OFF) {
        add_use(a, method);
    }
}

void xpc_compress_auto_cap(struct xpc_compress_auto *a, uint64_t bytes_per_s)
{
    /* What was measured under another cap says nothing about the link. */
    if (bytes_per_s != a->cap_bytes_per_s && a->stated_bytes_per_s)
        a->link_bytes_per_s = 0;
    a->cap_bytes_per_s = bytes_per_s;
}

void xpc_compress_auto_renew(struct xpc_compress_auto *a)
{
    for (size_t i = 0; i < a->nr; i++) {
        a->recent[i].in *= RENEW_KEEP;
        a->recent[i].out *= RENEW_KEEP;
        a->recent[i].ns *= RENEW_KEEP;
    }
}

double xpc_compress_auto_link(const struct xpc_compress_auto *a)
{
    double link = a->link_bytes_per_s > 0 ? a->link_bytes_per_s : INFINITY;

    if (a->stated_bytes_per_s)
        link = fmin(link, a->stated_bytes_per_s);
    if (a->cap_bytes_per_s)
        link = fmin(link, a->cap_bytes_per_s);
    return link;
}

/* ---- choosing ----------------------------------------------------------- */

/* The method with the fewest frames, while it has fewer than FIRST_FRAMES. */
static bool pick_first(const struct xpc_compress_auto *a, size_t *method_r)
{
    size_t least = 0;

    for (size_t i = 1; i < a->nr; i++) {
        if (a->recent[i].picked < a->recent[least].picked)
            least = i;
    }
    *method_r = least;
    return !a->settled && a->recent[least].picked < FIRST_FRAMES;
}

/* What is known of a method that has sent a frame. */
static struct xpc_compress_page page_of(const struct xpc_compress_auto *a,
                                        size_t method)
{
    return (struct xpc_compress_page){
        .share = a->recent[method].out / a->recent[method].in,
        .ns = a->recent[method].ns / a->recent[method].in * XPC_PAGE_SIZE,
    };
}

static bool known(const struct xpc_compress_auto *a, size_t method)
{
    return a->recent[method].in > 0;
}

static size_t choose(const struct xpc_compress_auto *a)
{
    const struct xpc_compress_page *pages[XPC_COMPRESS_USES_MAX];
    struct xpc_compress_page page[XPC_COMPRESS_USES_MAX];
    size_t method[XPC_COMPRESS_USES_MAX], nr = 0;

    for (size_t i = 0; i < a->nr; i++) {
        if (!known(a, i))
            continue;
        page[nr] = page_of(a, i);
        pages[nr] = &page[nr];
        method[nr++] = i;
    }
    /* Nothing is known before the first frame was sent. */
    return nr ? method[xpc_compress_choose(pages, nr,
                                           xpc_compress_auto_link(a), 1)] : 0;
}

/* The time for a page, in s. */
static double time_of(const struct xpc_compress_auto *a, size_t method)
{
    struct xpc_compress_page page = page_of(a, method);

    return 1 / xpc_compress_rate(&page, xpc_compress_auto_link(a), 1);
}

/*
 * The method to try, picked longest ago, or the chosen one if no trial is due.
 * How well pages go uncompressed is known.
 */
static size_t pick_trial(struct xpc_compress_auto *a, size_t chosen)
{
    size_t oldest = chosen;
    double usual, cost;

    if (!known(a, chosen))
        return chosen;
    for (size_t i = 1; i < a->nr; i++) {
        if (i != chosen && known(a, i) &&
            (oldest == chosen || a->recent[i].last < a->recent[oldest].last))
            oldest = i;
    }
    usual = time_of(a, chosen);
    cost = fmax(time_of(a, oldest) - usual, 0);
    a->credit = fmin(a->credit + TRIAL_SHARE * usual, fmax(cost, usual));
    if (a->frames < a->last_trial + TRIAL_FRAMES || a->credit < cost)
        return chosen;
    a->credit -= cost;
    a->last_trial = a->frames;
    return oldest;
}

static size_t pick(struct xpc_compress_auto *a)
{
    size_t method;

    if (a->fixed)
        return a->nr - 1;
    if (pick_first(a, &method))
        return method;
    method = choose(a);
    return a->settled ? method : pick_trial(a, method);
}

size_t xpc_compress_auto_pick(struct xpc_compress_auto *a)
{
    size_t method = pick(a);

    a->recent[method].picked++;
    a->recent[method].last = ++a->frames;
    return method;
}

/* ---- learning ----------------------------------------------------------- */

void xpc_compress_auto_learn(struct xpc_compress_auto *a, size_t method,
                             uint64_t bytes, uint64_t wire_bytes,
                             uint64_t cpu_ns, uint64_t wall_ns)
{
    double ns = fmax(wall_ns / a->channels, cpu_ns / a->processors);
    struct xpc_compress_use *u = &a->use[method];
    double since = a->frames - (double)a->recent[method].learned;
    double keep = exp2(-1 / HALF_LIFE - since / HALF_LIFE_ALL);

    u->frames++;
    u->bytes += bytes;
    u->wire_bytes += wire_bytes;
    u->cpu_ns += cpu_ns;
    u->wall_ns += wall_ns;
    a->recent[method].learned = a->frames;
    a->recent[method].in = a->recent[method].in * keep + bytes;
    a->recent[method].out = a->recent[method].out * keep + wire_bytes;
    a->recent[method].ns = a->recent[method].ns * keep + ns;
}

void xpc_compress_auto_wrote(struct xpc_compress_auto *a, uint64_t now_ns,
                             uint64_t wire_bytes, uint64_t writing_ns)
{
    uint64_t bytes = wire_bytes - a->epoch.wire_bytes;
    double ns = now_ns - (double)a->epoch.ns, known = a->link_bytes_per_s;
    double rate;

    if (bytes < EPOCH_BYTES || ns <= 0)
        return;
    rate = bytes * 1e9 / ns;
    if (writing_ns - a->epoch.writing_ns >= LINK_BUSY * ns)
        a->link_bytes_per_s = known > 0 ? 1 / (LINK_KEEP / known +
                                               (1 - LINK_KEEP) / rate) : rate;
    else if (known > 0)
        a->link_bytes_per_s = fmax(known, rate);
    a->epoch.ns = now_ns;
    a->epoch.wire_bytes = wire_bytes;
    a->epoch.writing_ns = writing_ns;
}
