/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "evacuate/xl_evacuate_caps.h"

/* So little is left when a suspend is due, and so late it can be. */
#define DUE_NS (100 * XPC_MS)
#define LATE_NS (500 * XPC_MS)
/* xl migrate says every two seconds how much it has sent. */
#define SAYS_NS (2 * XPC_S)
/* Smaller changes of a cap are not worth a process. */
#define CHANGE 0.1

uint64_t evacuate_cap(const struct evacuation *e, size_t i)
{
    uint64_t cap = e->s.moves[i].cap_bytes_per_s;
    uint64_t own = e->guests[i].params.max_bytes_per_s;

    return own && (!cap || own < cap) ? own : cap;
}

static void exec_set(uint32_t domid, uint64_t cap)
{
    char *option = cap ?
        xl_asprintf("--precopy-max-bandwidth=%"PRIu64"kB", cap / 1000) :
        xl_asprintf("--precopy-max-bandwidth=none");
    char *number = xl_asprintf("%u", domid);
    char *args[] = { "xl", "migrate-set", option, number, NULL };
    int none = open("/dev/null", O_RDWR);

    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (none < 0 || dup2(none, STDIN_FILENO) < 0 ||
        dup2(none, STDOUT_FILENO) < 0 || dup2(none, STDERR_FILENO) < 0)
        _exit(127);
    execv("/proc/self/exe", args);
    _exit(127);
}

/*
 * It fails if the migration is just beginning or ending: then once more.
 * Returns whether it has ended.
 */
static bool reap_setter(struct migration *m)
{
    int status;

    if (!m->setter || waitpid(m->setter, &status, WNOHANG) != m->setter)
        return false;
    m->setter = 0;
    if (!status)
        m->cap_bytes_per_s = m->setting_bytes_per_s;
    return true;
}

static bool differ(uint64_t a, uint64_t b)
{
    return !a != !b || fabs((double)a - b) > CHANGE * b;
}

bool evacuate_set_caps(struct evacuation *e)
{
    bool changes = false;

    xpc_schedule_caps(&e->s);
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        struct migration *m = &e->guests[i].m;
        uint64_t cap = evacuate_cap(e, i);

        changes |= reap_setter(m);
        if (e->s.moves[i].state != XPC_MOVE_RUNS || m->setter ||
            m->suspended || m->bytes_per_s <= 0 ||
            !differ(m->cap_bytes_per_s, cap))
            continue;
        changes = true;
        m->setting_bytes_per_s = cap;
        m->setter = fork();
        if (!m->setter)
            exec_set(e->guests[i].domid, cap);
        if (m->setter < 0)
            m->setter = 0;
    }
    return changes;
}

/*
 * Whatever it sends at now: it may be capped, because another guest is about to
 * be suspended.
 */
static void set_left(struct evacuation *e, size_t i, double bytes,
                     uint64_t since_ns, double now)
{
    struct xpc_move *m = &e->s.moves[i];
    double pages = bytes / xpc_predict_page_bytes(&m->params,
                                                  &m->params.later_page);
    double best = e->s.link_bytes_per_s;

    if (e->s.stream_bytes_per_s)
        best = fmin(best, e->s.stream_bytes_per_s);
    if (m->own_bytes_per_s)
        best = fmin(best, m->own_bytes_per_s);
    m->left_ns = xpc_schedule_left(m, fmax(pages, 0), since_ns, now);
    m->left_bytes = best * xpc_schedule_left(m, fmax(pages, 0), since_ns,
                                             fmax(now, best)) / 1e9;
}

void evacuate_update_left(struct evacuation *e, size_t i, uint64_t now_ns)
{
    struct evacuate_guest *g = &e->guests[i];
    struct xpc_move *m = &e->s.moves[i];
    const struct xpc_predict_params *p = &m->params;
    double bytes, since_ns, rate;

    m->left_ns = UINT64_MAX;
    m->left_bytes = 0;
    m->setup_left_ns = g->started_ns + e->setup_ns > now_ns ?
                       g->started_ns + e->setup_ns - now_ns : 0;
    if (g->m.suspended) {
        m->left_ns = 0;
    } else if (g->m.iteration > 1) {
        since_ns = now_ns - g->m.iteration_ns;
        rate = g->m.bytes_per_s * (p->later_page.share > 0 ?
                                   p->later_page.share : 1);
        bytes = g->m.dirty_pages * xpc_predict_page_bytes(p, &p->later_page);
        set_left(e, i, bytes - since_ns / 1e9 * rate, since_ns, rate);
    } else if (g->m.bytes_per_s > 0) {
        bytes = (g->curve.total_pages - g->curve.zero_pages) *
                xpc_predict_page_bytes(p, &p->first_page) +
                g->curve.zero_pages * (double)p->zero_page_bytes;
        since_ns = fmin(now_ns - g->m.sent_ns, 2 * SAYS_NS);
        set_left(e, i, bytes - g->m.sent_bytes -
                       since_ns / 1e9 * g->m.bytes_per_s,
                 g->m.elapsed_ns + since_ns, g->m.bytes_per_s);
    }
    if (m->left_ns > DUE_NS && !g->m.suspended)
        g->m.due_ns = 0;
    else if (!g->m.due_ns)
        g->m.due_ns = now_ns;
    /* The switchover is too short for xl migrate to print anything. */
    m->sent = g->m.sent ||
              (g->m.due_ns && now_ns - g->m.due_ns > m->alone_downtime_ns +
                                                     LATE_NS);
    if (!xpc_schedule_is_near(m))
        g->far_ns = now_ns;
    m->near_ns = now_ns - g->far_ns;
}
