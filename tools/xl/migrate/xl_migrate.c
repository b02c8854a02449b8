/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate: checks everything that can be known beforehand, runs the sender,
 * and reports what happened.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "check/xl_check.h"
#include "check/xl_check_ask.h"
#include "common/xl_interrupt.h"
#include "common/xl_options.h"
#include "common/xl_stdio.h"
#include "common/xl_stock.h"
#include "conf/load.h"
#include "history/xl_history.h"
#include "json/migration.h"
#include "libxl_precopy.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_migrate.h"
#include "migrate/xl_migrate_config.h"
#include "migrate/xl_migrate_leftover.h"
#include "migrate/xl_migrate_notify.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_migrate_save.h"
#include "migrate/xl_migrate_settings.h"
#include "migrate/xl_report.h"
#include "migrate/xl_report_file.h"
#include "migrate/xl_sender.h"
#include "migrate/xl_within.h"
#include "xen/cap.h"
#include "xen/lock.h"
#include "xen/stock.h"
#include "xen/turn.h"

/* The state of the command; close_all() frees it. */
struct migration {
    struct migrate_options o;
    struct conf_file conf;
    struct conf_settings settings;
    struct progress progress;
    struct migrate_logger *logger;
    libxl_ctx *ctx;
    uint32_t domid;
    int lock_fd;                    /* the domain's lock; -1: not held */
    char *name;
    char *name_there;               /* in the configuration for the target */
    char *config;
    char *command;
    struct xl_output file;
    struct guard guard;
    bool handed_over;               /* this is the guard, and xl reports */
    libxl_uuid uuid;
    libxl_precopy_report report;
    size_t learned_from;            /* number of migrations in the history */
    enum history_receiver receiver; /* according to the history */
    enum history_receiver asked;    /* according to its answer */
    time_t start;
};

#define COMMAND "migrate"

static int refuse(const char *why)
{
    xl_message(COMMAND, "%s", why);
    return MIGRATE_REFUSED;
}

/* An interrupt may be why. */
static int refuse_or_end(const char *why, int interrupt_fd)
{
    refuse(why);
    return interrupt_take(interrupt_fd) ? MIGRATE_INTERRUPTED :
                                          MIGRATE_REFUSED;
}

static void close_all(struct migration *m)
{
    xen_lock_release(m->lock_fd);
    report_file_close(&m->file, NULL);
    libxl_precopy_report_dispose(&m->report);
    conf_dispose(&m->conf);
    free(m->command);
    free(m->config);
    free(m->name);
    free(m->name_there);
    if (m->ctx)
        libxl_ctx_free(m->ctx);
    migrate_logger_close(m->logger);
}

/* A refusal is one line, so libxl's messages are held back meanwhile. */
static int open_libxl(struct migration *m, char *err)
{
    const char *cause = NULL;

    progress_init(&m->progress, &m->o);
    m->logger = migrate_logger_open(&m->progress);
    if (m->logger) {
        migrate_logger_hold(m->logger);
        m->ctx = xl_open_ctx(migrate_logger_xtl(m->logger));
        cause = migrate_logger_last(m->logger);
    }
    if (m->ctx)
        return 0;
    return xl_bad(err, "can't reach Xen: %s: is this run as root in domain 0?",
                  cause ? cause : "no reason given");
}

static int read_domain_info(struct migration *m, char err[XPC_ERR_LEN])
{
    libxl_dominfo info;
    int r;

    libxl_dominfo_init(&info);
    r = libxl_domain_info(m->ctx, &info, m->domid);
    m->progress.total_bytes = info.current_memkb * 1024 / XPC_PAGE_SIZE *
                              (XPC_PAGE_SIZE + XPC_PAGE_HEADER);
    m->uuid = info.uuid;
    libxl_dominfo_dispose(&info);
    return r ? xl_bad(err, "can't ask Xen about domain %"PRIu32, m->domid) : 0;
}

/* Reads what the history knows about the host. */
static void read_history(struct migration *m)
{
    struct xpc_params *p = &m->o.params;
    char err[LIBXL_PRECOPY_ERR_LEN];

    if (m->o.history == HISTORY_OFF)
        return;
    /* A damaged history is reported when the migration is added to it. */
    m->learned_from = history_learn(m->o.host, &p->guest, &p->learned, err);
    m->receiver = history_receiver(m->o.host, time(NULL));
    /* A stated overhead replaces the learned one, also in the report. */
    if (p->overhead_ns)
        p->learned.overhead_ns = p->learned.overhead_sd_ns =
            p->learned.at_least_ns = 0;
}

