// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What dom0's shell cannot do itself, or not without many processes. These
 * cost most here, so it is linked statically.
 *
 *   domtool run DIR CMD...    runs CMD as a terminal would: in a process
 *                             group of its own, no signal ignored. Leaves in
 *                             DIR its pid, stdout, stderr, status, time-us,
 *                             and peak-kib, the most memory it had resident
 *   domtool pids REGEX        the processes whose command line matches
 *   domtool domains           a line "id name state" for each domain but dom0,
 *                             the state in xl list's letters
 *   domtool domid NAME        its id
 *   domtool logdirty DOMID    prints "on" or "off"
 *   domtool shutdown DOMID poweroff|reboot|crash
 *                             what the guest's kernel tells Xen when it ends
 *   domtool give DOMID PFN    gives the domain a page there: the highest pfn
 *                             decides the size of what a bitmap covers
 *   domtool vnuma DOMID       gives a domain of one vCPU a virtual NUMA node
 *   domtool downtime FILE FROM TO DIR
 *                             from a trace of runstates: from domain FROM's
 *                             last running to domain TO's first. Leaves in DIR
 *                             true-downtime-us, and true-times-us, when these
 *                             were by CLOCK_MONOTONIC
 *   domtool ran FILE DOMID    from a trace of runstates: the domain's first
 *                             and last running, µs of CLOCK_MONOTONIC
 *   domtool clock             tells its clock for every byte that comes in
 *   domtool offset FILE       asks such a clock on standard input and output;
 *                             leaves in FILE by how many ns it is ahead, and
 *                             half the round trip that says so
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenstore.h>
#include <xen/sched.h>
#include <xen/trace.h>

/* The new and the old runstate in a record's event; Xen's order. */
enum { RUNNING, RUNNABLE, BLOCKED, OFFLINE };

static uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

static int open_in(const char *dir, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
}

static void put_number(const char *dir, const char *name, uint64_t value)
{
    int fd = open_in(dir, name);

    if (fd >= 0) {
        dprintf(fd, "%" PRIu64 "\n", value);
        close(fd);
    }
}

