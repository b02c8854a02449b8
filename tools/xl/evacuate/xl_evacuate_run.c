/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "evacuate/xl_evacuate_caps.h"
#include "evacuate/xl_evacuate_link.h"
#include "evacuate/xl_evacuate_pace.h"
#include "evacuate/xl_evacuate_result.h"
#include "evacuate/xl_evacuate_run.h"
#include "evacuate/xl_evacuate_targets.h"
#include "xen/run.h"

#define COMMAND "evacuate"
#define TICK_MS 250
/* How well the rate of a link is known, for the forecast. */
#define LINK_CV 0.05

static uint64_t now_ns(const struct evacuate_run *r)
{
    return clock_now_ns() - r->begun_ns;
}

/* ---- forecasts ------------------------------------------------------ */

int evacuate_forecast(struct evacuation *e, struct evacuate_forecast *f)
{
    uint64_t link = e->s.link_bytes_per_s;
    int r;

    e->s.link_bytes_per_s = link * (1 + LINK_CV);
    r = xpc_schedule_forecast(&e->s, &f->low, -1);
    e->s.link_bytes_per_s = link * (1 - LINK_CV);
    if (!r)
        r = xpc_schedule_forecast(&e->s, &f->high, 1);
    e->s.link_bytes_per_s = link;
    return r ? -1 : xpc_schedule_forecast(&e->s, &f->expected, 0);
}

void evacuate_check_deadline(struct evacuate_run *r)
{
    struct evacuation *e = r->e;
    uint64_t now = clock_now_ns(), left = r->deadline_ns > now ?
                                          r->deadline_ns - now : 0;
    struct xpc_schedule_forecast f, without = { 0 };
    bool *leave;
    ssize_t nr;

    if (!r->deadline_ns || r->deadline_told ||
        xpc_schedule_forecast(&e->s, &f, 0) || f.end_ns <= left)
        return;
    leave = calloc(e->s.nr_moves, sizeof(*leave));
    if (!leave)
        return;
    nr = xpc_schedule_fit(&e->s, left, leave, &without);
    /* To leave all of them is no advice. */
    show_deadline(r->show, e, left, leave, without.moved ? nr : 0, &f);
    r->deadline_told = true;
    free(leave);
}

static void keep_end(struct evacuate_run *r, uint64_t now)
{
    struct evacuation *e = r->e;
    struct evacuate_end *grown = realloc(e->ends, (e->nr_ends + 1) *
                                                  sizeof(*grown));

    if (!grown)
        return;
    e->ends = grown;
    grown[e->nr_ends++] = (struct evacuate_end){ now, r->end_ns };
}

/*
 * After something has changed: places, predicts and forecasts again. disturbed:
 * the last forecast was about something else.
 */
static void plan_again(struct evacuate_run *r, bool disturbed)
{
    struct evacuation *e = r->e;
    struct xpc_schedule_forecast f;
    char err[XPC_ERR_LEN];

    e->s.pace = xpc_pace(&r->pace);
    if (evacuate_plan(e, err) || xpc_schedule_forecast(&e->s, &f, 0))
        return;
    if (disturbed || r->pace.link_bytes_per_s != e->s.link_bytes_per_s)
        xpc_pace_follow(&r->pace, &e->s, now_ns(r));
    r->end_ns = now_ns(r) + f.end_ns;
    evacuate_check_deadline(r);
}

/* ---- migrations ----------------------------------------------------- */

static int note(struct evacuate_run *r, const struct journal_line *line)
{
    char err[XPC_ERR_LEN];

    if (!journal_add(r->j, line, err))
        return 0;
    if (!r->failed)
        xl_message(COMMAND, "nothing more is begun, because the journal can't "
                   "be written: %s", err);
    r->failed = true;
    return -1;
}

static struct journal_line line_of(const struct evacuate_run *r, size_t i,
                                   const char *event)
{
    const struct evacuate_guest *g = &r->e->guests[i];
    int target = r->e->s.moves[i].target;

    return (struct journal_line){
        .event = (char *)event, .domain = g->name, .uuid = (char *)g->uuid,
        .target = target < 0 ? NULL : (char *)r->e->targets[target].host,
        .tries = g->tries,
    };
}

