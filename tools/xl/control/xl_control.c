/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/process.h"
#include "common/xl_options.h"
#include "control/xl_control.h"
#include "migrate/xl_protocol.h"
#include "xen/store.h"

int control_fail(const char *command, int status, const char *why)
{
    xl_message(command, "%s", why);
    return status;
}

int control_fail_none(const char *command, const struct control *c)
{
    xl_message(command, "no migration of %s with a policy is under way",
               c->name);
    return CONTROL_NONE;
}

/* ---- libxl and the domain --------------------------------------------- */

/* Returns 0, or -1 with one line in err; close_libxl() in both cases. */
static int open_libxl(struct control *c, char err[XPC_ERR_LEN])
{
    *c = (struct control){ 0 };
    c->lg = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr,
                                                              XTL_CRITICAL, 0);
    if (c->lg)
        c->ctx = xl_open_ctx(c->lg);
    if (c->ctx)
        return 0;
    return xl_bad(err, "can't reach Xen: is this run as root in domain 0?");
}

/* Takes ownership of name, which may be NULL. */
static void set_domain(struct control *c, uint32_t domid, char *name)
{
    free(c->name);
    c->domid = domid;
    c->name = xl_plain(name ? name : xl_asprintf("domain %"PRIu32, domid));
}

int control_find_domain(struct control *c, const char *what,
                        char err[XPC_ERR_LEN])
{
    char *away = xl_asprintf("%s" MIGRATE_AWAY, what), *name = NULL, *end;
    uint32_t domid;
    int r;

    r = xl_find_domain(c->ctx, what, &domid, &name);
    /* It has this name at the end of its migration. */
    if (r)
        r = xl_find_domain(c->ctx, away, &domid, &name);
    free(away);
    if (r)
        return xl_bad(err, "there is no domain %.150s: see xl list", what);
    end = name ? strstr(name, MIGRATE_AWAY) : NULL;
    if (end && !end[strlen(MIGRATE_AWAY)])
        *end = 0;
    set_domain(c, domid, name);
    return 0;
}

static void close_libxl(struct control *c)
{
    if (c->watch)
        xs_close(c->watch);
    if (c->ctx)
        libxl_ctx_free(c->ctx);
    if (c->lg)
        xtl_logger_destroy(c->lg);
    free(c->name);
    *c = (struct control){ 0 };
}

/* ---- a command --------------------------------------------------------- */

int control_take_domain(const struct xl_usage *usage, int argc, char **argv,
                        const char **domain_r, char *err)
{
    if (argc - optind != 1)
        return xl_bad(err, "a domain is needed: xl %s %s", usage->name,
                      usage->arguments);
    if (xl_check_names("the domain", argv + optind, 1, err))
        return -1;
    *domain_r = argv[optind];
    return 0;
}

int control_run(const struct control_command *cmd, int argc, char **argv,
                void *options)
{
    const char *domain = NULL;
    char err[XPC_ERR_LEN];
    struct control c;
    int rc;

    rc = cmd->parse(argc, argv, options, &domain, err);
    if (rc > 0) {
        xl_help(cmd->usage, stdout);
        return CONTROL_OK;
    }
    if (rc)
        return control_fail(cmd->usage->name, CONTROL_USAGE, err);
    if (cmd->no_dry_run && xl_globals.dryrun)
        return control_fail(cmd->usage->name, CONTROL_USAGE,
                            "the command has no dry run (-N)");
    if (open_libxl(&c, err) || (domain && control_find_domain(&c, domain, err)))
        rc = control_fail(cmd->usage->name, CONTROL_FAILED, err);
    else
        rc = cmd->run(&c, options);
    close_libxl(&c);
    return rc;
}

/* ---- the state of a migration ------------------------------------------ */

void control_state_dispose(struct control_state *st)
{
    free(st->refused);
    libxl_precopy_report_dispose(&st->report);
    *st = (struct control_state){ 0 };
}

static void read_domain(struct control *c, struct control_state *st)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(c->ctx, &info, c->domid);
    /* If Xen can't be asked, nothing says that it has gone. */
    if (rc == ERROR_DOMAIN_NOTFOUND || (!rc && info.dying)) {
        st->phase = PHASE_GONE;
    } else {
        st->runs = rc || !info.shutdown;
        st->suspended = !rc && info.shutdown && info.shutdown_reason ==
                        LIBXL_SHUTDOWN_REASON_SUSPEND;
    }
    libxl_dominfo_dispose(&info);
}

/* Returns 1, 0 if no migration is under way, or -1 if that is not known. */
static int read_migration(struct control *c, struct control_state *st)
{
    int rc = libxl_domain_precopy_active(c->ctx, c->domid, &st->active);

    if (rc)
        return rc == ERROR_NOTFOUND ? 0 : -1;
    st->phase = st->suspended ? PHASE_SUSPENDED : PHASE_PRECOPY;
    st->elapsed_ns = clock_now_ns() - st->active.start_monotonic_ns;
    st->total_bytes = xl_bytes_written(st->active.pid);
    st->asked = st->active.params;
    libxl_domain_precopy_get(c->ctx, c->domid, &st->asked);
    if (libxl_domain_precopy_refused(c->ctx, c->domid, &st->refused))
        st->refused = NULL;
    if (st->refused)
        xl_plain(st->refused);
    return 1;
}

