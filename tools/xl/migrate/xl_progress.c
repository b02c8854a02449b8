/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_precopy_options.h"
#include "json/migration.h"
#include "migrate/xl_progress.h"

/* Interval between lines about a long iteration. */
#define TICK_NS UINT64_C(2000000000)
#define TICK_REDRAW_NS UINT64_C(500000000)

#define LINE_LEN 256

void progress_init(struct progress *p, const struct migrate_options *o)
{
    *p = (struct progress){
        .mode = o->progress == PROGRESS_AUTO ? PROGRESS_PLAIN : o->progress,
        .redraw = o->progress == PROGRESS_AUTO &&
                  (xl_globals.progress_cr || isatty(STDERR_FILENO)),
        .params = o->params,
        .begun_ns = clock_now_ns(),
        .last_ns = clock_now_ns(),
    };
}

void progress_break(struct progress *p)
{
    if (p->open)
        fputc('\n', stderr);
    p->open = false;
}

/* final: the line is not to be overwritten by the next one. */
static void show_line(struct progress *p, const char *line, bool final)
{
    if (p->redraw)
        fprintf(stderr, "\r%s\033[K", line);
    else
        fprintf(stderr, "%s\n", line);
    p->open = p->redraw;
    if (final)
        progress_break(p);
    fflush(stderr);
    p->last_ns = clock_now_ns();
}

/*
 * Prints an object as one line of JSON with the event's name added. Frees it.
 */
static void show_json(struct progress *p, const char *event, char *object)
{
    if (object)
        printf("{\"event\":\"%s\",%s\n", event, object + 1);
    fflush(stdout);
    free(object);
    p->last_ns = clock_now_ns();
}

static uint64_t duration_left(const struct progress *p)
{
    uint64_t elapsed = clock_now_ns() - p->begun_ns;

    return elapsed < p->params.duration_ns ?
           p->params.duration_ns - elapsed : 0;
}

/* ", 42.0 s left", or empty if the duration is not limited. */
static const char *left_text(const struct progress *p, char *buf, size_t len,
                             uint64_t left_ns)
{
    char t[XPC_UNIT_LEN];

    *buf = 0;
    if (p->params.duration_ns)
        snprintf(buf, len, ", %s left", xpc_format_time(t, left_ns));
    return buf;
}

void progress_set_frames(struct progress *p, uint64_t iteration,
                         uint64_t done, uint64_t total)
{
    if (!p->iteration)
        p->begun_ns = clock_now_ns();
    p->iteration = iteration;
    p->done = done;
    p->total = total;
}

void progress_show_iteration(struct progress *p, const struct xpc_iteration *it)
{
    char bytes[XPC_UNIT_LEN], took[XPC_UNIT_LEN], rate[XPC_UNIT_LEN],
         predicted[XPC_UNIT_LEN], left[64], slow[64] = "", line[LINE_LEN];

    p->shown = it->number;
    if (p->mode == PROGRESS_NONE)
        return;
    if (p->mode == PROGRESS_JSON) {
        show_json(p, "iteration", xpc_to_json(&xpc_iteration_type, it, false));
        return;
    }
    xpc_format_bandwidth(rate, it->duration_ns ?
                         (double)it->bytes * 1e9 / it->duration_ns : 0);
    if (it->decision.slow_down_percent)
        snprintf(slow, sizeof(slow), ", slowing the guest down by %"PRIu64"%%",
                 it->decision.slow_down_percent);
    snprintf(line, sizeof(line), "iteration %"PRIu64": %"PRIu64" pages, %s in "
             "%s (%s); %"PRIu64" dirty, predicted downtime %s%s%s", it->number,
             it->pages, xpc_format_bytes(bytes, it->bytes),
             xpc_format_time(took, it->duration_ns), rate, it->dirty_pages,
             xpc_format_time(predicted, it->decision.predicted_downtime_ns),
             left_text(p, left, sizeof(left), it->decision.time_left_ns),
             slow);
    show_line(p, line, false);
}

void progress_set_params(struct progress *p, const struct xpc_params *params)
{
    char changes[XL_PRECOPY_TEXT_LEN], line[XL_PRECOPY_TEXT_LEN + 32];

    xl_precopy_changes(&p->params, params, changes, sizeof(changes));
    p->params = *params;
    if (!*changes || p->mode == PROGRESS_NONE)
        return;
    if (p->mode == PROGRESS_JSON) {
        show_json(p, "parameters",
                  xpc_to_json(&xpc_params_type, params, false));
        return;
    }
    progress_break(p);
    snprintf(line, sizeof(line), "changed: %s", changes);
    show_line(p, line, true);
}

/* ---- the middle of an iteration --------------------------------------- */

/*
 * Bytes that the save helper has written, 0 if unknown. It is the last child
 * of this process, apart from the transport.
 */
static uint64_t helper_bytes(pid_t transport)
{
    long pid, last = 0;
    char path[64];
    FILE *children;

    snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
             (long)getpid());
    children = fopen(path, "re");
    if (!children)
        return 0;
    while (fscanf(children, "%ld", &pid) == 1) {
        if (pid != transport)
            last = pid;
    }
    fclose(children);
    return last ? xl_bytes_written(last) : 0;
}

/*
 * How much of the iteration has been sent, in percent. In the first one
 * libxenguest counts the holes of the guest's address space too, so bytes are
 * more accurate, unless most pages are zero and not sent.
 */
static unsigned int percent_sent(const struct progress *p, uint64_t bytes)
{
    double part = (double)p->done / p->total;

    if (p->iteration <= 1 && p->total_bytes &&
        part < (double)bytes / p->total_bytes)
        part = (double)bytes / p->total_bytes;

    return part < 1 ? part * 100 : 100;
}

