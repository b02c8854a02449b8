/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "support/control_fixture.h"
#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xl_cmdtable.h"

struct control_domain domain;
char xl_out[8192];

static pid_t helper;

pid_t control_helper(void)
{
    return helper;
}

/* ---- libxl --------------------------------------------------------------- */

static const char *name(void)
{
    return domain.renamed ? "g1--migratedaway" : "g1";
}

int libxl_domain_qualifier_to_domid(libxl_ctx *ctx, const char *what,
                                    uint32_t *domid)
{
    (void)ctx;
    *domid = 7;
    /* As libxl does it: of a larger number, its last 32 bits count. */
    return domain.gone || (strcmp(what, name()) &&
                           (what[strspn(what, "0123456789")] ||
                            (uint32_t)strtoul(what, NULL, 10) != 7)) ?
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
    return domain.broken ? ERROR_FAIL :
           domain.gone ? ERROR_DOMAIN_NOTFOUND : 0;
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

static int saved[2];     /* the real outputs; 0: in use */

static void restore_outputs(void)
{
    fflush(NULL);
    for (int i = 0; i < 2 && saved[i]; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        saved[i] = 0;
    }
}

/* Runs a command; the caller calls restore_outputs() next. */
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
    optind = 0;
    return xl_run_command(xl_find_command(argv[0]), argc, argv);
}

int run_xl(const char *line)
{
    char file[] = "/tmp/torture_xl_control.XXXXXX";
    int fd = mkstemp(file), status = run_to(fd, line);
    ssize_t n;

    restore_outputs();
    unlink(file);
    n = pread(fd, xl_out, sizeof(xl_out) - 1, 0);
    xl_out[n > 0 ? n : 0] = 0;
    close(fd);
    return status;
}

int run_xl_full(const char *line)
{
    int fd = open("/dev/full", O_WRONLY), status = run_to(fd, line);

    __fpurge(stdout);
    clearerr(stdout);
    restore_outputs();
    close(fd);
    return status;
}

void assert_out(const char *part)
{
    if (!strstr(xl_out, part))
        fail_msg("lacks \"%s\": %s", part, xl_out);
}

size_t out_lines(void)
{
    size_t n = 0;

    for (const char *p = xl_out; (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

int control_setup(void **state)
{
    (void)state;
    helper = fake_helper_start("7");
    fake_helper_publish(helper, CONTROL_PARAMS);
    return 0;
}

int control_teardown(void **state)
{
    (void)state;
    restore_outputs();
    fake_helper_kill(helper);
    store_reset();
    memset(&domain, 0, sizeof(domain));
    xl_globals.dryrun = xl_globals.acted = false;
    return 0;
}

void control_publish_iteration(void)
{
    store_set(PRECOPY "progress", "{\"iteration\":2,\"pages\":5936,\"bytes\":"
              "25000000,\"duration-us\":2000000,\"dirty-pages\":2035,"
              "\"decision\":{\"action\":\"continue\",\"reason\":\"converging\","
              "\"predicted-downtime-us\":312000,\"dirty-pages\":2035,"
              "\"bandwidth-bytes-per-s\":12500000}}");
}

void control_end(const char *outcome, const char *text)
{
    char report[256];

    snprintf(report, sizeof(report), "{\"version\":1,\"outcome\":\"%s\","
             "\"text\":\"%s\",\"start-monotonic-us\":1}", outcome, text);
    store_set(PRECOPY "report", report);
    store_set(PRECOPY "active", NULL);
    store_set(PRECOPY "current", NULL);
}

void control_sent(void)
{
    domain.suspended = true;
    control_end("sent", "suspending: the downtime limit can be met");
}

void control_gone(void)
{
    domain.gone = true;
    store_set(PRECOPY "report", NULL);
}