/*
 * Whether the process that waits for the guest to suspend is alive. Returns 1,
 * 0, or -1 if that is not known.
 */
static int is_taken_back(const struct control *c)
{
    struct xs_handle *xs = xs_open(0);
    char path[XEN_STORE_PATH_LEN], *value;
    int r;

    if (!xs)
        return -1;
    value = xs_read(xs, XBT_NULL, xen_store_path(path, c->domid,
                                                 "taking-back"), NULL);
    r = value ? process_alive(value) > 0 : errno == ENOENT ? 0 : -1;
    free(value);
    xs_close(xs);
    return r;
}

void control_read_state(struct control *c, struct control_state *st)
{
    int found, late = 0, waits = 0;

    control_state_dispose(st);
    read_domain(c, st);
    libxl_precopy_report_init(&st->report);
    if (st->phase == PHASE_GONE)
        return;
    st->reported = !libxl_domain_precopy_report(c->ctx, c->domid,
                                                &st->report);
    libxl_domain_precopy_progress(c->ctx, c->domid, &st->last);
    found = read_migration(c, st);
    if (found > 0)
        return;
    if (st->reported && st->suspended &&
        st->report.outcome == XPC_OUTCOME_SENT)
        st->phase = PHASE_HANDOVER;
    else if ((late = is_taken_back(c)) > 0)
        st->phase = PHASE_TAKING_BACK;
    else if ((waits = waiting_find(c->domid, &st->waiting)) > 0)
        st->phase = PHASE_WAITS;
    else if (found < 0 || late < 0 || waits < 0)
        st->phase = PHASE_UNKNOWN;
}

const char *const control_phase_names[] = {
    [PHASE_NONE] = "none", [PHASE_PRECOPY] = "precopy",
    [PHASE_SUSPENDED] = "suspended", [PHASE_HANDOVER] = "handover",
    [PHASE_TAKING_BACK] = "taking-back", [PHASE_GONE] = "gone",
    [PHASE_WAITS] = "waiting", [PHASE_UNKNOWN] = "unknown", NULL
};

bool control_is_active(const struct control_state *st)
{
    return st->phase == PHASE_PRECOPY || st->phase == PHASE_SUSPENDED;
}

uint64_t control_time_left(const struct control_state *st)
{
    uint64_t duration = st->active.params.duration_ns;

    return duration > st->elapsed_ns ? duration - st->elapsed_ns : 0;
}

uint64_t control_iteration(const struct control_state *st)
{
    return st->last.number + 1;
}

/* The report of the migration that was under way, not of an earlier one. */
static const struct xpc_report *find_report(const struct control_state *last,
                                            const struct control_state *end)
{
    uint64_t start = last->active.start_monotonic_ns;

    if (end->reported && (!start || end->report.start_monotonic_ns == start))
        return &end->report;
    if (last->reported && (!start ||
                           last->report.start_monotonic_ns == start))
        return &last->report;
    return NULL;
}

void control_keep_report(struct control_state *last,
                         struct control_state *end)
{
    if (end->reported || !find_report(last, end))
        return;
    end->report = last->report;
    end->reported = true;
    libxl_precopy_report_init(&last->report);
    last->reported = false;
}

const char *control_end_text(const struct control *c,
                             const struct control_state *last,
                             const struct control_state *end, char *buf,
                             size_t len)
{
    const struct xpc_report *r = find_report(last, end);
    bool sent = last->phase == PHASE_HANDOVER ||
                (r && r->outcome == XPC_OUTCOME_SENT);

    if (end->phase == PHASE_GONE)
        snprintf(buf, len, sent ? "%s has been handed over to the target: it "
                 "is not on this host any more" : "%s is not on this host any "
                 "more: look for it on the target", c->name);
    else if (!end->runs)
        snprintf(buf, len, "the migration of %s has ended, and the guest does "
                 "not run here: see xl list", c->name);
    else if (last->phase == PHASE_WAITS)
        snprintf(buf, len, "%s runs here and does not wait any more: its "
                 "migration begins, or was cancelled", c->name);
    else if (sent)
        snprintf(buf, len, "the target did not take %s over: it runs here",
                 c->name);
    else
        snprintf(buf, len, "%s runs here%s%s", c->name,
                 r && r->text ? "; its migration: " : "",
                 r && r->text ? r->text : "");
    xl_plain(buf);
    return buf;
}

/* ---- waiting ----------------------------------------------------------- */

static void open_watch(struct control *c)
{
    char path[XEN_STORE_PATH_LEN];

    c->watch = xs_open(0);
    if (!c->watch)
        return;
    libxl_domain_precopy_path(c->domid, path, sizeof(path));
    if (!xs_watch(c->watch, path, "precopy")) {
        xs_close(c->watch);
        c->watch = NULL;
    }
}

void control_wait(struct control *c, int timeout_ms)
{
    struct pollfd p = { .events = POLLIN };
    char **event;

    if (!c->watch)
        open_watch(c);
    p.fd = c->watch ? xs_fileno(c->watch) : -1;
    poll(&p, 1, timeout_ms);
    while (c->watch && (event = xs_check_watch(c->watch)))
        free(event);
}
