/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-trace: records the pages that a program dirties in each interval, as a
 * trace (docs/trace-format.md).
 *
 * It starts the program, with trace_preload.so in it and in all its children.
 * Recording begins on SIGUSR1 or after --warm-up, and ends after --duration;
 * then the program gets SIGTERM.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "contents.h"
#include "trace_file.h"
#include "track.h"

/* The interval before recording begins, which does not matter. */
#define WARM_UP_INTERVAL_NS (200 * XPC_MS)
/* SIGTERM, then SIGINT (a fast shutdown of PostgreSQL), then SIGKILL. */
#define TERM_WAIT_NS (2 * XPC_S)
#define INT_WAIT_NS (10 * XPC_S)

struct options {
    const char *output, *list, *contents, *preload;
    uint64_t interval_ns, warm_up_ns, duration_ns;
    struct xpc_trace_info info;
};

struct recorder {
    const struct options *opt;
    struct track *track;
    struct contents *contents;  /* NULL: not wanted */
    int listener;
    pid_t child;
    bool child_ended;
    FILE *out;
    struct xpc_trace_writer *writer;    /* NULL: not yet recording */
    uint64_t start_ns;
    struct xpc_trace_run *runs;
    size_t max_runs;
    uint64_t pages, intervals, scan_ns;
};

static volatile sig_atomic_t go, quit;

static void on_signal(int sig)
{
    if (sig == SIGUSR1)
        go = 1;
    else if (sig != SIGCHLD)
        quit = 1;
}

static const char usage[] =
    "usage: record-trace -o FILE [options] -- COMMAND [ARGUMENT…]\n"
    "Records which pages of a program and its children get dirty when.\n"
    "  -o, --output=FILE    the trace\n"
    "      --interval=TIME  between scans (default 25ms)\n"
    "      --warm-up=TIME   begin after this; SIGUSR1 begins at once\n"
    "                       (default: wait for SIGUSR1)\n"
    "      --duration=TIME  of the recording (default 60s)\n"
    "      --source=TEXT    what it is a trace of\n"
    "      --list=FILE      which page number is which address\n"
    "      --contents=FILE  how well the pages compress, and how many are\n"
    "                       written with what they held\n"
    "      --preload=FILE   trace_preload.so (default: beside the program)\n";

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

static int complain(const char *what)
{
    fprintf(stderr, "record-trace: %s: %s\n", what, strerror(errno));
    return -1;
}

/* Listens under an abstract name, passed to the program by setenv(). */
static int listen_here(void)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    char name[64];
    int fd, n = snprintf(name, sizeof(name), "xpc-trace-%d-%"PRIu64,
                         (int)getpid(), now_ns());

    memcpy(sa.sun_path + 1, name, n);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa,
                       offsetof(struct sockaddr_un, sun_path) + 1 + n) ||
        listen(fd, 64) || setenv(TRACK_SOCKET_ENV, name, 1))
        return complain("socket");
    return fd;
}

/* Returns the userfaultfd that came with the message, or -1. */
static int receive(int s, char *kind, pid_t *pid)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = { kind, 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control, .msg_controllen = sizeof(control),
    };
    struct ucred cred;
    socklen_t len = sizeof(cred);
    struct cmsghdr *c;
    int fd;

    if (recvmsg(s, &msg, MSG_CMSG_CLOEXEC) != 1 ||
        getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &len))
        return -1;
    c = CMSG_FIRSTHDR(&msg);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return -1;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    *pid = cred.pid;
    return fd;
}

static void take_in(struct recorder *r)
{
    struct timeval patience = { .tv_sec = 1 };
    int s = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC), fd;
    pid_t pid;
    char kind;

    if (s < 0)
        return;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    fd = receive(s, &kind, &pid);
    if (fd >= 0 && track_add(r->track, pid, kind, fd) && errno != ESRCH)
        complain("a process can't be watched");
    if (write(s, "", 1) != 1)
        complain("a process waits in vain");
    close(s);
}

/* Waits, and takes in processes as they come. */
static void wait_until(struct recorder *r, uint64_t until)
{
    uint64_t now;

    while ((now = now_ns()) < until && !quit && (!go || r->writer)) {
        struct timespec ts = { .tv_sec = (until - now) / XPC_S,
                               .tv_nsec = (until - now) % XPC_S };
        struct pollfd p = { .fd = r->listener, .events = POLLIN };

        if (ppoll(&p, 1, &ts, NULL) > 0)
            take_in(r);
        if (waitpid(r->child, NULL, WNOHANG) == r->child) {
            r->child_ended = true;
            return;
        }
    }
}

