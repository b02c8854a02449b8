/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/compress.h>
#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "check/xl_check.h"
#include "check/xl_check_ask.h"
#include "check/xl_check_link.h"
#include "check/xl_check_question.h"
#include "check/xl_check_shell.h"
#include "common/xl_common.h"
#include "common/xl_input.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_channels_relay.h"
#include "migrate/xl_sender_io.h"

/* ---- the target ---------------------------------------------------------- */

static void end_connection(struct sender *s)
{
    if (s->channels)
        channels_close(s);
    transport_end(&s->t, true, false, s->interrupt_fd);
    channels_free(s);
}

/* Asks and measures. Returns 0, or -1. */
static int ask_receiver(struct sender *s, const struct question *q,
                        struct check_result *r)
{
    struct reply *reply = calloc(1, sizeof(*reply));
    int rc = reply ? check_ask(s, q, reply) : -1;

    if (!rc) {
        check_result_take(r, q, reply);
        rc = check_link(s, r);
    }
    free(reply);
    return rc;
}

static const char unreached[] =
    "the receiver was not reached, or has broken off: see its messages";

/* The receiver can't be asked, for this reason: a shell may know something. */
static void ask_shell(struct sender *s, const struct migrate_options *o,
                      const struct question *q, struct check_result *r,
                      const char *why)
{
    struct reply *reply = calloc(1, sizeof(*reply));

    if (reply && o->ssh_command && *o->ssh_command &&
        !check_shell(s, o, q, reply))
        check_result_take(r, q, reply);
    else
        check_result_unasked(r, q, why);
    free(reply);
}

int check_receiver(struct sender *s, char *command,
                   const struct migrate_options *o, const struct question *q,
                   struct check_result *r)
{
    unsigned int channels = s->progress->params.channels;
    int rc;

    s->progress->params.channels = 1;
    rc = channels_greet(s, command);
    if (!rc && s->channels->questions) {
        r->receiver = CHECK_RECEIVER_OURS;
        rc = ask_receiver(s, q, r);
    } else if (!rc) {
        r->receiver = CHECK_RECEIVER_OLDER;
        ask_shell(s, o, q, r, "an older receiver of this package can't "
                  "be asked: upgrade it there");
    } else if (rc > 0) {
        r->receiver = CHECK_RECEIVER_STOCK;
        ask_shell(s, o, q, r, "a stock receiver can't be asked");
        rc = 0;
    }
    end_connection(s);
    s->progress->params.channels = channels;
    if (rc && !s->interrupted)
        check_result_add(r, "receiver", NULL, REPLY_WRONG, unreached);
    return s->interrupted ? -1 : 0;
}

/* ---- the prediction ------------------------------------------------------ */

static void add_argument(char **argv, int *nr, const char *name,
                         uint64_t value, const char *unit)
{
    if (value)
        argv[(*nr)++] = xl_asprintf("--%s=%"PRIu64"%s", name, value, unit);
}

/* With which the guest would be suspended in the end. */
static uint64_t highest_downtime(const struct xpc_params *p)
{
    return p->on_timeout == XPC_ON_TIMEOUT_SUSPEND ?
           xpc_params_max_downtime(p) : p->downtime_ns;
}

/* A stock receiver gets one plain connection, without marks for zero pages. */
static void add_form(char **argv, int *nr, const struct xpc_params *p,
                            const struct check_result *r)
{
    const struct xpc_compress_method m = { p->compress, p->compress_level };
    char text[XPC_UNIT_LEN];

    if (r->receiver == CHECK_RECEIVER_STOCK &&
        p->zero_pages != XPC_ZERO_PAGES_ELIDE)
        add_argument(argv, nr, "zero-page-bytes",
                     XPC_PAGE_SIZE + XPC_PAGE_HEADER, "");
    if (p->compress == XPC_COMPRESS_OFF ||
        (r->receiver != CHECK_RECEIVER_OURS &&
         r->receiver != CHECK_RECEIVER_OLDER))
        return;
    argv[(*nr)++] = xl_asprintf("--compress=%s", xpc_compress_text(text, &m));
    add_argument(argv, nr, "channels", p->channels, "");
}

/* xl migrate-predict for this guest, link and limit. */
static void exec_predict(const struct migrate_options *o,
                         const struct check_result *r, uint64_t bits_per_s)
{
    const struct xpc_params *p = &o->params;
    bool limit = p->policy != XPC_POLICY_STOCK;
    char *argv[20] = { "xl", "migrate-predict", "--json" };
    int nr = 3;

    add_argument(argv, &nr, "bandwidth", (bits_per_s + 999) / 1000, "kbit");
    if (limit)
        add_argument(argv, &nr, "downtime", highest_downtime(p) / XPC_US,
                     "us");
    else
        argv[nr++] = "--downtime=unlimited";
    if (limit) {
        add_argument(argv, &nr, "duration", p->duration_ns / XPC_US, "us");
        add_argument(argv, &nr, "iterations", p->iterations, "");
        add_argument(argv, &nr, "confidence", p->confidence_percent, "");
    }
    if (limit && p->skip_dirty == XPC_SKIP_DIRTY_ON)
        argv[nr++] = "--skip-dirty";
    add_form(argv, &nr, p, r);
    if (p->guest.device_model == XPC_DEVICE_MODEL_YES)
        argv[nr++] = "--device-model";
    if (p->overhead_ns)
        add_argument(argv, &nr, "switchover-overhead", p->overhead_ns / XPC_US,
                     "us");
    else if (o->history == HISTORY_ON && p->learned.overhead_ns)
        argv[nr++] = xl_asprintf("--target=%s", o->host);
    argv[nr++] = "--";
    argv[nr] = (char *)o->domain;
    execv("/proc/self/exe", argv);
    _exit(127);
}

