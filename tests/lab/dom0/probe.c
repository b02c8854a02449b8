// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The downtime as a client sees it.
 *
 *   probe ADDRESS FILE
 *
 * Sends a datagram a millisecond to the guest's echo server and takes the
 * time of each answer. After SIGTERM goes on until a datagram that was sent
 * later is answered, for 30 s at most, and leaves in FILE, in µs of
 * CLOCK_MONOTONIC:
 *
 *   silence-us                 the longest time without an answer
 *   silence-from-us, silence-to-us   when that was
 *   own-gap-us                 the longest time that the probe itself did not
 *                              run: a shorter silence says nothing
 *   sent, answered
 *   clock-before-us, clock-after-us   by how much the guest's wall clock was
 *                              ahead of this host's, before and after the
 *                              longest silence, by the fastest answers
 *   clock-error-us             by how much the difference of these may be off:
 *                              half the round trips
 *   clock-back-us              how far the guest's wall clock ever went back
 *
 * The time before the first answer does not count.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 1000000
#define NS 1000000000ULL
#define PATIENCE_NS (30 * NS)

static volatile sig_atomic_t ending;

static uint64_t sent, answered, last_answer, own_gap;
static uint64_t silence, silence_from, silence_to;

/* Of many answers the fastest tells the guest's clock best. */
struct clock_offset {
    uint64_t trip_ns;
    int64_t ahead_ns;
};

static struct clock_offset before_silence = { .trip_ns = UINT64_MAX };
static struct clock_offset after_silence = { .trip_ns = UINT64_MAX };
static uint64_t guest_latest, clock_back;

static void end(int sig)
{
    (void)sig;
    ending = 1;
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NS + ts.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void note_silence(uint64_t until)
{
    if (last_answer && until - last_answer > silence) {
        silence = until - last_answer;
        silence_from = last_answer;
        silence_to = until;
        if (after_silence.trip_ns < before_silence.trip_ns)
            before_silence = after_silence;
        after_silence.trip_ns = UINT64_MAX;
    }
}

static void note_clock(uint64_t sent_at, uint64_t guest)
{
    uint64_t trip = now_ns() - sent_at;

    if (guest < guest_latest && guest_latest - guest > clock_back)
        clock_back = guest_latest - guest;
    guest_latest = guest;
    if (trip < after_silence.trip_ns) {
        after_silence.trip_ns = trip;
        after_silence.ahead_ns = guest + trip / 2 - clock_ns(CLOCK_REALTIME);
    }
}

/* Returns when the latest answered datagram was sent, 0 if none came in. */
static uint64_t take_answers(int fd)
{
    uint64_t stamp[2], latest = 0;

    while (recv(fd, stamp, sizeof(stamp), MSG_DONTWAIT) == sizeof(stamp)) {
        uint64_t now = now_ns();

        note_silence(now);
        last_answer = now;
        answered++;
        note_clock(stamp[0], stamp[1]);
        if (stamp[0] > latest)
            latest = stamp[0];
    }
    return latest;
}

static void send_one(int fd)
{
    uint64_t now = now_ns();

    /* An error is an answer to an earlier one, or the link's: the answers
     * that are missing tell. */
    if (send(fd, &now, sizeof(now), MSG_DONTWAIT) == sizeof(now))
        sent++;
}

static void run(int fd, int timer)
{
    struct pollfd fds[] = { { fd, POLLIN, 0 }, { timer, POLLIN, 0 } };
    uint64_t before = now_ns(), asked_to_end = 0, now, expired, latest;

    for (;;) {
        if (poll(fds, 2, 1000) < 0 && errno != EINTR)
            return;
        now = now_ns();
        if (now - before > own_gap)
            own_gap = now - before;
        before = now;
        latest = take_answers(fd);
        if (ending && !asked_to_end)
            asked_to_end = now;
        if (asked_to_end && (latest > asked_to_end ||
                             now - asked_to_end > PATIENCE_NS))
            return;
        /* However many periods have passed: a burst would tell no more. */
        if (read(timer, &expired, sizeof(expired)) > 0)
            send_one(fd);
    }
}

static int report(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return 1;
    fprintf(f, "silence-us=%" PRIu64 "\nsilence-from-us=%" PRIu64
            "\nsilence-to-us=%" PRIu64 "\nown-gap-us=%" PRIu64
            "\nsent=%" PRIu64 "\nanswered=%" PRIu64
            "\nclock-before-us=%" PRId64 "\nclock-after-us=%" PRId64
            "\nclock-error-us=%" PRIu64 "\nclock-back-us=%" PRIu64 "\n",
            silence / 1000, silence_from / 1000, silence_to / 1000,
            own_gap / 1000, sent, answered, before_silence.ahead_ns / 1000,
            after_silence.ahead_ns / 1000,
            (before_silence.trip_ns + after_silence.trip_ns) / 2000,
            clock_back / 1000);
    return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7) };
    struct itimerspec period = { { 0, PERIOD_NS }, { 0, PERIOD_NS } };
    struct sigaction action = { .sa_handler = end };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: probe ADDRESS FILE\n");
        return 2;
    }
    if (fd < 0 || timer < 0 || timerfd_settime(timer, 0, &period, NULL) ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
        sigaction(SIGTERM, &action, NULL)) {
        perror("probe");
        return 1;
    }
    run(fd, timer);
    note_silence(now_ns());
    return report(argv[2]);
}