static int write_interval(struct recorder *r, uint64_t end,
                          const uint32_t *pages, size_t nr)
{
    size_t n = 0;

    if (nr > r->max_runs) {
        void *p = realloc(r->runs, nr * sizeof(*r->runs));

        if (!p)
            return complain("runs");
        r->runs = p;
        r->max_runs = nr;
    }
    for (size_t i = 0; i < nr; i++) {
        if (n && r->runs[n - 1].first + r->runs[n - 1].nr == pages[i])
            r->runs[n - 1].nr++;
        else
            r->runs[n++] = (struct xpc_trace_run){ pages[i], 1 };
    }
    r->pages += nr;
    r->intervals++;
    if (xpc_trace_write(r->writer, end - r->start_ns, r->runs, n))
        return complain(r->opt->output);
    return 0;
}

/* One scan. What it finds was dirtied before it. */
static int scan(struct recorder *r)
{
    const uint32_t *pages;
    uint64_t now = now_ns();
    size_t nr;

    if (track_scan(r->track, &pages, &nr))
        return complain("scan");
    r->scan_ns += now_ns() - now;
    if (r->contents && contents_look(r->contents, r->track, now, pages, nr,
                                     r->writer))
        return complain("contents");
    return r->writer ? write_interval(r, now, pages, nr) : 0;
}

static int begin(struct recorder *r)
{
    struct xpc_trace_sink sink = trace_sink(r->out);

    r->start_ns = now_ns();
    if (scan(r))
        return -1;
    r->scan_ns = 0;
    if (!track_processes(r->track, NULL)) {
        errno = ESRCH;
        return complain("no process is being watched (Linux before 6.7? "
                        "trace_preload.so not found?)");
    }
    r->writer = xpc_trace_writer_open(&sink, &r->opt->info);
    return r->writer ? 0 : complain(r->opt->output);
}

/* From the start of the program to the end of the recording. */
static int record(struct recorder *r)
{
    const struct options *opt = r->opt;
    uint64_t due, start = now_ns();

    while (!go && now_ns() - start < opt->warm_up_ns) {
        wait_until(r, now_ns() + WARM_UP_INTERVAL_NS);
        if (r->child_ended || quit) {
            fprintf(stderr, "record-trace: it ended before the recording "
                    "began\n");
            return -1;
        }
        if (scan(r))
            return -1;
    }
    if (begin(r))
        return -1;
    due = r->start_ns;
    while (now_ns() - r->start_ns < opt->duration_ns && !quit &&
           !r->child_ended) {
        due += opt->interval_ns;
        if (due < now_ns())
            due = now_ns();
        wait_until(r, due);
        if (!r->child_ended && scan(r))
            return -1;
    }
    if (r->child_ended)
        fprintf(stderr, "record-trace: it ended before the recording\n");
    return r->child_ended ? -1 : 0;
}

static int finish(struct recorder *r)
{
    uint32_t total = track_total(r->track);
    size_t ever;

    if (xpc_trace_finish(r->writer, total) || fflush(r->out))
        return complain(r->opt->output);
    track_processes(r->track, &ever);
    printf("%s: %"PRIu64" intervals, %"PRIu32" pages, %.0f dirty an "
           "interval, %zu processes, a scan %.2f ms, %ld KiB\n",
           r->opt->output, r->intervals, total,
           (double)r->pages / r->intervals, ever,
           r->scan_ns / 1e6 / r->intervals, ftell(r->out) / 1024);
    if (r->contents) {
        FILE *f = fopen(r->opt->contents, "w");

        if (!f || contents_write(r->contents, r->track, f) || fclose(f))
            return complain(r->opt->contents);
    }
    if (r->opt->list) {
        FILE *f = fopen(r->opt->list, "w");

        if (!f)
            return complain(r->opt->list);
        fprintf(f, "start %"PRIu64"\n", r->start_ns);
        track_list(r->track, f);
        if (fclose(f))
            return complain(r->opt->list);
    }
    return 0;
}

/*
 * Still takes in processes: a server may fork while it ends, and its child
 * waits for the recorder.
 */