/* Its standard output, or NULL. Its messages are not to be seen. */
static char *run_predict(const struct migrate_options *o,
                         const struct check_result *r, uint64_t bits_per_s,
                         size_t *len_r)
{
    int fds[2], status = -1;
    char *text;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC))
        return NULL;
    fflush(NULL);
    pid = fork();
    if (!pid) {
        dup2(fds[1], STDOUT_FILENO);
        exec_predict(o, r, bits_per_s);
    }
    close(fds[1]);
    text = pid > 0 ? xl_read_to_end(fds[0], len_r) : NULL;
    close(fds[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (!status)
        return text;
    free(text);
    return NULL;
}

/* What link to assume: the measured one, within what the options say. */
static uint64_t assumed_bits(const struct migrate_options *o,
                             const struct check_result *r)
{
    uint64_t bits = r->bandwidth_bits_per_s, stated =
        o->params.bandwidth_bytes_per_s * 8, cap =
        o->params.max_bytes_per_s * 8;

    if (!bits)
        bits = stated;
    return cap && cap < bits ? cap : bits;
}

void check_predict(const struct migrate_options *o, struct check_result *r)
{
    uint64_t bits = assumed_bits(o, r);
    bool limit = o->params.policy != XPC_POLICY_STOCK;
    char err[XPC_ERR_LEN], *json;
    size_t len = 0;

    if (!bits) {
        check_result_add(r, "prediction", NULL, REPLY_UNKNOWN,
                         "the bandwidth is not known: state it with "
                         "--precopy-bandwidth");
        return;
    }
    json = run_predict(o, r, bits, &len);
    if (!json || xpc_from_json(&xpc_cells_type, &r->prediction, json, len,
                               err) || !r->prediction.nr_cells) {
        check_result_add(r, "prediction", NULL, REPLY_UNKNOWN,
                         "the guest could not be measured");
    } else if (limit && !r->prediction.cells[0].converges) {
        check_result_add(r, "limit", NULL, REPLY_WRONG,
                         r->prediction.nr_advice ?
                         r->prediction.advice[0].text : NULL);
    } else if (limit) {
        check_result_add(r, "limit", NULL, REPLY_OK, NULL);
    }
    free(json);
}

/* ---- the command --------------------------------------------------------- */

static int report_check(const struct migrate_options *o,
                        struct check_result *r)
{
    char *json;

    r->right = true;
    for (size_t i = 0; i < r->nr_items; i++)
        r->right = r->right && r->items[i].status != REPLY_WRONG;
    if (o->json) {
        json = xpc_to_json(&check_result_type, r, true);
        fputs(json ? json : "", stdout);
        free(json);
    } else {
        check_result_print(stdout, r);
    }
    return r->right ? MIGRATE_OK : MIGRATE_REFUSED;
}

static void begin_result(struct check_result *r,
                         const struct migrate_options *o, const char *name)
{
    *r = (struct check_result){
        .domain = xl_plain_copy(name),
        .target = xl_plain_copy(o->host),
    };
    xpc_cells_init(&r->prediction);
}

int check_run(struct sender *s, char *command,
              const struct migrate_options *o)
{
    struct question *q = calloc(1, sizeof(*q));
    struct check_result r;
    int status;

    begin_result(&r, o, s->name ? s->name : o->domain);
    check_result_add(&r, "here", NULL, REPLY_OK, NULL);
    if (q) {
        check_ask_needs(q, s->ctx, s->domid, s->name_there,
                        s->config);
        check_ask_host(q, s->ctx, s->domid);
    }
    if (!q || check_receiver(s, command, o, q, &r)) {
        status = q ? MIGRATE_INTERRUPTED : MIGRATE_FAILED;
    } else {
        check_predict(o, &r);
        /* Ctrl-C ends the measurement, too. */
        status = sender_take_signals(s) ? MIGRATE_INTERRUPTED :
                 report_check(o, &r);
    }
    check_result_dispose(&r);
    free(q);
    return status;
}

int check_refused(const struct migrate_options *o, const char *why)
{
    struct check_result r;
    int status;

    begin_result(&r, o, o->domain);
    check_result_add(&r, "here", NULL, REPLY_WRONG, why);
    status = report_check(o, &r);
    check_result_dispose(&r);
    return status;
}