/* "xl migrate", its options, the domain and the host. */
static int spawn(struct evacuate_run *r, size_t i)
{
    struct evacuation *e = r->e;
    struct evacuate_guest *g = &e->guests[i];
    const char *args[EVACUATE_PASSED_MAX + 12] = { "xl", "migrate" };
    char *own[4] = { NULL };
    int n = 2, rc;

    if (e->o->ssh_command) {
        args[n++] = "-s";
        args[n++] = e->o->ssh_command;
    }
    args[n++] = "--progress=json";
    args[n++] = own[0] = xl_asprintf("--report=%s", g->m.report);
    for (size_t k = 0; k < e->o->nr_passed; k++)
        args[n++] = e->o->passed[k];
    g->m.cap_bytes_per_s = evacuate_cap(e, i);
    if (g->m.cap_bytes_per_s)
        args[n++] = own[1] = xl_asprintf("--precopy-max-bandwidth=%"PRIu64"kB",
                                         g->m.cap_bytes_per_s / 1000);
    args[n++] = own[2] = xl_asprintf("%u", g->domid);
    args[n++] = e->targets[e->s.moves[i].target].host;
    own[3] = xl_asprintf("%s/switchover.lock", xen_run_path());
    rc = migration_start(&g->m, args, own[3]);
    for (int k = 0; k < 4; k++)
        free(own[k]);
    return rc;
}

static void start(struct evacuate_run *r, size_t i)
{
    struct evacuation *e = r->e;
    struct evacuate_guest *g = &e->guests[i];
    struct xpc_move *m = &e->s.moves[i];
    struct journal_line line = line_of(r, i, "start");
    bool noted;

    if (!g->m.report) {
        g->m.progress = journal_path(r->j, g->uuid, "progress");
        g->m.report = journal_path(r->j, g->uuid, "report");
        g->m.log = journal_path(r->j, g->uuid, "log");
    }
    if (note(r, &line))
        return;
    g->alone = true;
    for (size_t k = 0; k < e->s.nr_moves; k++) {
        if (e->s.moves[k].state == XPC_MOVE_RUNS)
            e->guests[k].alone = g->alone = false;
    }
    m->state = XPC_MOVE_RUNS;
    m->turn = ++r->turn;
    m->left_ns = UINT64_MAX;
    m->setup_left_ns = e->setup_ns;
    m->sent = false;
    m->near_ns = 0;
    xpc_schedule_caps(&e->s);
    if (spawn(r, i)) {
        m->state = XPC_MOVE_LEFT;
        g->text = xl_asprintf("xl migrate can't be started: %s",
                              strerror(errno));
        return;
    }
    g->started_ns = g->far_ns = r->steady_ns = now_ns(r);
    line = line_of(r, i, "pid");
    line.pid = g->m.pid;
    line.pid_start = g->m.pid_start;
    noted = !note(r, &line);
    migration_go(&g->m, noted);
    if (noted)
        show_event(r->show, "start", g->name, e->targets[m->target].host,
                   "to %s%s", e->targets[m->target].host, g->tries ?
                   ", again" : "");
}

static void start_next(struct evacuate_run *r)
{
    struct evacuation *e = r->e;
    uint64_t now = now_ns(r), wake_ns;
    ssize_t i;

    for (size_t k = 0; k < e->s.nr_moves; k++)
        e->s.moves[k].possible = e->guests[k].fits &&
                                 now >= e->guests[k].not_before_ns;
    while (!r->failed && (i = xpc_schedule_next(&e->s, &wake_ns)) >= 0)
        start(r, i);
}

/* A target that does not answer after a failure is taken out. */
static void check_target(struct evacuate_run *r, int target)
{
    struct evacuation *e = r->e;
    struct evacuate_target *t = &e->targets[target];
    struct journal_line line = { .event = "out", .target = (char *)t->host };
    uint64_t free_bytes = e->s.targets[target].free_bytes;
    char err[XPC_ERR_LEN];
    int rc = e->s.targets[target].out ? 0 :
                evacuate_ask_target(e, target, r->interrupt_fd, err);

    /* What has moved there since the first time is counted as used. */
    e->s.targets[target].free_bytes = free_bytes;
    if (!rc || errno == EINTR)
        return;
    e->s.targets[target].out = true;
    line.text = t->text = xl_asprintf("%s", err);
    note(r, &line);
    show_event(r->show, "target-out", NULL, t->host, "taken out: %s", err);
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (e->s.moves[i].state == XPC_MOVE_WAITS &&
            e->s.moves[i].target == target)
            e->s.moves[i].target = XPC_NO_TARGET;
    }
}

static void end(struct evacuate_run *r, size_t i, int status)
{
    struct evacuation *e = r->e;
    struct evacuate_guest *g = &e->guests[i];
    int target = e->s.moves[i].target;
    struct journal_line line;
    uint64_t now = now_ns(r);

    g->ended_ns = r->last_end_ns = r->steady_ns = now;
    status = evacuate_take_result(e, i, status, now);
    line = line_of(r, i, "end");
    line.status = status;
    line.text = g->text;
    note(r, &line);
    show_event(r->show, "end", g->name, e->targets[target].host, "%s",
               g->text);
    if (status == MIGRATE_FAILED)
        check_target(r, target);
    if (status == MIGRATE_FAILED && e->s.targets[target].out)
        evacuate_retry(e, i);
    else if (status == MIGRATE_REFUSED)
        evacuate_try_elsewhere(e, i);
    /* The forecast was with those that are not begun any more. */
    if (status == MIGRATE_OK && !r->interrupts && !r->failed)
        xpc_pace_moved(&r->pace, &e->s, now);
    plan_again(r, status != MIGRATE_OK);
    keep_end(r, now);
}

