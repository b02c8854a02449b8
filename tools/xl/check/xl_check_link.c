/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/frame.h"
#include "check/xl_check_ask.h"
#include "check/xl_check_link.h"
#include "migrate/xl_channels_relay.h"
#include "migrate/xl_protocol.h"

/* The fastest of so many answers counts. */
#define ROUNDS 5

static uint64_t wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * XPC_S + now.tv_nsec;
}

/* One round trip. *ahead_ms_r: of the target's clock, within half of it. */
static int time_round(struct sender *s, struct question *q, struct reply *r,
                      uint64_t *ns_r, double *ahead_ms_r)
{
    uint64_t wall = wall_ns(), begun = clock_now_ns();

    q->nr = 0;
    question_add(q, QUESTION_CLOCK, "");
    if (check_ask(s, q, r))
        return -1;
    *ns_r = clock_now_ns() - begun;
    *ahead_ms_r = ((double)r->item[0].number - (double)(wall + *ns_r / 2)) /
                  XPC_MS;
    return 0;
}

static int measure_rounds(struct sender *s, struct check_result *result,
                          struct question *q, struct reply *r)
{
    double ahead_ms;
    uint64_t ns;

    for (int i = 0; i < ROUNDS; i++) {
        if (time_round(s, q, r, &ns, &ahead_ms))
            return -1;
        if (i && ns >= result->round_trip_ns)
            continue;
        result->round_trip_ns = ns;
        result->clock_ahead_ms = ahead_ms;
        result->clock_known = r->item[0].status == REPLY_OK;
    }
    return 0;
}

/* Data that no transport compresses. */
static void fill_random(uint64_t *to, size_t nr)
{
    uint64_t x = UINT64_C(0x9e3779b97f4a7c15) ^ clock_now_ns();

    for (size_t i = 0; i < nr; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        to[i] = x;
    }
}

static int send_fill(struct sender *s, const void *data)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];

    channel_frame_make(&f, CHANNEL_FILL, s->channels->sequence++, data,
                       CHANNEL_FRAME_MAX, 0, NULL, s->channels->token, iov);
    return sender_write(s, s->t.send_fd, iov[0].iov_base, iov[0].iov_len,
                        "data for the measurement") ||
           sender_write(s, s->t.send_fd, iov[1].iov_base, iov[1].iov_len,
                        "data for the measurement") ? -1 : 0;
}

/* All has arrived when the question after it is answered. */
static int measure_bandwidth(struct sender *s, struct check_result *result,
                             struct question *q, struct reply *r)
{
    uint64_t *data = malloc(CHANNEL_FRAME_MAX), begun, bytes = 0, ns, last;
    double ahead_ms;
    int rc = 0;

    if (!data)
        return -1;
    fill_random(data, CHANNEL_FRAME_MAX / sizeof(*data));
    begun = clock_now_ns();
    while (!rc && bytes < CHECK_FILL_BYTES &&
           clock_now_ns() - begun < CHECK_FILL_NS) {
        s->answer_deadline_ns = clock_now_ns() + CHECK_REPLY_NS;
        rc = send_fill(s, data);
        bytes += CHANNEL_FRAME_MAX + CHANNEL_HEAD_SIZE;
    }
    free(data);
    if (rc && !s->interrupted && clock_now_ns() >= s->answer_deadline_ns)
        fprintf(stderr, SENDER "the receiver does not take the data for the "
                "measurement\n");
    s->answer_deadline_ns = 0;
    if (rc || time_round(s, q, r, &last, &ahead_ms))
        return -1;
    ns = clock_now_ns() - begun;
    ns = ns > result->round_trip_ns ? ns - result->round_trip_ns : 1;
    result->bandwidth_bits_per_s = bytes * 8e9 / ns;
    return 0;
}

static void judge_clock(struct check_result *r)
{
    char text[120];

    if (!r->clock_known) {
        check_result_add(r, "clock", NULL, REPLY_UNKNOWN, NULL);
        return;
    }
    snprintf(text, sizeof(text), "it is %.1f s %s there: set both by NTP, or "
             "the guest's time will jump", fabs(r->clock_ahead_ms) / 1000,
             r->clock_ahead_ms < 0 ? "behind" : "ahead");
    if (fabs(r->clock_ahead_ms) > CHECK_CLOCK_MS +
                                  r->round_trip_ns / 2.0 / XPC_MS)
        check_result_add(r, "clock", NULL, REPLY_WRONG, text);
    else
        check_result_add(r, "clock", NULL, REPLY_OK, NULL);
}

int check_link(struct sender *s, struct check_result *r)
{
    struct question *q = calloc(1, sizeof(*q));
    struct reply *reply = calloc(1, sizeof(*reply));
    int rc = -1;

    if (q && reply && !measure_rounds(s, r, q, reply)) {
        judge_clock(r);
        rc = measure_bandwidth(s, r, q, reply);
    }
    free(reply);
    free(q);
    return rc;
}
