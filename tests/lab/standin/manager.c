/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manager migrate [OPTION]... DOMAIN COMMAND
 *
 * A stand-in for XenServer's xenopsd and emu-manager on the source: migrates
 * the domain to the stock `xl migrate-receive` that COMMAND reaches, as xl
 * would, but has xenguest save it. On XenServer it is xenopsd that receives;
 * the memory's part of the stream is the same.
 *
 *   --rule=xenserver  precopy ends after an iteration with less than 50 pages
 *                     to go, or four; this is seen at once
 *   --rule=xcp-ng     at most 50 pages, or four; seen twice a second
 *   --rule=xcp-ng-2   a branch of that: 16,384 pages, or ten; the guest is
 *                     suspended before xenguest is told of the end
 *   --xenguest=PATH   the program (/job/xenguest)
 *   --abort-at=N      aborts with the Nth event of the progress
 *
 * Events are printed as they arrive. If the save fails with the guest
 * suspended, the guest is destroyed, as xenopsd shuts it down. Exit status: 0
 * migrated, 1 not.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xenctrl.h>
#include <xenstore.h>

#include "support/stock_messages.h"

#define SHUTDOWN_SUSPEND 2
#define TICK_MS 500

enum rule { XENSERVER, XCP_NG, XCP_NG_2 };

static struct {
    enum rule rule;
    const char *xenguest, *domain;
    unsigned int abort_at;
    uint32_t domid;
    xc_interface *xch;
    libxl_ctx *libxl;
    int send_fd, recv_fd;       /* the receiver */
    int control_fd;             /* xenguest */
    /* What xenguest has reported. */
    char buf[4096];
    size_t len;
    unsigned int events;
    long remaining;
    unsigned int iteration;
    bool enough, completed;
    int rc;
} m = { .xenguest = "/job/xenguest", .rc = -1 };

__attribute__((format(printf, 1, 2)))
static int failed(const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    fprintf(stderr, "manager: ");
    vfprintf(stderr, fmt, al);
    fprintf(stderr, "\n");
    va_end(al);
    return -1;
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* ---- the receiver -------------------------------------------------------- */

static int put(const void *buf, size_t len)
{
    const char *p = buf;

    for (; len; p++, len--)
        if (write(m.send_fd, p, 1) != 1)
            return failed("the receiver: %s", strerror(errno));
    return 0;
}

static int get(const char *want, size_t len)
{
    char c;

    for (; len; want++, len--)
        if (read(m.recv_fd, &c, 1) != 1 || c != *want)
            return failed("the receiver does not say what it should");
    return 0;
}

static int connect_receiver(const char *command)
{
    int to[2], from[2];

    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        return failed("no pipe");
    if (!fork()) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    m.send_fd = to[1];
    m.recv_fd = from[0];
    return get(BANNER, sizeof(BANNER) - 1);
}

/*
 * xl's header, with the configuration as JSON; libxl's; and the head of the
 * record that holds libxenguest's stream.
 */
static int put_head(void)
{
    static const unsigned char libxl[] = "LibxlFmt\0\0\0\2\0\0\0\0";
    uint32_t xl[4] = { 0x01020304, 3, 0, 0 }, len, context[2] = { 1, 0 };
    libxl_domain_config config;
    char *json;

    libxl_domain_config_init(&config);
    if (libxl_retrieve_domain_configuration(m.libxl, m.domid, &config, NULL))
        return failed("no configuration");
    json = libxl_domain_config_to_json(m.libxl, &config);
    len = strlen(json) + 1;
    xl[3] = sizeof(len) + len;
    return put("Xen saved domain, xl format\n \0 \r", 32) ||
           put(xl, sizeof(xl)) || put(&len, sizeof(len)) || put(json, len) ||
           put(libxl, 16) || put(context, sizeof(context)) ? -1 : 0;
}

/* As xl does. From "go" on, the guest is the target's. */
static int hand_over(void)
{
    static const uint32_t end[2] = { 0, 0 };
    char away[128];

    snprintf(away, sizeof(away), "%s--migratedaway", m.domain);
    if (put(end, sizeof(end)) || get(READY, sizeof(READY)) ||
        libxl_domain_rename(m.libxl, m.domid, m.domain, away) ||
        put(GO, sizeof(GO)) || get(REPORT, sizeof(REPORT)) || get("", 1))
        return -1;
    return libxl_domain_destroy(m.libxl, m.domid, NULL);
}

/* ---- the guest ----------------------------------------------------------- */

static bool is_suspended(void)
{
    xc_domaininfo_t info;

    return xc_domain_getinfolist(m.xch, m.domid, 1, &info) == 1 &&
           info.domain == m.domid && info.flags & XEN_DOMINF_shutdown &&
           (info.flags >> XEN_DOMINF_shutdownshift &
            XEN_DOMINF_shutdownmask) == SHUTDOWN_SUSPEND;
}

static int suspend_guest(void)
{
    struct xs_handle *xs = xs_open(0);
    uint64_t until = now_ms() + 60000;
    char path[64];

    printf("suspend:\n");
    snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/control/shutdown",
             m.domid);
    if (!xs || !xs_write(xs, XBT_NULL, path, "suspend", 7))
        return failed("xenstore");
    xs_close(xs);
    while (!is_suspended()) {
        if (now_ms() >= until)
            return failed("the guest does not suspend");
        poll(NULL, 0, 2);
    }
    return 0;
}

