/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The throughput of channels: 512 MiB of a guest, sent to our own xl
 * migrate-receive, by the share of zero pages, the threads that find them, the
 * number of channels, and compression. The reference is the plain stream over
 * the same transport: pipes, TCP on loopback (through a process per connection,
 * as with socat), and ssh on loopback. The stock receiver is cat.
 *
 * Pages that are not zero are half noise, half repetition.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/workers.h"
#include "batch.h"
#include "bench.h"
#include "channels/frame.h"
#include "channels/out.h"

/* 512 MiB, as there are over a hundred streams in ten minutes. */
#define STREAM_PAGES (UINT64_C(1) << 17)
#define MEMORY_PAGES (UINT64_C(256) << 8)       /* sent again and again */
#define BANNER "xl migration receiver ready, send binary domain data.\n"

static const char *const ways[] = { "pipe", "tcp", "ssh" };
static const unsigned int shares[] = { 0, 50, 90 };
static const unsigned int channels[] = { 1, 2, 4 };
static const char *const codecs[] = { "plain", "zstd:1", "lz4:1" };

static unsigned char *memory;
static char dir[] = "/tmp/bench_channels.XXXXXX";
static char xl[300], self[300];

/* ---- transports ---------------------------------------------------------- */

/* The target of the TCP transport: a receiver for every connection. */
static void serve(int listen_fd)
{
    int fd;

    signal(SIGCHLD, SIG_IGN);
    while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
        if (!fork()) {
            dup2(fd, 0);
            dup2(fd, 1);
            close_range(3, ~0u, 0);
            execl(xl, "xl", "migrate-receive", (char *)NULL);
            _exit(127);
        }
        close(fd);
    }
}

static struct sockaddr_in address;

static void listen_tcp(void)
{
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) ||
        listen(fd, 64) || getsockname(fd, (struct sockaddr *)&address, &len))
        err(1, "TCP");
    if (!fork()) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(fd);
        _exit(0);
    }
    close(fd);
}

/* The source of it, in place of socat. */
static void carry(int from, int to)
{
    static char buf[1 << 18];
    ssize_t n, m = 0;

    while (m >= 0 && (n = read(from, buf, sizeof(buf))) > 0) {
        for (ssize_t at = 0; at < n && m >= 0; at += m)
            m = write(to, buf + at, n - at);
    }
}

static int be_socat(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = port,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
        return 1;
    if (!fork()) {
        carry(fd, 1);
        _exit(0);
    }
    close(1);
    carry(0, fd);
    shutdown(fd, SHUT_WR);
    wait(NULL);
    return 0;
}

/* Starts sshd with temporary keys, for the current user. */
static bool start_sshd(void)
{
    char command[1000];

    mkdir("/run/sshd", 0755);       /* needed by root's sshd */
    snprintf(command, sizeof(command),
             "cd %s && ssh-keygen -qN '' -t ed25519 -f host >/dev/null && "
             "ssh-keygen -qN '' -t ed25519 -f key >/dev/null && "
             "echo \"environment=\\\"XEN_PRECOPY_STOCK_XL=$PWD/xl\\\","
             "environment=\\\"XEN_PRECOPY_RUN=$PWD/run\\\" "
             "$(cat key.pub)\" >authorized && "
             "/usr/sbin/sshd -f /dev/null -E log -p %d "
             "-o ListenAddress=127.0.0.1 -h $PWD/host "
             "-o AuthorizedKeysFile=$PWD/authorized -o StrictModes=no "
             "-o PidFile=$PWD/sshd.pid -o UsePAM=no -o MaxStartups=99 "
             "-o PermitUserEnvironment=yes -o PermitRootLogin=yes 2>/dev/null",
             dir, ntohs(address.sin_port) + 1);
    return !system(command);
}

static void rune(char *to, size_t len, const char *way)
{
    if (!strcmp(way, "pipe"))
        snprintf(to, len, "exec %s migrate-receive", xl);
    if (!strcmp(way, "tcp"))
        snprintf(to, len, "exec %s --connect %d", self, address.sin_port);
    if (!strcmp(way, "ssh"))
        snprintf(to, len, "exec ssh -F /dev/null -p %d -i %s/key "
                 "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
                 "-o LogLevel=ERROR -o BatchMode=yes 127.0.0.1 "
                 "%s migrate-receive", ntohs(address.sin_port) + 1, dir, xl);
}

/* ---- connections --------------------------------------------------------- */

struct connection {
    pid_t pid;
    int to, from;
};

