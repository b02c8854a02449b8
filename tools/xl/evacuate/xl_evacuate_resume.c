/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxl_utils.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/process.h"
#include "common/xl_common.h"
#include "common/xl_options.h"
#include "evacuate/xl_evacuate_resume.h"
#include "evacuate/xl_evacuate_targets.h"
#include "migrate/xl_migrate_options.h"

/* Between looks at one that is being switched over. */
#define WAIT_NS (100 * XPC_MS)

static bool is(const struct journal_line *line, const char *event)
{
    return line->event && !strcmp(line->event, event);
}

/* The line with which what has not finished was begun, or NULL. */
static const struct journal_line *find_begin(const struct journal_line *lines,
                                             size_t nr)
{
    const struct journal_line *begin = NULL;

    for (size_t i = 0; i < nr; i++) {
        if (is(&lines[i], "begin"))
            begin = &lines[i];
        if (is(&lines[i], "finish"))
            begin = NULL;
    }
    return begin;
}

uint64_t resume_deadline(const struct journal_line *lines, size_t nr)
{
    const struct journal_line *begin = find_begin(lines, nr);

    return begin ? begin->deadline_s : 0;
}

char **resume_arguments(const struct journal_line *lines, size_t nr,
                        int *argc_r)
{
    const struct journal_line *begin = find_begin(lines, nr);
    char **args;

    args = begin ? calloc(begin->nr_args + 1, sizeof(*args)) : NULL;
    for (size_t i = 0; args && i < begin->nr_args; i++)
        args[i] = begin->args[i].text;
    if (args)
        *argc_r = begin->nr_args;
    return args;
}

/* The last line of a domain that is one of these events. */
static const struct journal_line *last(const struct journal_line *lines,
                                       size_t nr, const char *uuid)
{
    for (size_t i = nr; i-- > 0;) {
        if (lines[i].uuid && !strcasecmp(lines[i].uuid, uuid) &&
            (is(&lines[i], "start") || is(&lines[i], "pid") ||
             is(&lines[i], "end")))
            return &lines[i];
    }
    return NULL;
}

static bool runs(const struct journal_line *line)
{
    return line && is(line, "pid") && line->pid_start &&
           process_lives(line->pid, line->pid_start);
}

size_t resume_count_running(const struct journal_line *lines, size_t nr)
{
    size_t running = 0;

    for (size_t i = 0; i < nr; i++) {
        if (is(&lines[i], "pid") && lines[i].uuid &&
            last(lines, nr, lines[i].uuid) == &lines[i])
            running += runs(&lines[i]);
    }
    return running;
}

static int find_target(const struct evacuation *e, const char *host)
{
    for (size_t t = 0; host && t < e->s.nr_targets; t++) {
        if (!strcmp(e->targets[t].host, host))
            return t;
    }
    return XPC_NO_TARGET;
}

/* One that was begun and not ended runs, or its result is still to be taken. */
static void take_over(struct evacuation *e, const struct journal *j, size_t i,
                      const struct journal_line *line)
{
    struct evacuate_guest *g = &e->guests[i];
    struct xpc_move *m = &e->s.moves[i];

    g->tries = line->tries;
    if (is(line, "end")) {
        if (line->status == MIGRATE_OK) {
            /* Somebody has brought it back. */
            m->state = XPC_MOVE_LEFT;
            g->text = xl_asprintf("it was moved before, and is here again");
        } else if (line->status == MIGRATE_UNKNOWN) {
            g->unknown = true;
            g->text = xl_asprintf("where it runs was not known: look at both "
                                  "ends");
            m->state = XPC_MOVE_LEFT;
        } else if (line->status != MIGRATE_INTERRUPTED) {
            m->rank = EVACUATE_AGAIN;
        }
        return;
    }
    m->target = find_target(e, line->target);
    if (m->target < 0 || !is(line, "pid"))
        return;                 /* it was not started */
    g->m.progress = journal_path(j, g->uuid, "progress");
    g->m.report = journal_path(j, g->uuid, "report");
    g->m.log = journal_path(j, g->uuid, "log");
    g->m.pid = line->pid;
    g->m.pid_start = line->pid_start;
    g->m.cap_bytes_per_s = MIGRATION_CAP_UNKNOWN;
    m->state = XPC_MOVE_RUNS;
    m->left_ns = UINT64_MAX;
    evacuate_count_once(e, i);
}

