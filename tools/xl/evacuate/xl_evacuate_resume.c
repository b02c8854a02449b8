/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/xl_common.h"
#include "evacuate/xl_evacuate_resume.h"
#include "evacuate/xl_evacuate_targets.h"
#include "migrate/xl_migrate_options.h"

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
           migration_pid_start(line->pid) == line->pid_start;
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
        return;                 /* it was not started; a lock would tell */
    g->m.progress = journal_path(j, g->uuid, "progress");
    g->m.report = journal_path(j, g->uuid, "report");
    g->m.log = journal_path(j, g->uuid, "log");
    g->m.pid = line->pid;
    g->m.pid_start = line->pid_start;
    m->state = XPC_MOVE_RUNS;
    m->left_ns = UINT64_MAX;
    evacuate_count_once(e, i);
}

void resume_take_over(struct evacuation *e, const struct journal *j,
                      const struct journal_line *lines, size_t nr,
                      size_t *nr_moved_r)
{
    *nr_moved_r = 0;
    for (size_t i = 0; i < nr; i++) {
        int t = is(&lines[i], "out") ? find_target(e, lines[i].target) :
                                       XPC_NO_TARGET;

        /* It answers again, or it would have been refused. */
        if (t >= 0)
            e->s.targets[t].out = false;
        *nr_moved_r += is(&lines[i], "end") &&
                       lines[i].status == MIGRATE_OK;
    }
    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct journal_line *line = last(lines, nr, e->guests[i].uuid);

        if (line)
            take_over(e, j, i, line);
    }
}
