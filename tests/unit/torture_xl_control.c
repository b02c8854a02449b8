/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-status, migrate-set and migrate-cancel, with a xenstore and a
 * libxl of which only the answers exist.
 */
#include <fcntl.h>
#include <stdio_ext.h>

#include <libxl_event.h>
#include <libxl_utils.h>

#include <xenprecopy/units.h>

#include "control/xl_control.h"
#include "json/migration.h"
#include "xl_cmdtable.h"
#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"

#define DIR "/libxl/7/precopy/"
#define LIMITS "{\"downtime-ms\":300,\"duration-ms\":60000,\"once\":true," \
               "\"device-model\":\"no\"}"

/* The domain, as libxl sees it. */
static struct {
    bool gone, suspended, shut, renamed;
    int looks;
    void (*on_look[8])(void);       /* before the nth answer */
} domain;

static pid_t helper;
static char out[8192];

/* ---- libxl --------------------------------------------------------------- */

int libxl_ctx_alloc(libxl_ctx **ctx, int version, unsigned flags,
                    xentoollog_logger *lg)
{
    (void)version;
    (void)flags;
    (void)lg;
    *ctx = (libxl_ctx *)&domain;
    return 0;
}

int libxl_ctx_free(libxl_ctx *ctx)
{
    (void)ctx;
    return 0;
}

void libxl_childproc_setmode(libxl_ctx *ctx,
                             const libxl_childproc_hooks *hooks, void *user)
{
    (void)ctx;
    (void)hooks;
    (void)user;
}

static const char *name(void)
{
    return domain.renamed ? "g1--migratedaway" : "g1";
}

int libxl_domain_qualifier_to_domid(libxl_ctx *ctx, const char *what,
                                    uint32_t *domid)
{
    (void)ctx;
    *domid = 7;
    return domain.gone || (strcmp(what, name()) && strcmp(what, "7")) ?
           ERROR_DOMAIN_NOTFOUND : 0;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    (void)ctx;
    assert_int_equal(domid, 7);
    return strdup(name());
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    void (*hook)(void) = NULL;

    (void)ctx;
    if (domid != 7)
        return 0;
    if (domain.looks < 8)
        hook = domain.on_look[domain.looks];
    domain.looks++;
    if (hook)
        hook();
    info->shutdown = domain.suspended || domain.shut;
    info->shutdown_reason = domain.shut ? LIBXL_SHUTDOWN_REASON_POWEROFF :
                                          LIBXL_SHUTDOWN_REASON_SUSPEND;
    return domain.gone ? ERROR_DOMAIN_NOTFOUND : 0;
}

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *nr)
{
    libxl_dominfo *list = calloc(2, sizeof(*list));

    (void)ctx;
    list[1].domid = 7;
    *nr = domain.gone ? 1 : 2;
    return list;
}

void libxl_dominfo_list_free(libxl_dominfo *list, int nr)
{
    (void)nr;
    free(list);
}

/* ---- running a command -------------------------------------------------- */

static int saved[2];                /* the real outputs; 0: they are in use */

static void restore_outputs(void)
{
    fflush(NULL);
    for (int i = 0; i < 2 && saved[i]; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        saved[i] = 0;
    }
}