static void tell_learned(const struct migration *m)
{
    char text[XPC_ERR_LEN];

    if (m->learned_from && m->o.params.learned.overhead_ns &&
        m->o.params.policy != XPC_POLICY_STOCK &&
        m->o.progress != PROGRESS_NONE)
        xl_message(COMMAND, "%s",
                   history_text(text, sizeof(text), m->o.host,
                                m->learned_from, &m->o.params.learned));
}

static void tell_settings(const struct migration *m)
{
    char text[CONF_TEXT_LEN];

    if (m->o.progress == PROGRESS_NONE)
        return;
    if (*conf_settings_text(&m->settings, text, sizeof(text)))
        xl_message(COMMAND, "%s", text);
    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        if (m->o.left_out & XPC_OPTION_BIT(opt))
            xl_message(COMMAND, "%s is set but not used, because a transport "
                       "by -s may carry only one connection: if not, give "
                       "--precopy-%s", xpc_option_name(opt),
                       xpc_option_name(opt));
    }
}

static void tell_not_enforced(const struct migration *m)
{
    if (m->o.not_enforced && m->o.progress != PROGRESS_NONE)
        xl_message(COMMAND, "the downtime is not enforced: --debug sends all "
                   "pages once more while the guest stands still");
}

/* What the domain's lock says about its holder. */
static char *describe_holder(const struct migration *m, const char *what)
{
    return xl_asprintf("%s %s %s", what, m->o.domain, m->o.host);
}

/*
 * While the lock is held, no other program migrates, saves or measures the
 * domain. The save helper and the guard inherit it.
 */
static int lock_domain(struct migration *m, char *err)
{
    char *doing = describe_holder(m, "xl migrate");

    m->lock_fd = xen_lock_take(m->domid, doing, err);
    free(doing);
    return m->lock_fd < 0 ? -1 : 0;
}

/* All checks before anything is touched. Returns 0, or -1 with one line. */
static int prepare_migration(struct migration *m, int interrupt_fd, char *err)
{
    char text[XPC_ERR_LEN];

    if (conf_load(&m->conf, NULL, err))
        return -1;
    if (open_libxl(m, err))
        return -1;
    if (xl_find_domain(m->ctx, m->o.domain, &m->domid, &m->name))
        return xl_bad(err, "there is no domain %.150s: see xl list",
                      m->o.domain);
    if (migrate_read_settings(m->ctx, m->domid, m->o.host, &m->conf,
                              &m->settings, err) ||
        migrate_settle(&m->o, &m->settings, err) ||
        conf_check(&m->settings, err))
        return -1;
    libxl_domain_precopy_guest(m->ctx, m->domid, &m->o.params.guest);
    read_history(m);
    /* The sender takes the parameters from the progress. */
    m->progress.params = m->report.params = m->o.params;
    if (m->name && migrate_check_leftovers(m->ctx, m->name, err))
        return -1;
    if (libxl_domain_live_migrate_check(m->ctx, m->domid, &m->o.params,
                                        text)) {
        snprintf(err, XPC_ERR_LEN, "%s", text);
        return -1;
    }
    /* A check changes nothing, and keeps nobody from migrating. */
    if (!m->o.check) {
        if (lock_domain(m, err))
            return -1;
        /* The configuration for the target includes the cap. */
        xen_cap_restore(m->domid);
    }
    m->config = migrate_read_config(m->ctx, m->domid, &m->o, interrupt_fd,
                                    &m->name_there, err);
    if (!m->config || read_domain_info(m, err))
        return -1;
    return report_file_open(&m->file, m->o.report_file, err);
}

/* Runs in the guard after xl was killed, with a libxl context of its own. */
static int stand_in(struct migration *m, struct sender *s, int message)
{
    /*
     * libxl forbids even to free the parent's context in a child. Keep it
     * reachable for leak checkers.
     */
    static libxl_ctx *invalid __attribute__((used));
    char *now, *doing = describe_holder(m, "the guard of xl migrate");

    xl_stdio_forget();
    xen_lock_sign(m->lock_fd, doing);
    free(doing);
    libxl_postfork_child_noexec(m->ctx);
    invalid = m->ctx;
    m->ctx = s->ctx = xl_open_ctx(migrate_logger_xtl(m->logger));
    if (!m->ctx) {
        xl_message(COMMAND, "xl was killed, and its guard can't reach Xen: "
                   "look after %s at both ends", m->o.domain);
        return MIGRATE_UNKNOWN;
    }
    m->handed_over = message == GUARD_LATE;
    if (m->handed_over)
        m->file = (struct xl_output){ 0 };    /* xl writes the report */
    now = libxl_domid_to_name(m->ctx, m->domid);
    if (now && m->name && strcmp(now, m->name))
        s->away_name = now;
    else
        free(now);
    return sender_stand_in(s, message);
}