static void end_child(struct recorder *r)
{
    static const struct {
        int sig;
        uint64_t wait_ns;
    } steps[] = { { SIGTERM, TERM_WAIT_NS }, { SIGINT, INT_WAIT_NS } };

    quit = go = 0;
    for (size_t i = 0; i < 2 && !r->child_ended; i++) {
        uint64_t until = now_ns() + steps[i].wait_ns;

        kill(r->child, steps[i].sig);
        while (!r->child_ended && now_ns() < until)
            wait_until(r, until);
    }
    if (!r->child_ended) {
        kill(r->child, SIGKILL);
        waitpid(r->child, NULL, 0);
    }
}

static pid_t start(const struct options *opt, char **argv)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    setenv("LD_PRELOAD", opt->preload, 1);
    /* A huge page is dirty as a whole. */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    execvp(*argv, argv);
    complain(*argv);
    _exit(127);
}

static const struct option long_options[] = {
    { "output", required_argument, NULL, 'o' },
    { "interval", required_argument, NULL, 'i' },
    { "warm-up", required_argument, NULL, 'w' },
    { "duration", required_argument, NULL, 'd' },
    { "source", required_argument, NULL, 's' },
    { "list", required_argument, NULL, 'l' },
    { "contents", required_argument, NULL, 'c' },
    { "preload", required_argument, NULL, 'p' },
    { "help", no_argument, NULL, 'h' },
    { 0 }
};

/* Returns 0, or the exit status + 1. */
static int parse(int argc, char **argv, struct options *opt)
{
    int c, bad = 0;

    while ((c = getopt_long(argc, argv, "+o:h", long_options, NULL)) >= 0) {
        switch (c) {
        case 'o': opt->output = optarg; break;
        case 'i': bad |= xpc_parse_time(optarg, &opt->interval_ns); break;
        case 'w': bad |= xpc_parse_time(optarg, &opt->warm_up_ns); break;
        case 'd': bad |= xpc_parse_time(optarg, &opt->duration_ns); break;
        case 's': snprintf(opt->info.source, sizeof(opt->info.source), "%s",
                           optarg); break;
        case 'l': opt->list = optarg; break;
        case 'c': opt->contents = optarg; break;
        case 'p': opt->preload = optarg; break;
        case 'h': fputs(usage, stdout); return 1;
        default: bad = 1;
        }
    }
    if (bad || !opt->output || optind == argc ||
        opt->interval_ns < XPC_MS || !opt->duration_ns) {
        fputs(usage, stderr);
        return 3;
    }
    opt->info.interval_ns = opt->interval_ns;
    return 0;
}

static int run(const struct options *opt, char **argv)
{
    struct recorder r = { .opt = opt, .track = track_new() };
    int rc;

    r.listener = listen_here();
    r.out = fopen(opt->output, "wb");
    r.contents = opt->contents ? contents_new() : NULL;
    if (!r.track || r.listener < 0 || !r.out ||
        (opt->contents && !r.contents))
        return complain(opt->output);
    r.child = start(opt, argv);
    if (r.child < 0)
        return complain("fork");
    rc = record(&r);
    if (!rc)
        rc = finish(&r);
    end_child(&r);
    if (fclose(r.out))
        rc = complain(opt->output);
    /* A failed recording leaves no file. */
    if (rc)
        unlink(opt->output);
    xpc_trace_writer_close(r.writer);
    contents_free(r.contents);
    track_free(r.track);
    close(r.listener);
    free(r.runs);
    return rc;
}

int main(int argc, char **argv)
{
    struct options opt = {
        .interval_ns = 25 * XPC_MS, .duration_ns = 60 * XPC_S,
        .warm_up_ns = UINT64_MAX,
        .info = { .page_size = 4096, .zero_pages = XPC_TRACE_UNKNOWN },
    };
    struct sigaction sa = { .sa_handler = on_signal };
    char self[4096] = "";
    int rc = parse(argc, argv, &opt);

    if (rc)
        return rc - 1;
    if (!opt.preload) {
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 32);
        char *slash = n > 0 ? strrchr(self, '/') : NULL;

        strcpy(slash ? slash + 1 : self, "trace_preload.so");
        opt.preload = self;
    }
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGCHLD, &sa, NULL);
    return run(&opt, argv + optind) ? 1 : 0;
}