/* Returns its exit status; restore_outputs() is to follow. */
static int run_to(int fd, const char *line)
{
    char *argv[16] = { NULL }, copy[256], *save = NULL;
    int argc = 0;

    strcpy(copy, line);
    for (char *w = strtok_r(copy, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        dup2(fd, i + 1);
    }
    return xl_find_command(argv[0])->run(argc, argv);
}

/* Returns its exit status; both its outputs are in out. */
static int run(const char *line)
{
    char file[] = "/tmp/torture_xl_control.XXXXXX";
    int fd = mkstemp(file), status = run_to(fd, line);
    ssize_t n;

    restore_outputs();
    unlink(file);
    n = pread(fd, out, sizeof(out) - 1, 0);
    out[n > 0 ? n : 0] = 0;
    close(fd);
    return status;
}

/* Returns its exit status where nothing can be written. */
static int run_full(const char *line)
{
    int fd = open("/dev/full", O_WRONLY), status = run_to(fd, line);

    __fpurge(stdout);
    clearerr(stdout);
    restore_outputs();
    close(fd);
    return status;
}

static void assert_out(const char *part)
{
    if (!strstr(out, part))
        fail_msg("lacks \"%s\": %s", part, out);
}

static size_t lines(void)
{
    size_t n = 0;

    for (const char *p = out; (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

static int setup(void **state)
{
    (void)state;
    helper = fake_helper_start("7");
    fake_active(helper, LIMITS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    restore_outputs();
    fake_helper_kill(helper);
    fake_reset();
    memset(&domain, 0, sizeof(domain));
    xl_globals.dryrun = false;
    return 0;
}

/* ---- what happens meanwhile --------------------------------------------- */

static void second_iteration(void)
{
    fake_set(DIR "progress", "{\"iteration\":2,\"pages\":5936,\"bytes\":"
             "25000000,\"duration-us\":2000000,\"dirty-pages\":2035,"
             "\"decision\":{\"action\":\"continue\",\"reason\":\"converging\","
             "\"predicted-downtime-us\":312000,\"dirty-pages\":2035,"
             "\"bandwidth-bytes-per-s\":12500000}}");
}

static void ends_with(const char *outcome, const char *text)
{
    char report[256];

    snprintf(report, sizeof(report), "{\"version\":1,\"outcome\":\"%s\","
             "\"text\":\"%s\",\"start-monotonic-us\":1}", outcome, text);
    fake_set(DIR "report", report);
    fake_set(DIR "active", NULL);
    fake_set(DIR "current", NULL);
}

static void obeys(void)
{
    assert_non_null(fake_get(DIR "cancel"));
    fake_set(DIR "cancel", NULL);
    ends_with("interrupted", "aborted: it was cancelled");
}

static void is_sent(void)
{
    domain.suspended = true;
    ends_with("sent", "suspending: the downtime limit can be met");
}

static void goes(void)
{
    domain.gone = true;
    fake_set(DIR "report", NULL);
}

static void comes_back(void)
{
    domain.suspended = false;
}

/* ---- migrate-status ----------------------------------------------------- */

static void torture_xl_control_status_tells_all(void **state)
{
    (void)state;
    second_iteration();
    fake_set(DIR "refused", "because");
    fake_set(DIR "current", "{\"downtime-ms\":2000,\"duration-ms\":60000}");
    assert_int_equal(run("migrate-status g1"), CONTROL_OK);
    assert_out("g1: iteration 3, ");
    assert_out(" sent");
    assert_out("iteration 2: 5936 pages, 23.8 MiB in 2.00 s (100 Mbit/s); "
               "2035 dirty afterwards\n");
    assert_out("copying on helps");
    assert_out("downtime would be 312 ms, the limit is 300 ms");
    assert_out("parameters: duration 60.0 s, downtime 300 ms, bandwidth auto");
    assert_out("on: downtime 300 ms -> 2.00 s\n");
    assert_out("refused: because\n");
}

static void torture_xl_control_status_before_the_first_iteration(void **state)
{
    (void)state;
    assert_int_equal(run("migrate-status 7"), CONTROL_OK);
    assert_out("g1: iteration 1, ");
    assert_null(strstr(out, "dirty"));
    assert_null(strstr(out, "refused"));
    assert_null(strstr(out, "->"));
}

static void torture_xl_control_status_json_is_one_object(void **state)
{
    struct xpc_iteration it = { 0 };
    char err[XPC_ERR_LEN], *part;

    (void)state;
    second_iteration();
    fake_set(DIR "refused", "a \"reason\"");
    assert_int_equal(run("migrate-status --json g1"), CONTROL_OK);
    assert_int_equal(lines(), 1);
    assert_true(!strncmp(out, "{\"domid\":7,\"name\":\"g1\",\"state\":"
                         "\"precopy\",\"iteration\":3,", 52));
    assert_out("\"refused\":\"a \\\"reason\\\"\"");
    assert_out("\"parameters\":{\"policy\":\"limit\",\"duration-ms\":60000,");
    assert_null(strstr(out, "asked-parameters"));
    assert_null(strstr(out, "\"report\""));
    part = strstr(out, "\"last-iteration\":");
    assert_non_null(part);
    part = strchr(part, '{');
    *strstr(part, ",\"parameters\"") = 0;
    assert_int_equal(xpc_from_json(&xpc_iteration_type, &it, part,
                                   strlen(part), err), 0);
    assert_int_equal(it.number, 2);
    assert_int_equal(it.decision.predicted_downtime_ns, 312 * XPC_MS);
}

static void torture_xl_control_status_without_a_migration(void **state)
{
    (void)state;
    fake_set(DIR "active", NULL);
    assert_int_equal(run("migrate-status g1"), CONTROL_NONE);
    assert_int_equal(lines(), 1);
    assert_out("no migration");
    ends_with("aborted", "aborted: it is as it is");
    assert_int_equal(run("migrate-status g1"), CONTROL_NONE);
    assert_out("the last one: aborted: it is as it is\n");
    assert_int_equal(run("migrate-status --json g1"), CONTROL_NONE);
    assert_out("\"state\":\"none\"");
    assert_out("\"outcome\":\"aborted\"");
    assert_int_equal(run("migrate-status --watch g1"), CONTROL_NONE);
    assert_int_equal(run("migrate-status"), CONTROL_NONE);
    assert_out("No migration");
    assert_int_equal(run("migrate-status nobody"), CONTROL_FAILED);
    assert_out("there is no domain nobody");
}

static void torture_xl_control_status_of_all(void **state)
{
    (void)state;
    assert_int_equal(run("migrate-status"), CONTROL_OK);
    assert_out("g1: iteration 1");
}

static void torture_xl_control_status_after_the_stream(void **state)
{
    (void)state;
    is_sent();
    domain.renamed = true;
    assert_int_equal(run("migrate-status g1"), CONTROL_OK);
    assert_out("g1: suspended, all is sent");
    /* A guest that runs on after it was saved is not being migrated. */
    domain.suspended = false;
    assert_int_equal(run("migrate-status 7"), CONTROL_NONE);
}

static void torture_xl_control_status_while_suspended(void **state)
{
    (void)state;
    domain.suspended = true;
    assert_int_equal(run("migrate-status g1"), CONTROL_OK);
    assert_out("g1: suspended, copying the rest, ");
}

static void torture_xl_control_watch_follows_to_the_end(void **state)
{
    (void)state;
    domain.on_look[2] = second_iteration;
    domain.on_look[4] = is_sent;
    domain.on_look[5] = goes;
    assert_int_equal(run("migrate-status --watch g1"), CONTROL_OK);
    /* One line a change, and one at the end. */
    assert_int_equal(lines(), 4);
    assert_out("g1: iteration 3, ");
    assert_out("2035 dirty, predicted downtime 312 ms, limit 300 ms\n");
    assert_out("g1: suspended, all is sent");
    assert_out("g1 has been handed over to the target");
}

static void torture_xl_control_watch_json_is_a_line_a_change(void **state)
{
    (void)state;
    domain.on_look[1] = second_iteration;
    domain.on_look[3] = is_sent;
    domain.on_look[4] = goes;
    assert_int_equal(run("migrate-status --watch --json g1"), CONTROL_OK);
    assert_int_equal(lines(), 4);
    assert_out("\"state\":\"handover\"");
    /* What was told while it was there. */
    assert_out("\"state\":\"gone\",\"report\":{\"version\":1,\"outcome\":"
               "\"sent\"");
}

/* ---- migrate-set -------------------------------------------------------- */

static void torture_xl_control_set_changes_what_is_named(void **state)
{
    struct xpc_params p;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(run("migrate-set --precopy-downtime=2s "
                         "--precopy-confidence=80 g1"), CONTROL_OK);
    assert_out("g1: downtime 300 ms -> 2.00 s, confidence 95% -> 80%\n");
    assert_out("at the end of the iteration under way");
    xpc_params_init(&p);
    assert_int_equal(xpc_from_json(&xpc_params_type, &p,
                                   fake_get(DIR "current"),
                                   strlen(fake_get(DIR "current")), err), 0);
    assert_int_equal(p.downtime_ns, 2 * XPC_S);
    assert_int_equal(p.confidence_percent, 80);
    assert_int_equal(p.duration_ns, 60 * XPC_S);
    assert_true(p.once);
    /* The next one goes by what was asked for last. */
    assert_int_equal(run("migrate-set g1 --precopy-downtime 3s "
                         "--precopy-duration=0"), CONTROL_OK);
    assert_out("g1: duration 60.0 s -> none, downtime 2.00 s -> 3.00 s\n");
    assert_int_equal(run("migrate-set --precopy-downtime=3s g1"),
                     CONTROL_OK);
    assert_out("so already");
}

/* An option that may go without its value is taken at its word with one. */
static void torture_xl_control_set_switches_strict(void **state)
{
    (void)state;
    assert_int_equal(run("migrate-set --precopy-strict g1"), CONTROL_OK);
    assert_out("g1: strict off -> on\n");
    assert_int_equal(run("migrate-set --precopy-strict=off g1"), CONTROL_OK);
    assert_out("g1: strict on -> off\n");
    /* A limit enforces nothing by itself: that is said. */
    assert_int_equal(run("migrate-set --precopy-downtime=2s g1"), CONTROL_OK);
    assert_out("g1: downtime 300 ms -> 2.00 s\n");
    assert_out("The downtime is not enforced: add --precopy-strict");
    assert_int_equal(run("migrate-set --precopy-downtime=3s --precopy-strict "
                         "g1"), CONTROL_OK);
    assert_out("strict off -> on\n");
    assert_null(strstr(out, "not enforced"));
    assert_int_equal(run("migrate-set --precopy-downtime=4s g1"), CONTROL_OK);
    assert_null(strstr(out, "not enforced"));
    assert_null(strstr(out, "strict"));
}

static void torture_xl_control_set_caps_the_bandwidth(void **state)
{
    (void)state;
    assert_int_equal(run("migrate-set --precopy-max-bandwidth=100Mbit "
                         "--precopy-switchover-bandwidth=kept g1"),
                     CONTROL_OK);
    assert_out("g1: max-bandwidth none -> 100 Mbit/s, "
               "switchover-bandwidth none -> kept\n");
    assert_int_equal(run("migrate-set --precopy-max-bandwidth=none g1"),
                     CONTROL_USAGE);
    assert_out("what is to be kept?");
}

static void torture_xl_control_set_refuses(void **state)
{
    static const struct { const char *line, *says; int status; } t[] = {
        { "migrate-set g1", "what is to be changed", 2 },
        { "migrate-set --precopy-downtime=2s", "a domain is needed", 2 },
        { "migrate-set --precopy-downtime=2s a b", "a domain is needed", 2 },
        { "migrate-set --precopy-downtime=2 g1", "a unit is needed", 2 },
        { "migrate-set --precopy-max-downtime=200ms g1",
          "the maximum downtime, 200 ms, is below the downtime limit", 2 },
        { "migrate-set --precopy-downtime=50ms g1", "switchover alone", 2 },
        { "migrate-set --precopy-on-timeout=suspend g1", "needs a maximum",
          2 },
        { "migrate-set --precopy-policy=stock g1", "can't be changed", 2 },
        { "migrate-set --precopy-zero-pages=elide g1", "can't be changed", 2 },
        { "migrate-set --report=x g1", "--report=x is no option", 2 },
        { "migrate-set --precopy-downtime=2s nobody",
          "there is no domain nobody", 1 },
    };
    char *before = strdup(fake_get(DIR "current"));

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        assert_int_equal(run(t[i].line), t[i].status);
        assert_out(t[i].says);
        assert_int_equal(lines(), 1);
        assert_string_equal(fake_get(DIR "current"), before);
    }
    fake_active(helper, "{\"policy\":\"stock\"}");
    assert_int_equal(run("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_USAGE);
    assert_out("decides as the stock xl");
    assert_int_equal(run("migrate-set --precopy-iterations=2 g1"),
                     CONTROL_OK);
    fake_set(DIR "active", NULL);
    assert_int_equal(run("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_NONE);
    assert_out("no migration of g1 with a policy is under way");
    free(before);
}

/* ---- migrate-cancel ----------------------------------------------------- */

static void torture_xl_control_cancel_waits_for_the_end(void **state)
{
    (void)state;
    domain.on_look[3] = obeys;
    assert_int_equal(run("migrate-cancel g1"), CONTROL_OK);
    assert_string_equal(out, "g1 runs here; its migration: aborted: it was "
                        "cancelled\n");
}

static void torture_xl_control_cancel_without_a_migration(void **state)
{
    (void)state;
    fake_set(DIR "active", NULL);
    assert_int_equal(run("migrate-cancel g1"), CONTROL_NONE);
    assert_null(fake_get(DIR "cancel"));
    assert_int_equal(run("migrate-cancel nobody"), CONTROL_FAILED);
    assert_int_equal(run("migrate-cancel"), CONTROL_USAGE);
    assert_int_equal(run("migrate-cancel --timeout=5 g1"), CONTROL_USAGE);
}

static void torture_xl_control_cancel_comes_too_late(void **state)
{
    (void)state;
    domain.on_look[2] = is_sent;
    domain.on_look[3] = goes;
    assert_int_equal(run("migrate-cancel g1"), CONTROL_GONE);
    assert_out("too late: g1 has been handed over to the target");
    /* It had been sent before already. */
    memset(&domain, 0, sizeof(domain));
    fake_set(DIR "cancel", NULL);
    is_sent();
    domain.renamed = true;
    domain.on_look[2] = goes;
    assert_int_equal(run("migrate-cancel g1"), CONTROL_GONE);
    assert_null(fake_get(DIR "cancel"));
}

static void torture_xl_control_cancel_of_a_handover_that_fails(void **state)
{
    (void)state;
    domain.on_look[1] = is_sent;
    domain.on_look[3] = comes_back;
    assert_int_equal(run("migrate-cancel g1"), CONTROL_OK);
    assert_out("the target did not take g1 over: it runs here");
}

static void shuts_down(void)
{
    domain.shut = true;
    ends_with("failed", "failed: the guest could not be suspended");
}

/* After its end somebody waits for a guest that is slow to suspend. */
static void torture_xl_control_cancel_waits_for_a_late_guest(void **state)
{
    char pid[16];

    (void)state;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    fake_set(DIR "active", NULL);
    fake_set(DIR "taking-back", pid);
    assert_int_equal(run("migrate-status g1"), CONTROL_OK);
    assert_out("may still suspend");
    assert_int_equal(run("migrate-status --json g1"), CONTROL_OK);
    assert_out("\"state\":\"taking-back\"");
    assert_int_equal(run("migrate-cancel --timeout=1ms g1"), CONTROL_FAILED);
    assert_out("may still suspend");
    /* It was killed. */
    fake_set(DIR "taking-back", "2147483647");
    assert_int_equal(run("migrate-status g1"), CONTROL_NONE);
}

static void torture_xl_control_cancel_says_that_it_does_not_run(void **state)
{
    (void)state;
    domain.on_look[1] = shuts_down;
    assert_int_equal(run("migrate-cancel g1"), CONTROL_FAILED);
    assert_out("does not run here");
}

static void torture_xl_control_cancel_has_a_timeout(void **state)
{
    (void)state;
    assert_int_equal(run("migrate-cancel --timeout=1ms g1"), CONTROL_FAILED);
    assert_out("has not ended yet");
    assert_non_null(fake_get(DIR "cancel"));
    domain.suspended = true;
    assert_int_equal(run("migrate-cancel --timeout=1ms g1"), CONTROL_FAILED);
    assert_out("is suspended on this host");
}

static void torture_xl_control_no_dry_run_and_help(void **state)
{
    (void)state;
    assert_int_equal(run("migrate-status --help"), CONTROL_OK);
    assert_int_equal(run("migrate-set --help"), CONTROL_OK);
    assert_int_equal(run("migrate-cancel -h"), CONTROL_OK);
    xl_globals.dryrun = true;
    assert_int_equal(run("migrate-cancel g1"), CONTROL_USAGE);
    assert_null(fake_get(DIR "cancel"));
    assert_int_equal(run("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_USAGE);
    assert_string_equal(fake_get(DIR "current"), LIMITS);
    assert_int_equal(run("migrate-status g1"), CONTROL_OK);
}

/* A cancel has done its work whether or not it can tell of it. */
static void torture_xl_control_nothing_can_be_written(void **state)
{
    (void)state;
    assert_int_equal(run_full("migrate-status g1"), CONTROL_FAILED);
    assert_int_equal(run_full("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_FAILED);
    domain.on_look[domain.looks + 3] = obeys;
    assert_int_equal(run_full("migrate-cancel g1"), CONTROL_OK);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_control_status_tells_all),
        TEST(torture_xl_control_status_before_the_first_iteration),
        TEST(torture_xl_control_status_json_is_one_object),
        TEST(torture_xl_control_status_without_a_migration),
        TEST(torture_xl_control_status_of_all),
        TEST(torture_xl_control_status_after_the_stream),
        TEST(torture_xl_control_status_while_suspended),
        TEST(torture_xl_control_watch_follows_to_the_end),
        TEST(torture_xl_control_watch_json_is_a_line_a_change),
        TEST(torture_xl_control_set_changes_what_is_named),
        TEST(torture_xl_control_set_switches_strict),
        TEST(torture_xl_control_set_caps_the_bandwidth),
        TEST(torture_xl_control_set_refuses),
        TEST(torture_xl_control_cancel_waits_for_the_end),
        TEST(torture_xl_control_cancel_without_a_migration),
        TEST(torture_xl_control_cancel_comes_too_late),
        TEST(torture_xl_control_cancel_of_a_handover_that_fails),
        TEST(torture_xl_control_cancel_waits_for_a_late_guest),
        TEST(torture_xl_control_cancel_says_that_it_does_not_run),
        TEST(torture_xl_control_cancel_has_a_timeout),
        TEST(torture_xl_control_no_dry_run_and_help),
        TEST(torture_xl_control_nothing_can_be_written),
    };

    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
