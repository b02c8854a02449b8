// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A gate in the way of a migration: a transport that passes everything on in
 * both directions, until a set point of the migration is reached. There it
 * stops, says so, and goes on when told.
 *
 *   gate DIR PHASE DOMID ADDRESS PORT
 *
 *   before       the receiver has said its banner; the sender has not got it
 *   iteration-1  in the middle of the first iteration
 *   iteration-3  in the third, as the policy's progress in xenstore says
 *   slowed       when the guest has been slowed down
 *   asked        the domain has been asked to suspend
 *   sending      the domain is suspended, and more is to be sent
 *   ended        the sender has sent all; the receiver lacks the last bytes
 *   ready        the receiver has said that it is ready; the sender has not
 *                got it
 *   go           the sender has given the guest away; the receiver has not
 *                got it
 *
 * DIR/held appears when the point is reached; DIR/release is waited for. Over
 * channels it is the first connection that reaches it, and all that stop.
 * Ends when the receiver does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenstore.h>

/* xl's protocol: what the receiver says first, and last before the go. */
#define BANNER_LEN 54
#define READY_LEN 34
/* Of a connection over channels: what the sender says first, and the answer. */
#define HELLO "xen-precopy channels, hello\n"
#define HELLO_NR 36
#define HELLO_INDEX 40
#define HELLO_CODEC 44
#define ANSWER_LEN 24
/* libxl ends its stream with a record of this length. */
#define END_LEN 8
#define MIDDLE_OF_FIRST (24u << 20)
#define LOOK_MS 3

enum phase {
    BEFORE, ITERATION_1, ITERATION_3, SLOWED, ASKED, SENDING, ENDED, READY, GO
};
static const char *const phase_names[] = {
    "before", "iteration-1", "iteration-3", "slowed", "asked", "sending", "ended",
    "ready", "go",
};
#define NR_PHASES (sizeof(phase_names) / sizeof(phase_names[0]))

struct way {
    int from, to;               /* -1: closed */
    unsigned long long taken;   /* bytes read */
    size_t start, len;          /* of buf: read and not yet passed on */
    char buf[65536];
};

static struct way up, down;     /* to the receiver, and back */
static const char *dir;
static unsigned int phase;
static bool held, released;
static uint32_t nr = 1, number, codec;  /* of channels: it is this one */
static size_t answer_len;
static uint32_t domid;
static xc_interface *xch;
static struct xs_handle *xs;

static void path_in(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", dir, name);
}

static void hold(void)
{
    char path[256];
    FILE *f;

    path_in(path, "held");
    f = fopen(path, "w");
    if (f)
        fclose(f);
    held = true;
}

static bool is_suspended(void)
{
    xc_domaininfo_t info;

    return xc_domain_getinfolist(xch, domid, 1, &info) == 1 &&
           info.domain == domid && info.flags & XEN_DOMINF_shutdown;
}

static char *read_node(const char *fmt)
{
    char path[64];

    snprintf(path, sizeof(path), fmt, domid);
    return xs_read(xs, XBT_NULL, path, NULL);
}

static bool second_iteration_ended(void)
{
    char *json = read_node("/libxl/%u/precopy/progress");
    const char *at = json ? strstr(json, "\"iteration\":") : NULL;
    bool yes = at && atoi(at + strlen("\"iteration\":")) >= 2;

    free(json);
    return yes;
}

static bool is_slowed(void)
{
    char *cap = read_node("/libxl/%u/precopy/cap");
    bool slowed = cap != NULL;

    free(cap);
    return slowed;
}

/*
 * The request may be gone from its node within a millisecond, so it is the
 * watch that counts: it fires when it is set, and when libxl writes there.
 */
static bool is_asked(void)
{
    static unsigned int fired;
    char path[64], **event;

    if (!fired) {
        snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown",
                 domid);
        fired = xs_watch(xs, path, "asked");
    }
    while ((event = xs_check_watch(xs))) {
        fired++;
        free(event);
    }
    return fired > 2;
}

