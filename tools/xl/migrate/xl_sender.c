/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's side of the protocol of stock xl migrate-receive:
 *
 *   receiver: banner
 *   sender:   header, configuration, libxl's migration stream
 *   receiver: ready
 *   sender:   go                     from here on the target may run the guest
 *   receiver: report, one byte       0: it runs on the target
 *   receiver: go                     else: the source may resume it
 *
 * Over channels (xl_channels.h) the sender's messages are in frames, from the
 * header on.
 *
 * Until "go" has been written completely the guest can be taken back,
 * afterwards only if the receiver gives it back.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/xl_common.h"
#include "migrate/xl_channels_relay.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_protocol.h"
#include "migrate/xl_sender.h"
#include "migrate/xl_sender_report.h"
#include "xen/lock.h"
#include "xen/turn.h"

/* Messages on the wire include the NUL. */
static const char ready[] = "domain received, ready to unpause";
static const char go[] = "domain is yours, you are cleared to unpause";
static const char report[] = "my copy unpause results are as follows";

struct save_header {
    char magic[32];
    uint32_t byteorder;
    uint32_t mandatory_flags;
    uint32_t optional_flags;
    uint32_t optional_len;      /* of the length and configuration below */
};
_Static_assert(sizeof(struct save_header) == MIGRATE_HEADER_SIZE, "no gaps");
#define HEADER_MAGIC "Xen saved domain, xl format\n \0 \r"
#define HEADER_BYTEORDER 0x01020304u
#define HEADER_JSON 1u
#define HEADER_STREAM_V2 2u

/* A name in a message, which may contain anything. */
static const char *shown(const char *name)
{
    static char buf[XL_NAME_LEN];

    return xl_plain_name(buf, name);
}

/* ---- the steps -------------------------------------------------------- */

static int send_header(struct sender *s)
{
    uint32_t len = strlen(s->config) + 1;
    struct save_header h = {
        .magic = HEADER_MAGIC,
        .byteorder = HEADER_BYTEORDER,
        .mandatory_flags = HEADER_JSON | HEADER_STREAM_V2,
        .optional_len = sizeof(len) + len,
    };

    if (sender_write(s, s->t.send_fd, &h, sizeof(h), "header") ||
        sender_write(s, s->t.send_fd, &len, sizeof(len), "header") ||
        sender_write(s, s->t.send_fd, s->config, len, "configuration"))
        return -1;
    fprintf(stderr, "Saving to migration stream new xl format (info "
            "0x%x/0x%x/%u)\n", h.mandatory_flags, h.optional_flags,
            h.optional_len);
    return 0;
}

static void rename_back(struct sender *s)
{
    if (s->away_name && s->ops->rename(s, s->away_name, s->name))
        fprintf(stderr, SENDER "can't rename the domain back: it is %s here\n",
                shown(s->away_name));
    free(s->away_name);
    s->away_name = NULL;
}

/*
 * Renames the suspended domain, while the target is restoring it, so that the
 * target can use the name.
 */
static int rename_away(struct sender *s)
{
    if (!s->name)
        return 0;
    s->away_name = xl_asprintf("%s" MIGRATE_AWAY, s->name);
    if (!s->ops->rename(s, s->name, s->away_name))
        return 0;
    fprintf(stderr, SENDER "can't rename the domain to %s\n",
            shown(s->away_name));
    free(s->away_name);
    s->away_name = NULL;
    return -1;
}

/* Whether the receiver has closed the connection after its last message. */
static bool has_hung_up(const struct sender *s)
{
    struct pollfd fd = { .fd = s->t.recv_fd, .events = POLLIN };

    if (poll(&fd, 1, 0) < 1 || fd.revents & POLLIN)
        return sender_further_ended(s);
    fprintf(stderr, SENDER "the receiver has ended.\n");
    return true;
}

static int send_go(struct sender *s)
{
    if (s->channels)
        return channels_send_go(s, go, sizeof(go));
    return sender_write(s, s->t.send_fd, go, sizeof(go),
                        "permission to start");
}

/*
 * Tells the target to start the guest. If "go" could not be written
 * completely, the receiver ignores it, and the guest still belongs to the
 * source.
 */