static void expect(const struct connection *c, const void *what, size_t len)
{
    char buf[100];

    for (size_t n = 0; n < len; ) {
        ssize_t m = read(c->from, buf + n, len - n);

        if (m <= 0)
            err(1, "no receiver");
        n += m;
    }
    if (memcmp(buf, what, len))
        err(1, "another receiver");
}

static void open_connection(struct connection *c, const char *way)
{
    char sh[1000];
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        err(1, "pipe");
    rune(sh, sizeof(sh), way);
    c->pid = fork();
    if (!c->pid) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl("/bin/sh", "sh", "-c", sh, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    c->to = in[1];
    c->from = out[0];
    expect(c, BANNER, strlen(BANNER));
}

static void say_hello(const struct connection *c, struct channel_hello *h)
{
    uint8_t hello[CHANNEL_HELLO_SIZE], answer[CHANNEL_ANSWER_SIZE];

    channel_hello_put(hello, h);
    if (write(c->to, hello, sizeof(hello)) != sizeof(hello))
        err(1, "hello");
    channel_answer_put(answer);
    expect(c, answer, sizeof(answer));
}

/* Waits until the receiver has read everything. */
static void close_connection(struct connection *c)
{
    char buf[100];

    close(c->to);
    while (read(c->from, buf, sizeof(buf)) > 0) {}
    close(c->from);
    waitpid(c->pid, NULL, 0);
}

/* ---- a stream ------------------------------------------------------------ */

struct outcome {
    double pages_per_s;
    uint64_t bytes;
};

/* Writes as libxenguest does, to our receiver acting as the stock one. */
static size_t write_plain(void *to, struct iovec *iov, int iovcnt)
{
    ssize_t n = writev(*(int *)to, iov, iovcnt);

    if (n <= 0)
        err(1, "writev");
    return n;
}

static struct outcome run_plain(const char *way)
{
    struct outcome o = { .bytes = STREAM_PAGES * (XPC_PAGE_SIZE + 8) };
    struct connection c;
    uint64_t begun;

    open_connection(&c, way);
    begun = clock_now_ns();
    for (uint64_t pfn = 0; pfn < STREAM_PAGES; pfn += BATCH)
        batch_put(write_plain, &c.to, memory, MEMORY_PAGES, pfn);
    close_connection(&c);
    o.pages_per_s = STREAM_PAGES * 1e9 / (clock_now_ns() - begun);
    return o;
}

struct target {
    struct channel_out *out;
    struct save_zero *z;
    struct save_stream s;
};

static size_t write_channels(void *to, struct iovec *iov, int iovcnt)
{
    struct target *t = to;
    size_t taken = save_zero_rewrite(t->z, &t->s, iov, iovcnt);

    for (int i = 0; i < t->z->out.nr; i++) {
        struct iovec left = t->z->out.iov[i];

        while (left.iov_len) {
            struct iovec part = left;
            ssize_t n = channel_out_put(t->out, left.iov_base, left.iov_len);

            if (n < 0)
                err(1, "channels");
            if (!n)
                channel_out_wait(t->out, clock_now_ns() + XPC_S);
            part.iov_len = n;
            save_stream_written(&t->s, &part, 1, n);
            left.iov_base = (char *)left.iov_base + n;
            left.iov_len -= n;
        }
    }
    return taken;
}

/* channel_out has made the descriptor non-blocking; the pipe may be full. */
static void write_end(const struct connection *c, uint64_t sequence,
                      const uint8_t *token)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];
    ssize_t n;

    channel_frame_make(&f, CHANNEL_END, sequence, NULL, 0, 0, NULL, token,
                       iov);
    if (fcntl(c->to, F_SETFL, fcntl(c->to, F_GETFL) & ~O_NONBLOCK))
        err(1, "the end");
    n = write(c->to, iov[0].iov_base, iov[0].iov_len);
    if (n < 0 || (size_t)n != iov[0].iov_len)
        err(1, "the end");
}

static uint64_t send_all(struct target *t, const struct connection *c,
                         const uint8_t *token)
{
    struct channel_count count;
    uint64_t wire;

    for (uint64_t pfn = 0; pfn < STREAM_PAGES; pfn += BATCH)
        batch_put(write_channels, t, memory, MEMORY_PAGES, pfn);
    channel_out_flush(t->out);
    while (!channel_out_left(t->out))
        channel_out_wait(t->out, clock_now_ns() + XPC_S);
    channel_out_counts(t->out, &count, &wire);
    write_end(c, channel_out_sequence(t->out), token);
    return wire;
}