static struct sender new_sender(struct migration *m, int interrupt_fd)
{
    return (struct sender){
        .ops = &libxl_sender_ops,
        .t = TRANSPORT_INIT,
        .guard = GUARD_INIT,
        .name = m->name,
        .name_there = m->name_there ? m->name_there : m->name,
        .config = m->config,
        .interrupt_fd = interrupt_fd,
        .progress = &m->progress,
        .report = &m->report,
        .ctx = m->ctx,
        .domid = m->domid,
        .uuid = m->uuid,
        .lock_fd = m->lock_fd,
        .turn_fd = xen_turn_open(),
        .suspend_flags = m->o.debug ? LIBXL_SUSPEND_DEBUG : 0,
        .logger = m->logger,
    };
}

static int run_check(struct migration *m, int interrupt_fd)
{
    struct sender s = new_sender(m, interrupt_fd);

    m->command = transport_command(&m->o);
    return check_run(&s, m->command, &m->o);
}

static int run_migration(struct migration *m, int interrupt_fd)
{
    struct sender s = new_sender(m, interrupt_fd);
    int message, status, guard, r = 0;
    char *why;

    xl_globals.acted = true;
    interrupt_refuse_stops();
    if (m->name)
        migrate_warn_leftover(m->ctx, m->name);
    tell_settings(m);
    tell_learned(m);
    tell_not_enforced(m);
    m->start = time(NULL);
    m->command = transport_command(&m->o);
    if (!channels_wanted(&m->o, m->receiver == RECEIVER_STOCK)) {
        channels_settle_plain(&s);
        r = transport_open(&s.t, m->command);
    } else if ((r = channels_connect(&s, m->command, m->o.host))) {
        return sender_give_up(&s);
    }
    m->asked = s.stock_receiver ? RECEIVER_STOCK :
               s.greeted ? RECEIVER_OURS : RECEIVER_UNKNOWN;
    why = check_target(&s, m->o.host, !m->o.no_check);
    if (why)
        return sender_refuse(&s, why);
    guard = r ? 1 : guard_start(&m->guard, &s.t, &message);
    if (!guard)
        return stand_in(m, &s, message);
    s.guard = m->guard;
    if (guard < 0) {
        xl_message(COMMAND, "can't start the process that would take the guest "
                   "back if xl were killed: %s", strerror(errno));
        return sender_give_up(&s);
    }
    if (r || (!s.t.pid && transport_run(&s.t))) {
        xl_message(COMMAND, "can't start the transport: %s",
                   strerror(errno));
        return sender_give_up(&s);
    }
    status = sender_run(&s);
    m->ctx = s.ctx;
    m->guard = s.guard;
    return status;
}

/*
 * A receiver counts as stock if it did not answer the hello and then received
 * over a plain connection. A host that could not be reached may be of any
 * kind.
 */
static void keep_receiver_kind(const struct migration *m)
{
    if (m->asked == RECEIVER_STOCK && m->report.total_bytes)
        history_keep_receiver(stderr, m->o.host, m->start);
    else if (m->asked == RECEIVER_OURS && m->receiver != RECEIVER_UNKNOWN)
        history_keep_receiver(stderr, m->o.host, 0);
}

/* Adds what the plug-in does not know. */
static void name_report(struct migration *m)
{
    struct xpc_report *r = &m->report;
    char text[CONF_TEXT_LEN];

    free(r->domain);
    free(r->target);
    free(r->sources);
    r->domain = xl_asprintf("%s", m->name ? m->name : m->o.domain);
    r->target = xl_asprintf("%s", m->o.host);
    r->start_s = m->start;
    r->sources = *conf_settings_text(&m->settings, text, sizeof(text)) ?
                 xl_asprintf("%s", text) : NULL;
}