static int permit_start(struct sender *s)
{
    if (sender_take_signals(s) || s->interrupted || has_hung_up(s))
        return -1;
    guard_tell(&s->guard, GUARD_GO);
    fprintf(stderr, SENDER "Giving target permission to start.\n");
    s->go_ns = clock_now_ns();
    if (!send_go(s)) {
        s->told_to_go = true;
        s->deadline_ns = 0;     /* it can't be taken back any more */
        return 0;
    }
    guard_tell(&s->guard, GUARD_HERE);
    s->go_ns = 0;
    return -1;
}

/* Whether the guest has ended by itself, with a message. */
static bool has_ended(const struct sender *s)
{
    if (s->ended)
        fprintf(stderr, SENDER "the guest %s: there is nothing to migrate any "
                "more.\n", s->ended);
    return s->ended;
}

/* Resumes the guest on the source; the target must never start it. */
static int take_back(struct sender *s, int status)
{
    int rc;

    s->ops->read_report(s);
    rename_back(s);
    rc = s->ops->take_back(s);
    if (has_ended(s))
        return MIGRATE_FAILED;
    if (!rc) {
        s->resumed_ns = clock_now_ns();
        if (s->late == LATE_RESUMED)
            fprintf(stderr, SENDER "the guest runs here again.\n");
        return status;
    }
    s->stuck = true;
    fprintf(stderr, SENDER "resuming the domain failed (rc=%d): it is still "
            "suspended on this host.\n", rc);
    return MIGRATE_UNKNOWN;
}

/* Nobody can tell whether the target runs the guest. */
static int report_unknown(struct sender *s)
{
    s->ops->read_report(s);
    fprintf(stderr,
            "** Migration failed during final handshake **\n"
            "The state of the domain is now unknown!\n"
            "CHECK AT BOTH ENDS for running instances before renaming and\n"
            "resuming one of them, and no more than one: two instances of\n"
            "the domain running at once would most likely DESTROY ITS DATA.\n"
            "Here it is %s, suspended.\n",
            s->away_name ? shown(s->away_name) : "nameless");
    return MIGRATE_UNKNOWN;
}

/*
 * The target could not start the guest. Takes it back when the target permits
 * that, which it does once it has destroyed its copy.
 */
static int wait_for_permission(struct sender *s)
{
    int status;

    if (sender_expect(s, s->t.recv_fd, go, sizeof(go),
                      "permission for sender to resume"))
        return report_unknown(s);
    s->told_to_go = false;
    guard_tell(&s->guard, GUARD_HERE);
    fprintf(stderr, SENDER "Trying to resume at our end.\n");
    status = take_back(s, MIGRATE_FAILED);
    if (status == MIGRATE_FAILED)
        fprintf(stderr, SENDER "Resumed OK.\n");
    fprintf(stderr, "Migration failed due to problems at target.\n");
    return status;
}

/* The guest runs on the target. */
static void destroy_source(struct sender *s)
{
    s->ops->read_report(s);     /* xenstore loses it with the domain */
    if (s->ops->destroy(s))
        fprintf(stderr, SENDER "can't destroy the domain here: destroy %s by "
                "hand, and never resume it.\n",
                s->away_name ? shown(s->away_name) : "it");
}

/* The guest runs on the target, which may tell it how long it stood still. */
static void send_stood(struct sender *s)
{
    const struct xpc_report *r = s->report;
    uint64_t suspended_ns = r->start_monotonic_ns + r->suspended_ns;

    if (s->channels && r->suspended_ns && s->started_ns > suspended_ns)
        channels_send_stood(s, s->started_ns - suspended_ns);
}

/* From the target's report to the end. started_ns: when that came. */
static int wait_for_status(struct sender *s, uint64_t started_ns)
{
    signed char code;

    if (sender_read(s, s->t.recv_fd, &code, 1, "success/failure status"))
        return report_unknown(s);
    if (code) {
        guard_tell(&s->guard, GUARD_FAILED);
        fprintf(stderr, SENDER "Target reports startup failure (status code "
                "%d).\n", code);
        return wait_for_permission(s);
    }
    s->started_ns = started_ns;
    xen_turn_end(s->turn_fd);
    guard_tell(&s->guard, GUARD_THERE);
    fprintf(stderr, SENDER "Target reports successful startup.\n");
    send_stood(s);
    destroy_source(s);
    fprintf(stderr, "Migration successful.\n");
    return MIGRATE_OK;
}

/*
 * From "go" to the end. Returns the exit status.
 *
 * The target reports when it has started the guest, or failed to. The status is
 * a byte of its own, which TCP may delay by 40 ms until the report is
 * acknowledged.
 */