static void watch_migrations(struct evacuate_run *r)
{
    struct evacuation *e = r->e;
    uint64_t now = now_ns(r);
    int status;

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        struct evacuate_guest *g = &e->guests[i];

        if (e->s.moves[i].state != XPC_MOVE_RUNS)
            continue;
        migration_read(&g->m, now);
        if (migration_ended(&g->m, &status)) {
            migration_read(&g->m, now);
            end(r, i, status);
        } else {
            evacuate_update_left(e, i, now);
        }
    }
    if (evacuate_learn_from_progress(e, r->steady_ns))
        plan_again(r, true);
}

/* ---- all of it ------------------------------------------------------ */

/* A terminal that is lost may say so several times. */
static void take_interrupts(struct evacuate_run *r)
{
    struct evacuation *e = r->e;
    int sig;

    while ((sig = interrupt_take(r->interrupt_fd))) {
        if (sig == SIGHUP && r->interrupts)
            continue;
        r->interrupts++;
        if (r->interrupts == 1)
            show_event(r->show, "interrupted", NULL, NULL, "nothing more is "
                       "begun, what moves is finished; interrupt once more to "
                       "break it off");
        else
            show_event(r->show, "interrupted", NULL, NULL, "what moves is "
                       "broken off");
        for (size_t i = 0; r->interrupts > 1 && i < e->s.nr_moves; i++) {
            if (e->s.moves[i].state == XPC_MOVE_RUNS)
                migration_break(&e->guests[i].m);
        }
    }
}

static bool any(const struct evacuation *e, enum xpc_move_state state)
{
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (e->s.moves[i].state == state)
            return true;
    }
    return false;
}

/* Nothing runs, and nothing fits: is there hope in measuring again? */
static bool is_hopeless(const struct evacuate_run *r)
{
    const struct evacuation *e = r->e;

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct evacuate_guest *g = &e->guests[i];

        if (e->s.moves[i].state == XPC_MOVE_WAITS &&
            e->s.moves[i].target >= 0 &&
            (g->fits || g->measured_ns < r->last_end_ns))
            return false;
    }
    return true;
}

static int status_of(const struct evacuate_run *r)
{
    const struct evacuation *e = r->e;

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        if (e->guests[i].unknown)
            return EVACUATE_UNKNOWN;
    }
    if (r->failed)
        return EVACUATE_FAILED;
    if (!any(e, XPC_MOVE_WAITS) && !any(e, XPC_MOVE_LEFT))
        return EVACUATE_OK;
    return r->interrupts ? EVACUATE_INTERRUPTED : EVACUATE_SOME_LEFT;
}

int evacuate_run(struct evacuate_run *r)
{
    struct evacuation *e = r->e;
    struct pollfd p = { .fd = r->interrupt_fd, .events = POLLIN };
    struct xpc_schedule_forecast f;

    /* Ctrl-C ends a pager or tee, but not the evacuation. */
    signal(SIGPIPE, SIG_IGN);
    r->pace.before = e->earlier_pace;
    r->took_over = any(e, XPC_MOVE_RUNS);
    if (!xpc_schedule_forecast(&e->s, &f, 0))
        xpc_pace_follow(&r->pace, &e->s, now_ns(r));
    for (;;) {
        bool stops;

        take_interrupts(r);
        watch_migrations(r);
        if (evacuate_meter_step(&r->meter, e, now_ns(r)))
            plan_again(r, false);
        stops = r->interrupts || r->failed;
        if (!stops)
            start_next(r);
        if (!any(e, XPC_MOVE_RUNS) &&
            (stops || !any(e, XPC_MOVE_WAITS) || is_hopeless(r)))
            break;
        if (!stops)
            evacuate_meter_start(&r->meter, e, r->last_end_ns);
        if (evacuate_set_caps(e))
            r->steady_ns = now_ns(r);
        show_table(r->show, e, now_ns(r), r->end_ns > now_ns(r) ?
                   r->end_ns - now_ns(r) : 0);
        poll(&p, 1, TICK_MS);
    }
    evacuate_meter_stop(&r->meter);
    if (!r->took_over)
        evacuate_keep_pace(e, xpc_pace_seen(&r->pace), time(NULL));
    xpc_pace_dispose(&r->pace);
    if (!r->interrupts && !r->failed)
        evacuate_leave_rest(e);
    return status_of(r);
}