static void child(const char *dir, char **argv)
{
    int sig;

    for (sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(open_in(dir, "stdout"), 1);
    dup2(open_in(dir, "stderr"), 2);
    execvp(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int do_run(int argc, char **argv)
{
    const char *dir = argv[0];
    struct rusage usage;
    uint64_t start;
    pid_t pid;
    int status;

    (void)argc;
    start = now_us();
    pid = fork();
    if (pid < 0)
        return 1;
    if (!pid) {
        setpgid(0, 0);
        child(dir, argv + 1);
    }
    setpgid(pid, pid);
    put_number(dir, "pid", pid);
    while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    put_number(dir, "time-us", now_us() - start);
    put_number(dir, "peak-kib", usage.ru_maxrss);
    status = WIFEXITED(status) ? WEXITSTATUS(status)
                               : 128 + WTERMSIG(status);
    put_number(dir, "status", status);
    return status;
}

/* The command line with blanks for its NULs. */
static bool command_line(const char *pid, char *buf, size_t len)
{
    char path[300];
    ssize_t n, i;
    int fd;

    snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
    fd = open(path, O_RDONLY);
    n = fd < 0 ? -1 : read(fd, buf, len - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    for (i = 0; i < n; i++) {
        if (!buf[i])
            buf[i] = ' ';
    }
    buf[n] = 0;
    return true;
}

static int do_pids(int argc, char **argv)
{
    static char line[65536];
    DIR *proc = opendir("/proc");
    struct dirent *e;
    regex_t re;

    (void)argc;
    if (!proc || regcomp(&re, argv[0], REG_EXTENDED | REG_NOSUB))
        return 1;
    while ((e = readdir(proc))) {
        pid_t pid = atoi(e->d_name);

        if (pid > 0 && pid != getpid() &&
            command_line(e->d_name, line, sizeof(line)) &&
            !regexec(&re, line, 0, NULL, 0))
            printf("%d\n", pid);
    }
    regfree(&re);
    closedir(proc);
    return 0;
}

/* ---- domains ------------------------------------------------------------- */

#define DOMAINS_MAX 64

struct domain {
    unsigned int id;
    char name[64], state[7];
};

static void name_state(char *state, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        char letter;
    } letters[] = {
        { XEN_DOMINF_running, 'r' }, { XEN_DOMINF_blocked, 'b' },
        { XEN_DOMINF_paused, 'p' }, { XEN_DOMINF_shutdown, 's' },
        { 0, 'c' }, { XEN_DOMINF_dying, 'd' },
    };
    unsigned int reason = flags >> XEN_DOMINF_shutdownshift &
                          XEN_DOMINF_shutdownmask;

    for (int i = 0; i < 6; i++)
        state[i] = flags & letters[i].flag ? letters[i].letter : '-';
    if (flags & XEN_DOMINF_shutdown && reason == SHUTDOWN_crash)
        state[4] = 'c';
}

/* All domains but dom0. Returns their number, or -1. */
static int list_domains(struct domain *to)
{
    static xc_domaininfo_t info[DOMAINS_MAX];
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    struct xs_handle *xs = xs_open(0);
    int nr = -1;

    if (xch && xs)
        nr = xc_domain_getinfolist(xch, 1, DOMAINS_MAX, info);
    for (int i = 0; i < nr; i++) {
        char path[64], *name;

        snprintf(path, sizeof(path), "/local/domain/%u/name", info[i].domain);
        name = xs_read(xs, XBT_NULL, path, NULL);
        to[i] = (struct domain){ .id = info[i].domain };
        snprintf(to[i].name, sizeof(to[i].name), "%s", name ? name : "(null)");
        name_state(to[i].state, info[i].flags);
        free(name);
    }
    if (xs)
        xs_close(xs);
    if (xch)
        xc_interface_close(xch);
    return nr;
}

static int do_domains(int argc, char **argv)
{
    static struct domain d[DOMAINS_MAX];
    int nr = list_domains(d);

    (void)argc;
    (void)argv;
    for (int i = 0; i < nr; i++)
        printf("%u %s %s\n", d[i].id, d[i].name, d[i].state);
    return nr < 0;
}

static int do_domid(int argc, char **argv)
{
    static struct domain d[DOMAINS_MAX];
    int nr = list_domains(d);

    (void)argc;
    for (int i = 0; i < nr; i++) {
        if (!strcmp(d[i].name, argv[0])) {
            printf("%u\n", d[i].id);
            return 0;
        }
    }
    return 1;
}

/* ---- log-dirty ----------------------------------------------------------- */

/*
 * A PEEK does not tell: it succeeds with nothing dirty when log-dirty is off.
 * Switching it on fails where it is on already.
 */
static int do_logdirty(int argc, char **argv)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    uint32_t domid = atoi(argv[0]);

    (void)argc;
    if (!xch)
        return 1;
    if (!xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY,
                           NULL, 0)) {
        xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
        puts("off");
    } else if (errno == EINVAL) {
        puts("on");
    } else {
        printf("error: %s\n", strerror(errno));
    }
    xc_interface_close(xch);
    return 0;
}

static int do_shutdown(int argc, char **argv)
{
    /* Xen's numbers. */
    static const char *const reasons[] = { "poweroff", "reboot", "", "crash" };
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    int reason = 0, r;

    (void)argc;
    while (reason < 4 && strcmp(argv[1], reasons[reason]))
        reason++;
    if (!xch || reason == 4)
        return 1;
    r = xc_domain_shutdown(xch, atoi(argv[0]), reason);
    xc_interface_close(xch);
    return r ? 1 : 0;
}

static int do_give(int argc, char **argv)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    xen_pfn_t pfn = strtoull(argv[1], NULL, 0);
    int r;

    (void)argc;
    if (!xch)
        return 1;
    r = xc_domain_populate_physmap_exact(xch, atoi(argv[0]), 1, 0, 0, &pfn);
    xc_interface_close(xch);
    return r ? 1 : 0;
}

static int do_vnuma(int argc, char **argv)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    xen_vmemrange_t range = { .start = 0, .end = 1 << 20 };
    unsigned int distance = 10, node_of_vcpu = 0, node = 0;
    int r;

    (void)argc;
    if (!xch)
        return 1;
    r = xc_domain_setvnuma(xch, atoi(argv[0]), 1, 1, 1, &range, &distance,
                           &node_of_vcpu, &node);
    xc_interface_close(xch);
    return r ? 1 : 0;
}

static uint64_t cpu_khz(void)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    xc_physinfo_t info = { 0 };
    uint64_t khz = 0;

    if (xch && !xc_physinfo(xch, &info))
        khz = info.cpu_khz;
    if (xch)
        xc_interface_close(xch);
    return khz;
}