static int wait_for_result(struct sender *s)
{
    uint64_t started_ns;

    if (sender_expect(s, s->t.recv_fd, report, sizeof(report),
                      "success/failure report message"))
        return report_unknown(s);
    started_ns = clock_now_ns();
    guard_tell(&s->guard, GUARD_REPORTED);
    return wait_for_status(s, started_ns);
}

/* Finds the exit status for a save that did not succeed, and cleans up. */
static int handle_save_failure(struct sender *s, int rc)
{
    int status;

    s->ops->read_report(s);
    status = s->interrupted ? MIGRATE_INTERRUPTED :
             s->broken ? MIGRATE_ABORTED :
             s->report->outcome == XPC_OUTCOME_ABORTED ? MIGRATE_ABORTED :
             s->report->outcome == XPC_OUTCOME_REFUSED ? MIGRATE_REFUSED :
             s->report->outcome == XPC_OUTCOME_INTERRUPTED ?
             MIGRATE_INTERRUPTED : MIGRATE_FAILED;
    if (status == MIGRATE_FAILED) {
        if (s->channels)
            channels_explain(s);
        fprintf(stderr, SENDER "libxl_domain_suspend failed (rc=%d)\n", rc);
        if (s->name_there)
            fprintf(stderr, SENDER "the target may hold a half-built %s"
                    MIGRATE_INCOMING ", of this try or an\nearlier one: if "
                    "it stays, destroy it there before the next.\n",
                    shown(s->name_there));
    }
    return take_back(s, status);
}

/*
 * With strict: sets the time by which "go" must be sent for the guest to start
 * within its maximum downtime. The suspend time is in the plug-in's report.
 * Without that, the time counts from the request to suspend, and if that was
 * not seen either, the migration is broken off. The target is still restoring,
 * so reading it here does not add to the downtime.
 */
static void set_deadline(struct sender *s)
{
    const struct xpc_report *r = s->report;
    const struct xpc_params *p = s->ops->read_report(s) ?
                                 &s->progress->params : &r->params;
    uint64_t max, since_ns = r->start_monotonic_ns + r->suspended_ns;
    struct xpc_prior prior;

    if (!p->strict || p->policy != XPC_POLICY_LIMIT)
        return;
    xpc_params_prior(p, &prior);
    max = xpc_params_max_downtime(p);
    if (!r->suspended_ns) {
        since_ns = s->progress->asked_ns;
        fprintf(stderr, SENDER "when the guest was suspended is not known: %s"
                ".\n", since_ns ? "its downtime counts from the request" :
                "its maximum downtime can't be kept to");
    }
    s->deadline_ns = !since_ns ? s->saved_ns :
                     since_ns + (max > prior.start_ns ? max - prior.start_ns :
                                                        0);
}

/* From the banner to the configuration. */
static int start_stream(struct sender *s)
{
    if (!s->greeted &&
        sender_expect(s, s->t.recv_fd, MIGRATE_BANNER,
                      strlen(MIGRATE_BANNER), "banner"))
        return -1;
    if (s->channels && channels_begin(s))
        return -1;
    /*
     * libxl can't save a guest that has ended meanwhile, and a receiver (4.17)
     * crashes if it gets a header and then no stream.
     */
    s->ops->check_guest(s);
    if (has_ended(s))
        return -1;
    return send_header(s);
}

static int run_save(struct sender *s)
{
    int rc;

    guard_set_inherit(&s->guard, true);
    xen_lock_pass_on(s->lock_fd, true);
    xen_turn_pass_on(s->turn_fd, true);
    if (s->channels)
        channels_set_inherit(s, true);
    rc = s->ops->save(s);
    if (s->channels)
        channels_set_inherit(s, false);
    xen_turn_pass_on(s->turn_fd, false);
    xen_lock_pass_on(s->lock_fd, false);
    guard_set_inherit(&s->guard, false);
    return rc;
}

