/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "evacuate/xl_evacuate_measure.h"
#include "evacuate/xl_evacuate_meter.h"

/* A curve is as good as new for this long. */
#define FRESH_NS (60 * XPC_S)

/* The one to measure, or -1. */
static ssize_t choose(const struct evacuation *e, uint64_t last_end_ns)
{
    ssize_t best = -1;

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct evacuate_guest *g = &e->guests[i], *b;
        bool old = g->measured_ns + FRESH_NS < last_end_ns ||
                   (!g->fits && g->measured_ns < last_end_ns);

        if (e->s.moves[i].state != XPC_MOVE_WAITS || !old)
            continue;
        b = best < 0 ? NULL : &e->guests[best];
        if (!b || (b->fits && !g->fits) ||
            (b->fits == g->fits && g->measured_ns < b->measured_ns))
            best = i;
    }
    return best;
}

static void exec_dirty_rate(const struct evacuation *e, size_t i, int out)
{
    const char *args[9] = { "xl", "dirty-rate", "--json" };
    int n = 3, none = open("/dev/null", O_RDWR);

    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (e->o->calc_time)
        args[n++] = xl_asprintf("--calc-time=%s", e->o->calc_time);
    args[n++] = xl_asprintf("--compress=%s", evacuate_methods(e));
    args[n++] = "--";
    args[n++] = xl_asprintf("%u", e->guests[i].domid);
    if (none < 0 || dup2(none, STDIN_FILENO) < 0 ||
        dup2(out, STDOUT_FILENO) < 0 || dup2(none, STDERR_FILENO) < 0)
        _exit(127);
    execv("/proc/self/exe", (char **)args);
    _exit(127);
}

void evacuate_meter_start(struct evacuate_meter *m, struct evacuation *e,
                          uint64_t last_end_ns)
{
    ssize_t i = m->pid ? -1 : choose(e, last_end_ns);
    int fds[2];

    if (i < 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK))
        return;
    m->guest = i;
    m->len = 0;
    m->pid = fork();
    if (!m->pid) {
        fcntl(fds[1], F_SETFL, 0);
        exec_dirty_rate(e, i, fds[1]);
    }
    close(fds[1]);
    m->fd = fds[0];
    if (m->pid < 0) {
        close(m->fd);
        m->pid = 0;
    }
}

/* Returns whether everything has been read. */
static bool read_some(struct evacuate_meter *m)
{
    for (;;) {
        char *grown = realloc(m->text, m->len + 65536);
        ssize_t n;

        if (!grown)
            return true;
        m->text = grown;
        n = read(m->fd, m->text + m->len, 65536);
        if (n < 0)
            return errno != EAGAIN && errno != EINTR;
        if (!n)
            return true;
        m->len += n;
    }
}

bool evacuate_meter_step(struct evacuate_meter *m, struct evacuation *e,
                         uint64_t now_ns)
{
    char err[XPC_ERR_LEN];
    int status = -1;
    bool good;

    if (!m->pid || !read_some(m))
        return false;
    while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(m->fd);
    m->pid = 0;
    good = !status && e->s.moves[m->guest].state == XPC_MOVE_WAITS &&
           !evacuate_take_measurement(e, m->guest, m->text, m->len, err);
    /* One that can't be measured is not tried for ever. */
    e->guests[m->guest].measured_ns = now_ns;
    return good;
}

void evacuate_meter_stop(struct evacuate_meter *m)
{
    if (m->pid) {
        kill(m->pid, SIGTERM);
        while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        close(m->fd);
        m->pid = 0;
    }
    free(m->text);
    m->text = NULL;
}