/* When a domain began to run and when it did so last, by the TSC. */
struct ran {
    uint64_t first, last;
};

static int read_trace(const char *path, unsigned int domid, struct ran *ran)
{
    FILE *f = fopen(path, "rb");
    uint32_t word, data[9];
    uint64_t tsc = 0;

    *ran = (struct ran){ 0 };
    if (!f)
        return -1;
    while (fread(&word, 4, 1, f) == 1) {
        unsigned int extra = word >> 28 & 7, timed = word >> 31;
        unsigned int count = extra + 2 * timed;

        if (count && fread(data, 4, count, f) != count)
            break;
        if (timed)
            tsc = data[0] | (uint64_t)data[1] << 32;
        if ((word & 0x0ffff00f) != TRC_SCHED_RUNSTATE_CHANGE || !extra ||
            data[2 * timed] >> 16 != domid)
            continue;
        if ((word >> 8 & 3) == RUNNING)
            ran->last = tsc;
        if ((word >> 4 & 3) == RUNNING && !ran->first)
            ran->first = tsc;
    }
    fclose(f);
    return ran->first ? 0 : -1;
}

/* A point in the trace, in the time that the toolstack goes by. */
static uint64_t monotonic_us(uint64_t tsc, uint64_t khz)
{
    struct timespec ts;
    uint64_t now;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    now = __builtin_ia32_rdtsc();
    return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000 -
           (now - tsc) * 1000 / khz;
}

static int do_downtime(int argc, char **argv)
{
    uint64_t khz = cpu_khz();
    struct ran from, to;
    int fd;

    (void)argc;
    if (!khz || read_trace(argv[0], atoi(argv[1]), &from) ||
        read_trace(argv[0], atoi(argv[2]), &to) || to.first < from.last)
        return 1;
    put_number(argv[3], "true-downtime-us",
               (to.first - from.last) * 1000 / khz);
    fd = open_in(argv[3], "true-times-us");
    if (fd < 0)
        return 1;
    dprintf(fd, "%" PRIu64 "\n%" PRIu64 "\n", monotonic_us(from.last, khz),
            monotonic_us(to.first, khz));
    close(fd);
    return 0;
}

static int do_ran(int argc, char **argv)
{
    uint64_t khz = cpu_khz();
    struct ran ran;

    (void)argc;
    if (!khz || read_trace(argv[0], atoi(argv[1]), &ran))
        return 1;
    printf("%" PRIu64 " %" PRIu64 "\n", monotonic_us(ran.first, khz),
           monotonic_us(ran.last, khz));
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int do_clock(int argc, char **argv)
{
    uint64_t now;
    char c;

    (void)argc;
    (void)argv;
    while (read(0, &c, 1) == 1) {
        now = now_ns();
        if (write(1, &now, sizeof(now)) != sizeof(now))
            return 1;
    }
    return 0;
}

/* Of many round trips the shortest tells it best. */
static int do_offset(int argc, char **argv)
{
    uint64_t best = UINT64_MAX;
    int64_t offset = 0;
    FILE *f;
    int i;

    (void)argc;
    for (i = 0; i < 200; i++) {
        uint64_t asked = now_ns(), there, trip;

        if (write(1, "?", 1) != 1 ||
            read(0, &there, sizeof(there)) != sizeof(there))
            return 1;
        trip = now_ns() - asked;
        if (trip >= best)
            continue;
        best = trip;
        offset = (int64_t)(there - asked - trip / 2);
    }
    f = fopen(argv[0], "w");
    if (!f)
        return 1;
    fprintf(f, "%" PRId64 " %" PRIu64 "\n", offset, best / 2);
    return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int args;
        int (*run)(int argc, char **argv);
    } commands[] = {
        { "run", 2, do_run },
        { "pids", 1, do_pids },
        { "domains", 0, do_domains },
        { "domid", 1, do_domid },
        { "logdirty", 1, do_logdirty },
        { "shutdown", 2, do_shutdown },
        { "give", 2, do_give },
        { "vnuma", 1, do_vnuma },
        { "downtime", 4, do_downtime },
        { "ran", 2, do_ran },
        { "clock", 0, do_clock },
        { "offset", 1, do_offset },
    };
    unsigned int i;

    for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
        if (!strcmp(argv[1], commands[i].name) &&
            argc - 2 >= commands[i].args)
            return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "usage: domtool run|pids|domains|domid|logdirty|shutdown|"
            "give|vnuma|downtime|ran|clock|offset ...\n");
    return 2;
}
