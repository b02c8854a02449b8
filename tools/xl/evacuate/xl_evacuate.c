/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl evacuate: checks everything that can be known beforehand, shows the plan,
 * and carries it out. Each guest is migrated by xl migrate, as a process of its
 * own that does not need this one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "common/xl_options.h"
#include "common/xl_output.h"
#include "common/xl_stdio.h"
#include "conf/load.h"
#include "evacuate/xl_evacuate.h"
#include "evacuate/xl_evacuate_measure.h"
#include "evacuate/xl_evacuate_options.h"
#include "evacuate/xl_evacuate_pace.h"
#include "evacuate/xl_evacuate_resume.h"
#include "evacuate/xl_evacuate_run.h"
#include "evacuate/xl_evacuate_targets.h"

#define COMMAND "evacuate"

struct command {
    struct evacuate_options o;
    struct evacuation e;
    struct journal j;
    struct journal_line *lines;     /* of an earlier evacuation */
    size_t nr_lines;
    char **args;                    /* with which it was begun */
    char *to;                       /* what --to left out; NULL: nothing */
    struct evacuate_show show;
    struct xl_output report;
    xentoollog_logger *lg;
    size_t nr_moved;                /* before */
    uint64_t deadline_ns;           /* monotonic; 0: none */
};

static int refuse(const char *why)
{
    if (*why)
        xl_message(COMMAND, "%s", why);
    return EVACUATE_REFUSED;
}

/*
 * It was counted from the beginning of the evacuation. One that is over is
 * still told.
 */
static void resume_with_deadline(struct command *c)
{
    uint64_t deadline_s = resume_deadline(c->lines, c->nr_lines);
    uint64_t now_s = time(NULL), left_s;

    left_s = deadline_s > now_s ? deadline_s - now_s : 0;
    if (deadline_s && left_s < UINT64_MAX / XPC_S / 2)
        c->deadline_ns = clock_now_ns() + left_s * XPC_S;
}

/* The options of the evacuation that is to go on; some are this command's. */
static int read_journal(struct command *c, char *err)
{
    struct evacuate_options now = c->o;
    int argc;

    if (journal_resume(&c->j, &c->lines, &c->nr_lines, err))
        return errno == ENOENT ? xl_bad(err, "there is no evacuation to resume") :
                                 -1;
    c->args = resume_arguments(c->lines, c->nr_lines, &argc);
    if (!c->args)
        return xl_bad(err, "the last evacuation of this host has ended");
    if (evacuate_parse_options(argc, c->args, &c->o, err))
        return -1;
    c->o.resume = true;
    c->o.yes = now.yes;
    c->o.json = now.json;
    c->o.dry_run = now.dry_run;
    resume_with_deadline(c);
    if (now.report_file)
        c->o.report_file = now.report_file;
    return 0;
}

/* A new one must not begin beside migrations of an old one. */
static int check_journal(struct command *c, char *err)
{
    size_t running = 0;

    if (journal_resume(&c->j, &c->lines, &c->nr_lines, err))
        return errno == ENOENT ? 0 : -1;
    running = resume_count_running(c->lines, c->nr_lines);
    close(c->j.fd);
    c->j.fd = -1;
    if (running)
        return xl_bad(err, "%zu migration%s of an earlier evacuation run: go on "
                      "with it (--resume), or wait until they have ended",
                      running, running == 1 ? "" : "s");
    return 0;
}

static int open_xen(struct command *c, char *err)
{
    c->lg = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr,
                                                              XTL_CRITICAL, 0);
    c->e.ctx = c->lg ? xl_open_ctx(c->lg) : NULL;
    return c->e.ctx ? 0 : xl_bad(err, "can't reach Xen: is this run as root in "
                                 "domain 0?");
}

/* The journal keeps those that it begins with: the file may change. */
static int take_targets(struct command *c, char *err)
{
    char here[256] = "";

    if (c->o.to.nr)
        return 0;
    if (gethostname(here, sizeof(here) - 1))
        return xl_bad(err, "the name of this host: %s", strerror(errno));
    if (evacuate_take_targets(&c->o, &c->e.conf, here, err))
        return -1;
    c->to = evacuate_to_argument(&c->o);
    return 0;
}

/* Everything that can be checked before a guest is touched. */
static int prepare(struct command *c, char *err)
{
    struct evacuation *e = &c->e;

    if (journal_lock(&c->j, err) ||
        (c->o.resume ? read_journal(c, err) : check_journal(c, err)))
        return -1;
    e->o = &c->o;
    e->resumed = c->o.resume;
    if (conf_load(&e->conf, NULL, err) || take_targets(c, err) ||
        open_xen(c, err))
        return -1;
    if (c->o.resume)
        resume_wait(e->ctx, c->lines, c->nr_lines);
    if (evacuate_find_guests(e, err))
        return -1;
    if (!e->s.nr_moves && !c->o.resume)
        return xl_bad(err, "there are no guests to move");
    if (evacuate_ask_targets(e, err))
        return -1;
    if (c->o.resume)
        resume_take_over(e, &c->j, c->lines, c->nr_lines, &c->nr_moved);
    if (c->o.resume &&
        resume_settle(e, &c->j, c->lines, c->nr_lines, &c->nr_moved, err))
        return -1;
    if (evacuate_check_guests(e, err) ||
        (c->o.report_file && xl_output_open(&c->report, "report",
                                            c->o.report_file, -1, err)))
        return -1;
    if (!c->o.json && e->s.nr_moves)
        fprintf(stderr, "measuring %zu guest%s\n", e->s.nr_moves,
                e->s.nr_moves == 1 ? "" : "s");
    return evacuate_measure(e, err) ||
           (e->s.nr_moves && evacuate_plan(e, err)) ? -1 : 0;
}