void resume_take_over(struct evacuation *e, const struct journal *j,
                      const struct journal_line *lines, size_t nr,
                      size_t *nr_moved_r)
{
    *nr_moved_r = 0;
    for (size_t i = 0; i < nr; i++)
        *nr_moved_r += is(&lines[i], "end") &&
                       lines[i].status == MIGRATE_OK;
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct journal_line *line = last(lines, nr, e->guests[i].uuid);

        if (line)
            take_over(e, j, i, line);
    }
}

/* ---- those that are not here, or not quite -------------------------- */

/* Has the guest been suspended, or has it left? */
static bool is_switching_over(libxl_ctx *ctx, const char *uuid)
{
    int nr = 0;
    libxl_dominfo *list = libxl_list_domain(ctx, &nr);
    bool here = false, suspended = false;
    char text[37];

    for (int i = 0; list && i < nr; i++) {
        snprintf(text, sizeof(text), LIBXL_UUID_FMT,
                 LIBXL_UUID_BYTES(list[i].uuid));
        if (strcasecmp(text, uuid))
            continue;
        here = true;
        suspended |= list[i].shutdown || list[i].dying;
    }
    if (list)
        libxl_dominfo_list_free(list, nr);
    return list && (suspended || !here);
}

void resume_wait(libxl_ctx *ctx, const struct journal_line *lines, size_t nr)
{
    for (size_t i = 0; i < nr; i++) {
        if (!is(&lines[i], "pid") || !lines[i].uuid ||
            last(lines, nr, lines[i].uuid) != &lines[i])
            continue;
        while (runs(&lines[i]) && is_switching_over(ctx, lines[i].uuid))
            clock_sleep_until(clock_now_ns() + WAIT_NS);
    }
}

static bool has_arrived(const struct journal *j, const char *uuid)
{
    struct migration m = { .report = journal_path(j, uuid, "report") };
    struct xpc_report r;
    bool arrived;

    xpc_report_init(&r);
    arrived = !migration_report(&m, &r) &&
              r.outcome == XPC_OUTCOME_MIGRATED;
    xpc_report_dispose(&r);
    migration_dispose(&m);
    return arrived;
}

/* Adds one that is nowhere to be found, to be told at the end. */
static int add_unknown(struct evacuation *e, const struct journal_line *line,
                       char *err)
{
    size_t n = e->s.nr_moves;
    struct evacuate_guest *guests = realloc(e->guests,
                                            (n + 1) * sizeof(*guests));
    struct xpc_move *moves = realloc(e->s.moves, (n + 1) * sizeof(*moves));

    e->guests = guests ? guests : e->guests;
    e->s.moves = moves ? moves : e->s.moves;
    if (!guests || !moves)
        return xl_bad(err, "out of memory");
    guests[n] = (struct evacuate_guest){
        .name = xl_asprintf("%s", line->domain ? line->domain : line->uuid),
        .unknown = true, .tries = line->tries,
        .text = xl_asprintf("its migration has ended, and it is not here: "
                            "look at both ends"),
    };
    snprintf(guests[n].uuid, sizeof(guests[n].uuid), "%s", line->uuid);
    xpc_params_init(&guests[n].params);
    moves[n] = (struct xpc_move){
        .state = XPC_MOVE_LEFT, .target = find_target(e, line->target),
    };
    e->s.nr_moves++;
    for (size_t i = 0; i < e->s.nr_moves; i++)
        moves[i].curve = &guests[i].curve;
    return 0;
}

int resume_settle(struct evacuation *e, struct journal *j,
                  const struct journal_line *lines, size_t nr,
                  size_t *nr_moved, char err[XPC_ERR_LEN])
{
    for (size_t i = 0; i < nr; i++) {
        struct journal_line end = lines[i];

        if (!end.uuid || last(lines, nr, end.uuid) != &lines[i] ||
            evacuate_find_uuid(e, end.uuid) >= 0 ||
            (is(&end, "end") && end.status != MIGRATE_UNKNOWN))
            continue;
        if (is(&end, "end") || !has_arrived(j, end.uuid)) {
            if (add_unknown(e, &end, err))
                return -1;
            continue;
        }
        end.event = (char *)"end";
        end.status = MIGRATE_OK;
        if (journal_add(j, &end, err))
            return -1;
        ++*nr_moved;
    }
    return 0;
}