/* ---- xenguest ------------------------------------------------------------ */

static int start_xenguest(void)
{
    char domid[16], stream[16], control[16];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return failed("no socket");
    m.control_fd = pair[0];
    fcntl(pair[0], F_SETFD, FD_CLOEXEC);
    if (fork())
        return close(pair[1]);
    clearenv();
    fcntl(m.send_fd, F_SETFD, 0);
    snprintf(domid, sizeof(domid), "%" PRIu32, m.domid);
    snprintf(stream, sizeof(stream), "%d", m.send_fd);
    snprintf(control, sizeof(control), "%d", pair[1]);
    execl(m.xenguest, m.xenguest, "-mode", "listen", "-domid", domid, "-fd",
          stream, "-control", control, NULL);
    _exit(127);
}

static void tell(const char *command)
{
    if (dprintf(m.control_fd, "%s\n", command) < 0)
        m.completed = true;
}

static bool is_enough(void)
{
    if (m.iteration < 1)
        return false;
    switch (m.rule) {
    case XENSERVER:
        return (m.remaining >= 0 && m.remaining < 50) || m.iteration >= 4;
    case XCP_NG:
        return m.remaining <= 50 || m.iteration >= 4;
    default:
        return (m.remaining >= 0 && m.remaining <= 16384) ||
               m.iteration >= 10;
    }
}

static void hear(const char *line)
{
    unsigned long sent;

    printf("%s\n", line);
    if (sscanf(line, "completed %d", &m.rc) == 1)
        m.completed = true;
    if (sscanf(line, "progress %lu %ld %u", &sent, &m.remaining,
               &m.iteration) != 3)
        return;
    m.enough = m.enough || is_enough();
    if (++m.events == m.abort_at)
        tell("abort");
}

/* Waits for at most that long. */
static void listen_to_xenguest(int ms)
{
    struct pollfd fd = { .fd = m.control_fd, .events = POLLIN };
    char *end;
    ssize_t n;

    if (poll(&fd, 1, ms) < 1)
        return;
    n = read(m.control_fd, m.buf + m.len, sizeof(m.buf) - m.len);
    if (n <= 0) {
        m.completed = true;
        return;
    }
    m.len += n;
    while ((end = memchr(m.buf, '\n', m.len))) {
        *end++ = 0;
        hear(m.buf);
        m.len -= end - m.buf;
        memmove(m.buf, end, m.len);
    }
}

static void wait_enough(void)
{
    uint64_t tick = now_ms() + TICK_MS, now;

    while (!m.completed) {
        now = now_ms();
        if (m.rule == XENSERVER && m.enough)
            return;
        if (now < tick) {
            listen_to_xenguest(tick - now);
            continue;
        }
        if (m.enough)
            return;
        tick = now + TICK_MS;
    }
}

/* The plug-in's, if there is one. */
static void print_report(void)
{
    struct xs_handle *xs = xs_open(0);
    char path[64], *report;

    snprintf(path, sizeof(path), "/libxl/%" PRIu32 "/precopy/report", m.domid);
    report = xs ? xs_read(xs, XBT_NULL, path, NULL) : NULL;
    if (report)
        printf("report %s\n", report);
    free(report);
    if (xs)
        xs_close(xs);
}

/* Returns 0 when all of the guest has been sent. */
static int save(void)
{
    tell("live");
    wait_enough();
    if (!m.completed) {
        if (m.rule != XCP_NG_2)
            tell("pause");
        if (suspend_guest())
            tell("abort");
        else if (m.rule == XCP_NG_2)
            tell("pause");
        tell("paused");
    }
    while (!m.completed)
        listen_to_xenguest(TICK_MS);
    tell("quit");
    print_report();
    if (!m.rc)
        return 0;
    if (is_suspended()) {
        printf("the guest is shut down\n");
        libxl_domain_destroy(m.libxl, m.domid, NULL);
    }
    return failed("xenguest failed: %d", m.rc);
}

/* ---- main ---------------------------------------------------------------- */

static void take_option(const char *arg)
{
    if (!strcmp(arg, "--rule=xcp-ng"))
        m.rule = XCP_NG;
    else if (!strcmp(arg, "--rule=xcp-ng-2"))
        m.rule = XCP_NG_2;
    else if (!strncmp(arg, "--xenguest=", 11))
        m.xenguest = arg + 11;
    else if (!strncmp(arg, "--abort-at=", 11))
        m.abort_at = atoi(arg + 11);
    else if (strcmp(arg, "--rule=xenserver") && strcmp(arg, "-s"))
        failed("%s: ignored", arg);
}

int main(int argc, char **argv)
{
    xentoollog_logger_stdiostream *log;

    setlinebuf(stdout);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 4)
        return failed("arguments are missing") ? 1 : 0;
    for (int i = 2; i < argc - 2; i++)
        if (*argv[i])
            take_option(argv[i]);
    m.domain = argv[argc - 2];
    m.xch = xc_interface_open(NULL, NULL, 0);
    log = xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
    if (!m.xch ||
        libxl_ctx_alloc(&m.libxl, LIBXL_VERSION, 0,
                        (xentoollog_logger *)log) ||
        libxl_name_to_domid(m.libxl, m.domain, &m.domid) ||
        connect_receiver(argv[argc - 1]) || put_head() || start_xenguest() ||
        save() || hand_over())
        return 1;
    return 0;
}
