/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_options.h"
#include "control/xl_control.h"
#include "control/xl_migrate_cancel.h"
#include "control/xl_waiting.h"

#define COMMAND "migrate-cancel"
#define TIMEOUT_NS (60 * XPC_S)
/* When to tell the user that the command waits. */
#define SILENT_NS (2 * XPC_S)
/* Interval between checks without a change in xenstore. */
#define CHECK_MS 200

enum { OPT_TIMEOUT = 0x100 };

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "timeout", required_argument, NULL, OPT_TIMEOUT },
    { 0 }
};

static const char help[] =
"-h, --help      Print this help.\n"
"--timeout=TIME  Wait for its end at most so long (60s).\n"
"\n"
XL_TIME_HELP
"\n"
"Exit status: 0 the migration has ended and the guest runs here; 1 failed, or\n"
"it has not ended in time; 2 the options make no sense; 6 no migration is\n"
"under way; 7 too late, the guest is not on this host any more.  More in\n"
"xl-migrate-status(1).";

const struct xl_usage migrate_cancel_usage = {
    .name       = COMMAND,
    .summary    = "End a migration under way; the domain goes on running "
                  "here",
    .arguments  = "[options] <Domain>",
    .options    = help,
};

static int parse_options(int argc, char **argv, void *timeout_ns_r,
                         const char **domain_r, char *err)
{
    int opt;

    *(uint64_t *)timeout_ns_r = TIMEOUT_NS;
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == '?' || opt == ':')
            return xl_bad_option(COMMAND, options, opt, argv, err);
        if (xl_parse_time("timeout", optarg, timeout_ns_r, err))
            return -1;
    }
    return control_take_domain(&migrate_cancel_usage, argc, argv, domain_r,
                               err);
}

/* Explains why the migration has not ended in time. */
static int report_timeout(const struct control *c,
                          const struct control_state *st)
{
    char why[XPC_ERR_LEN];

    if (st->phase == PHASE_PRECOPY)
        snprintf(why, sizeof(why), "the migration of %.80s has not ended yet: "
                 "it will as soon as the link takes anything; or interrupt "
                 "its xl migrate with Ctrl-C", c->name);
    else if (st->phase == PHASE_UNKNOWN)
        snprintf(why, sizeof(why), "%.80s: whether its migration has ended is "
                 "not known: " CONTROL_UNKNOWN_TEXT, c->name);
    else if (st->phase == PHASE_TAKING_BACK)
        snprintf(why, sizeof(why), "the migration of %.80s has ended, but the "
                 "guest may still suspend: it is waited for, to be resumed "
                 "then", c->name);
    else
        snprintf(why, sizeof(why), "%.80s is suspended on this host, and its "
                 "migration has not ended yet: see what its xl migrate says",
                 c->name);
    return control_fail(COMMAND, CONTROL_FAILED, why);
}

/* Whether the guest runs, has shut down, or is not on this host. */
static bool has_ended(const struct control_state *st)
{
    return st->phase == PHASE_GONE || st->phase == PHASE_WAITS ||
           (st->phase == PHASE_NONE && !st->suspended);
}

static int wait_for_end(struct control *c, struct control_state *last,
                        struct control_state *st, uint64_t timeout_ns)
{
    uint64_t begun = clock_now_ns(), waited;
    bool announced = false;
    char text[512];

    for (;;) {
        control_read_state(c, st);
        if (has_ended(st))
            break;
        control_state_dispose(last);
        *last = *st;
        *st = (struct control_state){ 0 };
        waited = clock_now_ns() - begun;
        if (waited >= timeout_ns)
            return report_timeout(c, last);
        if (waited > SILENT_NS && !announced) {
            xl_message(COMMAND, "waiting for the migration of %s to end",
                       c->name);
            announced = true;
        }
        control_wait(c, CHECK_MS);
    }
    control_end_text(c, last, st, text, sizeof(text));
    if (st->phase == PHASE_GONE) {
        xl_message(COMMAND, "too late: %s", text);
        return CONTROL_GONE;
    }
    if (!st->runs)
        return control_fail(COMMAND, CONTROL_FAILED, text);
    printf("%s\n", text);
    return CONTROL_OK;
}

static bool has_not_begun(const struct control_state *st)
{
    return st->phase == PHASE_NONE || st->phase == PHASE_WAITS;
}

static int cancel_migration(struct control *c, const void *timeout_ns)
{
    struct control_state last = { 0 }, st = { 0 };
    int status, rc, waits = 0;

    /* What it does matters, not what it prints. */
    xl_globals.acted = true;
    control_read_state(c, &last);
    rc = libxl_domain_precopy_cancel(c->ctx, c->domid);
    if (rc == ERROR_NOTFOUND && has_not_begun(&last))
        waits = waiting_cancel(c->domid);
    if ((rc && rc != ERROR_NOTFOUND) || waits < 0) {
        status = control_fail(COMMAND, CONTROL_FAILED, "can't write to "
                              "xenstore: is this run as root in domain 0?");
    } else if (waits) {
        printf("%s runs here; its migration will not begin\n", c->name);
        status = CONTROL_OK;
    } else if (rc && has_not_begun(&last)) {
        status = control_fail_none(COMMAND, c);
    } else {
        status = wait_for_end(c, &last, &st, *(const uint64_t *)timeout_ns);
    }
    control_state_dispose(&last);
    control_state_dispose(&st);
    return status;
}

static const struct control_command command = {
    .usage      = &migrate_cancel_usage,
    .no_dry_run = true,
    .parse      = parse_options,
    .run        = cancel_migration,
};

int cmd_migrate_cancel(int argc, char **argv)
{
    uint64_t timeout_ns;

    return control_run(&command, argc, argv, &timeout_ns);
}