/* The sender renames the domain as soon as all is written. */
static bool is_renamed(void)
{
    char *name = read_node("/local/domain/%u/name");
    bool yes = name && strstr(name, "--migratedaway");

    free(name);
    return yes;
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Is it Xen or xenstore that says when the phase is reached? */
static bool looks_around(void)
{
    return phase == ITERATION_3 || phase == SLOWED ||
           phase == ASKED || phase == SENDING ||
           phase == ENDED;
}

static bool reached(void)
{
    static uint64_t asked_ms;

    /* Asking Xen and xenstore takes time: not with every byte. */
    if (looks_around()) {
        if (!up.taken || now_ms() - asked_ms < LOOK_MS)
            return false;
        asked_ms = now_ms();
    }
    switch (phase) {
    case BEFORE:
        return down.taken > 0;
    case ITERATION_1:
        return up.taken > MIDDLE_OF_FIRST / nr / (codec ? 2 : 1);
    case ITERATION_3:
        return second_iteration_ended();
    case SLOWED:
        return is_slowed();
    case ASKED:
        return is_asked();
    case SENDING:
        return is_suspended();
    case ENDED:
        return is_suspended() && is_renamed();
    case READY:
        return down.taken > BANNER_LEN + answer_len;
    case GO:
        return down.taken >= BANNER_LEN + answer_len + READY_LEN &&
               !down.len && up.len;
    }
    return false;
}

static void close_end(int *fd)
{
    if (fd == &up.to && *fd >= 0)
        shutdown(*fd, SHUT_WR);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Its first bytes, which come at once. */
static void look_at_hello(const char *p, size_t len)
{
    if (len < HELLO_CODEC + sizeof(codec) || memcmp(p, HELLO, strlen(HELLO)))
        return;
    memcpy(&nr, p + HELLO_NR, sizeof(nr));
    memcpy(&number, p + HELLO_INDEX, sizeof(number));
    memcpy(&codec, p + HELLO_CODEC, sizeof(codec));
    answer_len = ANSWER_LEN;
}

static void take(struct way *w)
{
    ssize_t n;

    memmove(w->buf, w->buf + w->start, w->len);
    w->start = 0;
    n = read(w->from, w->buf + w->len, sizeof(w->buf) - w->len);
    if (n > 0) {
        if (w == &up && !w->taken)
            look_at_hello(w->buf, n);
        w->len += n;
        w->taken += n;
    } else if (!n || (errno != EINTR && errno != EAGAIN)) {
        close_end(&w->from);
    }
}

/* What may be passed on now: the end of the stream stays back if wanted. */
static size_t passable(const struct way *w)
{
    size_t keep = 0;

    if (w == &up && phase == ENDED && !number && !released && w->from >= 0)
        keep = END_LEN;
    return w->len > keep ? w->len - keep : 0;
}

static void pass(struct way *w, size_t len)
{
    ssize_t n = write(w->to, w->buf + w->start, len);

    if (n > 0) {
        w->start += n;
        w->len -= n;
    } else if (errno != EINTR && errno != EAGAIN) {
        /* Nobody there: it is lost. */
        close_end(&w->to);
        close_end(&w->from);
        w->len = 0;
    }
}

/* One direction's share of a round, after poll(). */
static void serve(struct way *w, const struct pollfd *in,
                  const struct pollfd *out)
{
    if (in->revents)
        take(w);
    if (!held && !number && reached())
        hold();
    if (held && !released)
        return;
    if (out->revents && passable(w))
        pass(w, passable(w));
    if (w->from < 0 && !w->len)
        close_end(&w->to);
}

static void want(const struct way *w, struct pollfd *in, struct pollfd *out)
{
    bool moving = !held || released;

    *in = (struct pollfd){
        .fd = moving && w->len < sizeof(w->buf) ? w->from : -1,
        .events = POLLIN,
    };
    *out = (struct pollfd){
        .fd = moving && passable(w) ? w->to : -1, .events = POLLOUT,
    };
}

/* Looks at the domain's state every so often, where that is what counts. */
static int patience(void)
{
    if (held || number)
        return released ? 100 : 20;
    return looks_around() ? LOOK_MS : 100;
}

static int relay(void)
{
    struct pollfd fds[4];
    char release[256], held_there[256];

    path_in(release, "release");
    path_in(held_there, "held");
    for (;;) {
        want(&up, &fds[0], &fds[1]);
        want(&down, &fds[2], &fds[3]);
        if (poll(fds, 4, patience()) < 0 && errno != EINTR)
            return 1;
        /* The first connection's gate says when. */
        held = held || (number && !access(held_there, F_OK));
        released = released || (held && !access(release, F_OK));
        serve(&up, &fds[0], &fds[1]);
        serve(&down, &fds[2], &fds[3]);
        /* What the receiver said last is still passed on. */
        if ((!held || released) && down.from < 0 && !down.len)
            return 0;
    }
}

static int reach(const char *address, const char *port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(atoi(port)),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)))
        return -1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(1, F_SETFL, O_NONBLOCK);
    up = (struct way){ .from = 0, .to = fd };
    down = (struct way){ .from = dup(fd), .to = 1 };
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: gate DIR PHASE DOMID ADDRESS PORT\n");
        return 2;
    }
    dir = argv[1];
    while (phase < NR_PHASES && strcmp(argv[2], phase_names[phase]))
        phase++;
    domid = atoi(argv[3]);
    signal(SIGPIPE, SIG_IGN);
    xch = xc_interface_open(NULL, NULL, 0);
    xs = xs_open(0);
    if (phase == NR_PHASES || !xch || !xs || reach(argv[4], argv[5])) {
        perror("gate: can't start");
        return 2;
    }
    return relay();
}