static int run_protocol(struct sender *s)
{
    int status = MIGRATE_FAILED;
    int rc;

    if (start_stream(s))
        return s->interrupted ? MIGRATE_INTERRUPTED : MIGRATE_FAILED;

    guard_tell(&s->guard, GUARD_HERE);
    rc = run_save(s);
    if (rc)
        return handle_save_failure(s, rc);

    /* The guest is suspended. */
    s->saved_ns = clock_now_ns();
    if (s->interrupted || s->broken || rename_away(s))
        goto back;
    set_deadline(s);
    if (s->channels && channels_finish(s))
        goto back;
    if (sender_expect(s, s->t.recv_fd, ready, sizeof(ready), "ready message"))
        goto back;
    s->ready_ns = clock_now_ns();
    fprintf(stderr, SENDER "Target has acknowledged transfer.\n");
    if (permit_start(s))
        goto back;
    return wait_for_result(s);

 back:
    s->deadline_ns = 0;
    s->copy_left = true;
    if (s->interrupted)
        status = MIGRATE_INTERRUPTED;
    else if (s->broken)
        status = MIGRATE_ABORTED;
    fprintf(stderr, SENDER "resuming the domain on this host.\n");
    return take_back(s, status);
}

/* ---- the end --------------------------------------------------------- */

/*
 * After the guest was taken back from a target that had all of it: the target
 * destroys its copy and then sends "go". A stock receiver that can't write to
 * us any more exits instead, and leaves the copy.
 */
static void warn_of_copy(struct sender *s)
{
    s->copy_left = s->copy_left &&
                   !transport_ended_with(&s->t, go, sizeof(go));
    if (s->copy_left && s->name_there)
        fprintf(stderr, SENDER "the target has not said that it destroyed its "
                "copy: if there is a\n%s" MIGRATE_INCOMING ", paused, destroy "
                "it there.\n", shown(s->name_there));
}

/*
 * Time for a receiver to destroy its copy and to say so. If it says nothing,
 * the domain stays locked for so long.
 */
#define LEAVE_MS (60 * 1000)

/*
 * xl was killed after "go". The guard reads what is left of the target's
 * answer: what xl has read is gone.
 */
static int read_rest(struct sender *s, int message)
{
    fprintf(stderr, SENDER "xl was killed as the target was told to start the "
            "domain.\nWaiting for its answer.\n");
    s->told_to_go = true;
    switch (message) {
    case GUARD_REPORTED:
        return wait_for_status(s, clock_now_ns());
    case GUARD_FAILED:
        return wait_for_permission(s);
    default:
        return wait_for_result(s);
    }
}

int sender_stand_in(struct sender *s, int message)
{
    int status;

    s->orphaned = true;
    switch (message) {
    case GUARD_UNTOUCHED:
        fprintf(stderr, SENDER "xl was killed before the domain was "
                "touched.\n");
        status = MIGRATE_FAILED;
        break;
    case GUARD_GO:
    case GUARD_REPORTED:
    case GUARD_FAILED:
        status = read_rest(s, message);
        break;
    case GUARD_THERE:
        fprintf(stderr, SENDER "xl was killed: removing the domain here, it "
                "runs on the target.\n");
        destroy_source(s);
        status = MIGRATE_OK;
        break;
    case GUARD_LATE:
        /* xl does the rest. */
        s->asked = true;
        return take_back(s, MIGRATE_FAILED);
    default:
        s->asked = message == GUARD_ASKED;
        fprintf(stderr, SENDER "xl was killed: the domain stays on this "
                "host.\n");
        status = take_back(s, MIGRATE_FAILED);
        s->copy_left = s->report->outcome == XPC_OUTCOME_SENT;
    }
    sender_complete_report(s, status);
    transport_drain(&s->t, LEAVE_MS);
    warn_of_copy(s);
    free(s->away_name);
    s->away_name = NULL;
    return status;
}

/* Completes the report and ends the connections. */
static int finish_migration(struct sender *s, int status)
{
    bool here = status != MIGRATE_OK && status != MIGRATE_UNKNOWN;

    xen_turn_end(s->turn_fd);
    sender_complete_report(s, status);
    channels_close(s);
    transport_end(&s->t, here, here && s->saved_ns, s->interrupt_fd);
    channels_free(s);
    warn_of_copy(s);
    free(s->away_name);
    s->away_name = NULL;
    return status;
}

int sender_run(struct sender *s)
{
    return finish_migration(s, run_protocol(s));
}

int sender_give_up(struct sender *s)
{
    return finish_migration(s, s->interrupted ? MIGRATE_INTERRUPTED :
                                                MIGRATE_FAILED);
}

int sender_refuse(struct sender *s, char *why)
{
    if (s->interrupted) {
        free(why);
        return sender_give_up(s);
    }
    free(s->report->reason);
    free(s->report->text);
    s->report->reason = xl_asprintf("refused");
    s->report->text = why;
    return finish_migration(s, MIGRATE_REFUSED);
}