/* libxl's timeout for the acknowledgement, and again for the suspend. */
#define LIBXL_TIMEOUT_NS UINT64_C(60000000000)

/* When the wait for the guest began, 0 if it is not waited for. */
static uint64_t waits_since(const struct progress *p)
{
    return p->suspended ? 0 :
           p->acknowledged_ns ? p->acknowledged_ns : p->asked_ns;
}

static void show_suspend_wait(struct progress *p)
{
    uint64_t waited = clock_now_ns() - waits_since(p);
    char line[LINE_LEN];

    if (p->mode == PROGRESS_JSON) {
        show_json(p, "suspending", xl_asprintf(
            "{\"acknowledged\":%s,\"elapsed-us\":%"PRIu64",\"limit-us\":"
            "%"PRIu64"}", p->acknowledged_ns ? "true" : "false",
            waited / 1000, LIBXL_TIMEOUT_NS / 1000));
        return;
    }
    snprintf(line, sizeof(line), "waiting for the guest to %s: %"PRIu64" s of "
             "%"PRIu64"", p->acknowledged_ns ? "suspend" :
             "acknowledge the request to suspend", waited / 1000000000,
             LIBXL_TIMEOUT_NS / 1000000000);
    show_line(p, line, false);
}

void progress_show_wait(struct progress *p, uint64_t waited_ns,
                        uint64_t left_ns)
{
    char waited[XPC_UNIT_LEN], left[XPC_UNIT_LEN], line[LINE_LEN];

    if (p->mode == PROGRESS_NONE ||
        clock_now_ns() < p->last_ns + (p->redraw ? TICK_REDRAW_NS : TICK_NS))
        return;
    if (p->mode == PROGRESS_JSON) {
        show_json(p, "taking-back", xl_asprintf(
            "{\"elapsed-us\":%"PRIu64",\"left-us\":%"PRIu64"}",
            waited_ns / 1000, left_ns / 1000));
        return;
    }
    snprintf(line, sizeof(line), "waiting for the guest to suspend, to resume "
             "it: %s, %s left", xpc_format_time(waited, waited_ns),
             xpc_format_time(left, left_ns));
    show_line(p, line, false);
}

/* Between lines about an hour that is waited for. */
#define UNTIL_NS UINT64_C(600000000000)
#define UNTIL_REDRAW_NS UINT64_C(1000000000)

void progress_show_until(struct progress *p, const char *domain,
                         uint64_t until_s, uint64_t left_s)
{
    uint64_t now = clock_now_ns();
    time_t until = until_s;
    char clock[16] = "?", left[XPC_UNIT_LEN] = "less than a minute";
    char line[LINE_LEN];
    struct tm tm;

    if (p->mode == PROGRESS_NONE ||
        (p->shown && now < p->last_ns + (p->redraw ? UNTIL_REDRAW_NS :
                                                     UNTIL_NS)))
        return;
    p->shown = 1;
    if (p->mode == PROGRESS_JSON) {
        show_json(p, "waiting", xl_asprintf("{\"until-s\":%"PRIu64
                  ",\"left-us\":%"PRIu64"}", until_s,
                  left_s * UINT64_C(1000000)));
        return;
    }
    if (localtime_r(&until, &tm))
        strftime(clock, sizeof(clock), "%H:%M", &tm);
    if (left_s >= 60)
        snprintf(left, sizeof(left), "%"PRIu64" h %02"PRIu64" min",
                 left_s / 3600, left_s % 3600 / 60);
    snprintf(line, sizeof(line), "%s runs on here until %s, %s from now: "
             "Ctrl-C or xl migrate-cancel %s ends that", domain, clock, left,
             domain);
    show_line(p, line, false);
}

static void show_sending(struct progress *p, uint64_t elapsed, uint64_t bytes)
{
    char sent[XPC_UNIT_LEN + 16] = "", unit[XPC_UNIT_LEN],
         time[XPC_UNIT_LEN], left[64], line[LINE_LEN];

    xpc_format_time(time, elapsed);
    left_text(p, left, sizeof(left), duration_left(p));
    if (bytes)
        snprintf(sent, sizeof(sent), ", %s in all",
                 xpc_format_bytes(unit, bytes));
    if (p->suspended)
        snprintf(line, sizeof(line), "suspended, copying the rest: %u%% "
                 "sent%s, %s", percent_sent(p, bytes), sent, time);
    else
        snprintf(line, sizeof(line), "iteration %"PRIu64": %u%% sent%s, "
                 "%s%s", p->iteration, percent_sent(p, bytes), sent, time,
                 left);
    show_line(p, line, false);
}

bool progress_due(const struct progress *p)
{
    uint64_t tick_ns = p->redraw ? TICK_REDRAW_NS : TICK_NS;

    return p->mode != PROGRESS_NONE && p->total &&
           clock_now_ns() >= p->last_ns + tick_ns;
}

void progress_tick(struct progress *p, pid_t transport)
{
    uint64_t elapsed = clock_now_ns() - p->begun_ns, bytes;

    if (!progress_due(p))
        return;
    if (waits_since(p)) {
        show_suspend_wait(p);
        return;
    }
    bytes = helper_bytes(transport);
    if (p->mode != PROGRESS_JSON) {
        show_sending(p, elapsed, bytes);
        return;
    }
    show_json(p, "sending", xl_asprintf(
        "{\"iteration\":%"PRIu64",\"percent\":%u,\"total-bytes\":%"PRIu64
        ",\"elapsed-us\":%"PRIu64",\"suspended\":%s}", p->iteration,
        percent_sent(p, bytes), bytes, elapsed / 1000,
        p->suspended ? "true" : "false"));
}