static struct outcome run(const char *way, unsigned int nr, int codec,
                          unsigned int threads)
{
    struct channel_hello h = { .nr = nr, .codec = codec };
    struct connection c[CHANNELS_MAX];
    struct target t = { .z = save_zero_start(STREAM_PAGES, threads) };
    struct channel_out_how how = { .nr = nr, .codec = codec, .level = 1,
                                   .token = h.token };
    struct outcome o;
    int fds[CHANNELS_MAX];
    uint64_t begun;

    *(uint64_t *)(void *)h.token = clock_now_ns();
    for (h.index = 0; h.index < nr; h.index++) {
        open_connection(&c[h.index], way);
        say_hello(&c[h.index], &h);
        fds[h.index] = c[h.index].to;
    }
    how.fds = fds;
    save_stream_init(&t.s);
    t.s.skip = 0;
    t.out = channel_out_start(&how);
    if (!t.out)
        err(1, "channels");
    begun = clock_now_ns();
    o.bytes = send_all(&t, &c[0], h.token);
    for (unsigned int i = 0; i < nr; i++)
        close_connection(&c[i]);
    o.pages_per_s = STREAM_PAGES * 1e9 / (clock_now_ns() - begun);
    channel_out_stop(t.out);
    save_zero_stop(t.z);
    return o;
}

/* ---- the table ----------------------------------------------------------- */

static void row(const char *way, unsigned int share, unsigned int threads,
                unsigned int nr, int codec, const struct outcome *plain)
{
    struct outcome o = run(way, nr, codec, threads);
    char name[120];
    int len = snprintf(name, sizeof(name), "channels: %s, %u%% zero, %u "
                       "threads, %u channels, %s: ", way, share, 1 + threads,
                       nr, codecs[codec]);

    strcpy(name + len, "pages");
    figure(name, o.pages_per_s, "1/s", plain->pages_per_s);
    strcpy(name + len, "bytes");
    figure(name, o.bytes, "B", plain->bytes);
}

static void table(const char *way, unsigned int share)
{
    struct outcome plain = run_plain(way);
    unsigned int spare = workers_spare(1);
    /* The effect of threads is clearest with the fastest transport. */
    unsigned int first = strcmp(way, "pipe") ? spare : 0;

    for (unsigned int threads = first; threads <= spare; threads++) {
        for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
            for (int codec = 0; codec < CHANNEL_CODECS; codec++)
                row(way, share, threads, channels[i], codec, &plain);
        }
    }
}

/* Finds build/bin/xl, and makes a stock xl for it. */
static void set_up(void)
{
    char path[100];
    char *slash;
    FILE *f;

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ||
        !mkdtemp(dir))
        err(1, "%s", dir);
    strcpy(xl, self);
    slash = strrchr(xl, '/');
    *slash = 0;
    slash = strrchr(xl, '/');
    strcpy(slash, "/bin/xl");
    snprintf(path, sizeof(path), "%s/xl", dir);
    f = fopen(path, "w");
    if (!f)
        err(1, "%s", path);
    fprintf(f, "#!/bin/sh\nprintf '%s'\nexec cat >/dev/null\n",
            "xl migration receiver ready, send binary domain data.\\n");
    fclose(f);
    chmod(path, 0755);
    setenv("XEN_PRECOPY_STOCK_XL", path, 1);
    snprintf(path, sizeof(path), "%s/run", dir);
    setenv("XEN_PRECOPY_RUN", path, 1);
    signal(SIGPIPE, SIG_IGN);
    listen_tcp();
}

static void clean_up(void)
{
    char command[200];

    snprintf(command, sizeof(command), "cd %s && { test ! -f sshd.pid || "
             "kill $(cat sshd.pid); }; rm -rf %s", dir, dir);
    if (system(command)) {}
}

int main(int argc, char **argv)
{
    bool ssh;

    if (argc == 3 && !strcmp(argv[1], "--connect"))
        return be_socat(atoi(argv[2]));
    set_up();
    ssh = start_sshd();
    if (!ssh)
        fprintf(stderr, "bench_channels: no sshd could be started: without "
                "ssh\n");
    memory = mmap(NULL, MEMORY_PAGES * XPC_PAGE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        err(1, "memory");
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        batch_fill(memory, MEMORY_PAGES, shares[i], true);
        for (size_t j = 0; j < sizeof(ways) / sizeof(ways[0]); j++) {
            if ((argc < 2 || !strcmp(argv[1], ways[j])) &&
                (ssh || strcmp(ways[j], "ssh")))
                table(ways[j], shares[i]);
        }
    }
    figures_end();
    clean_up();
    return 0;
}