/* Reports to the user, to --report and to the history. */
static void report_result(struct migration *m, int status)
{
    char *json;

    progress_break(&m->progress);
    name_report(m);
    /* libxl logs that after every failure before the suspend. */
    if (!m->report.suspend_asked_ns)
        migrate_logger_forget(m->logger, "did not respond to suspend");
    /* libxl's errors matter only if nobody asked for the migration to end. */
    migrate_logger_release(m->logger, status == MIGRATE_FAILED ||
                                      status == MIGRATE_UNKNOWN);
    report_print(stderr, m->name ? m->name : m->o.domain, &m->report);
    if (m->o.progress == PROGRESS_JSON) {
        json = xpc_to_json(&xpc_report_type, &m->report, false);
        if (json)
            printf("{\"event\":\"report\",%s\n", json + 1);
        free(json);
    }
    report_file_close(&m->file, &m->report);
    if (m->o.history == HISTORY_OFF)
        return;
    history_keep_report(stderr, &m->report);
    /* With -p the target's answer does not mean that the guest runs. */
    if (!m->o.paused)
        history_keep(stderr, m->o.host, m->name ? m->name : m->o.domain,
                     m->start, &m->report);
    keep_receiver_kind(m);
}

/*
 * With --within: checks everything as for a migration, and waits for the best
 * hour. What was checked may have changed then, so it is checked again. Returns
 * MIGRATE_OK, or the exit status.
 */
static int wait_for_hour(const struct migrate_options *o, int interrupt_fd)
{
    struct migration m = { .o = *o, .lock_fd = -1, .guard = GUARD_INIT };
    int status = MIGRATE_REFUSED, r;
    char err[XPC_ERR_LEN];
    time_t at_s = 0;

    libxl_precopy_report_init(&m.report);
    /* No lock: the guest may be measured, saved or migrated meanwhile. */
    m.o.check = true;
    r = prepare_migration(&m, interrupt_fd, err);
    if (!r)
        r = within_plan(m.name ? m.name : o->domain, &m.o.params,
                        o->within_ns, &at_s, err);
    if (m.logger)
        migrate_logger_release(m.logger, !r);
    if (r)
        status = refuse_or_end(err, interrupt_fd);
    else
        status = within_wait(m.domid, m.name ? m.name : o->domain, at_s,
                             o->within_ns, interrupt_fd, &m.progress);
    close_all(&m);
    return status;
}

int cmd_migrate(int argc, char **argv)
{
    struct migration m = { .lock_fd = -1, .guard = GUARD_INIT };
    char err[XPC_ERR_LEN];
    int interrupt_fd, status, r;

    r = migrate_parse_options(argc, argv, &m.o, err);
    if (r > 0) {
        xl_help(&migrate_usage, stdout);
        return MIGRATE_OK;
    }
    /* Who has asked for nothing of ours gets the stock xl. */
    if (m.o.stock_only && xen_stock_is_replaced("", "xl") &&
        (r < 0 || !migrate_has_settings(&m.o)))
        return xl_exec_stock(xl_globals.argv);
    if (r < 0)
        return refuse(err);
    if (xl_globals.dryrun)
        return refuse("the command has no dry run (-N)");

    /* Before anybody keeps stderr, as libxl's logger does. */
    xl_stdio_hold();
    if (m.o.ignored)
        xl_message(COMMAND, "what follows the host is ignored, as by the "
                   "stock xl: %s", m.o.ignored);
    interrupt_fd = interrupt_open();
    libxl_precopy_report_init(&m.report);
    m.report.params = m.o.params;
    if (m.o.within_ns) {
        status = wait_for_hour(&m.o, interrupt_fd);
        if (status)
            goto out;
    }
    r = prepare_migration(&m, interrupt_fd, err);
    if (m.logger)
        migrate_logger_release(m.logger, !r || xl_globals.level <
                                               XL_LEVEL_DEFAULT);
    if (r) {
        status = m.o.check ? check_refused(&m.o, err) :
                             refuse_or_end(err, interrupt_fd);
        goto out;
    }
    if (m.o.check) {
        status = run_check(&m, interrupt_fd);
        goto out;
    }
    status = run_migration(&m, interrupt_fd);
    if (!m.handed_over)
        report_result(&m, status);
    if (m.o.params.notify_ns && status != MIGRATE_OK &&
        status != MIGRATE_UNKNOWN)
        migrate_notify_over(m.domid, m.report.actual_downtime_ns);
    /*
     * Keep the migration's nodes in xenstore if the guard still needs them, or
     * if an administrator has to find out what happened.
     */
    if (status != MIGRATE_UNKNOWN && !m.guard.late)
        libxl_domain_precopy_clear(m.ctx, m.domid);
    if (m.settings.in_xenstore && m.settings.params.once)
        migrate_forget_settings(m.domid);
    guard_end(&m.guard);

 out:
    if (interrupt_fd >= 0)
        close(interrupt_fd);
    close_all(&m);
    return status;
}