/* Asks on a terminal. */
static bool is_confirmed(const struct command *c)
{
    char answer[16] = "";

    if (c->o.yes || c->o.json || !isatty(STDIN_FILENO) ||
        !isatty(STDOUT_FILENO))
        return true;
    printf("Begin? [y/N] ");
    fflush(stdout);
    return fgets(answer, sizeof(answer), stdin) &&
           (*answer == 'y' || *answer == 'Y');
}

/* The command line as it was given, for --resume. */
static int begin_journal(struct command *c, int argc, char **argv, char *err)
{
    struct journal_line begin = { .event = "begin" };
    uint64_t now_ns = clock_now_ns();
    int rc;

    if (c->o.resume)
        return 0;
    begin.args = calloc(argc + 1, sizeof(*begin.args));
    if (!begin.args)
        return xl_bad(err, "out of memory");
    for (int i = 0; i < argc; i++) {
        begin.args[begin.nr_args++].text = argv[i];
        if (!i && c->to)
            begin.args[begin.nr_args++].text = c->to;
    }
    if (c->deadline_ns)
        begin.deadline_s = time(NULL) + (c->deadline_ns > now_ns ?
                           (c->deadline_ns - now_ns) / XPC_S : 0);
    rc = journal_begin(&c->j, err) || journal_add(&c->j, &begin, err) ? -1 : 0;
    free(begin.args);
    return rc;
}

static int carry_out(struct command *c, struct evacuate_run *r)
{
    struct journal_line finish = { .event = "finish" };
    time_t start = time(NULL);
    char err[XPC_ERR_LEN], *json;
    uint64_t total_ns;
    int status;

    r->interrupt_fd = interrupt_open();
    r->begun_ns = clock_now_ns();
    r->end_ns = r->plan.expected.end_ns;
    xl_globals.acted = true;
    xl_stdio_hold();
    status = evacuate_run(r);
    if (status == EVACUATE_OK && !evacuate_all_are_gone(&c->e))
        status = EVACUATE_SOME_LEFT;
    total_ns = clock_now_ns() - r->begun_ns;
    /* What is left by an interrupt can go on. */
    if (status != EVACUATE_INTERRUPTED && status != EVACUATE_FAILED &&
        journal_add(&c->j, &finish, err))
        xl_message(COMMAND, "%s", err);
    show_end(&c->show, &c->e, &r->plan, total_ns, status);
    json = c->report.path ? evacuate_report(&c->e, &r->plan, start, total_ns,
                                            status) : NULL;
    if (json && xl_output_write(&c->report, json))
        xl_message(COMMAND, "the report can't be written to %s: %s",
                   c->o.report_file, strerror(errno));
    free(json);
    if (r->interrupt_fd >= 0)
        close(r->interrupt_fd);
    return status;
}

static int run_command(struct command *c, int argc, char **argv)
{
    struct evacuate_run r = {
        .e = &c->e, .j = &c->j, .show = &c->show, .interrupt_fd = -1,
    };
    char err[XPC_ERR_LEN] = "";

    if (prepare(c, err))
        return refuse(err);
    r.deadline_ns = c->deadline_ns;
    c->show.json = c->o.json;
    c->show.redraw = !c->o.json && isatty(STDOUT_FILENO);
    if (c->nr_moved)
        show_event(&c->show, "resumed", NULL, NULL, "%zu guest%s been moved "
                   "before", c->nr_moved, c->nr_moved == 1 ? " has" : "s have");
    if (c->e.s.nr_moves) {
        evacuate_recall_pace(&c->e, time(NULL));
        if (evacuate_forecast(&c->e, &r.plan))
            return refuse("out of memory");
        show_plan(&c->show, &c->e, &r.plan);
        r.begun_ns = clock_now_ns();
        evacuate_check_deadline(&r);
    }
    if (c->o.dry_run)
        return EVACUATE_OK;
    if (!is_confirmed(c))
        return refuse("nothing was moved");
    if (begin_journal(c, argc, argv, err))
        return refuse(err);
    return carry_out(c, &r);
}

int cmd_evacuate(int argc, char **argv)
{
    struct command c = { .j = JOURNAL_INIT };
    char err[XPC_ERR_LEN];
    int status, r = evacuate_parse_options(argc, argv, &c.o, err);

    if (r) {
        evacuate_options_dispose(&c.o);
        if (r < 0)
            return refuse(err);
        xl_help(&evacuate_usage, stdout);
        return EVACUATE_OK;
    }
    c.o.dry_run |= xl_globals.dryrun;
    if (c.o.deadline_ns)
        c.deadline_ns = clock_now_ns() + c.o.deadline_ns;
    status = run_command(&c, argc, argv);
    xl_output_discard(&c.report);
    evacuate_dispose(&c.e);
    if (c.lg)
        xtl_logger_destroy(c.lg);
    journal_free(c.lines, c.nr_lines);
    free(c.args);
    free(c.to);
    journal_close(&c.j);
    evacuate_options_dispose(&c.o);
    return status;
}
