/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A migration over several connections, to our own xl migrate-receive in front
 * of a stock xl that is a script. Its libxl writes as much as a real one does
 * before, in and after its helper, which borrows the channels.
 */
#ifndef TESTS_SUPPORT_FAKE_MIGRATION_H
#define TESTS_SUPPORT_FAKE_MIGRATION_H

#include <sys/socket.h>

#include "base/clock.h"
#include "channels/handover.h"
#include "channels/out.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_channels_relay.h"
#include "receive/xl_receive.h"
#include "support/fake_link.h"
#include "support/fake_sender.h"

/* What the save writes: libxl's begin, its helper's part, libxl's end. */
#define HEAD "what libxl writes first"
#define TAIL "and at its end"
#define MIDDLE (6 << 20)
#define CONFIG "{}"
#define TOTAL (48 + 4 + sizeof(CONFIG) + sizeof(HEAD) + MIDDLE + sizeof(TAIL))

static char self[200];
static unsigned char middle[MIDDLE];

static struct {
    char command[1000];
    bool plain;                 /* the helper does not know of channels */
    bool late;                  /* the save begins when the target is dead */
    int half;                   /* only so much of the middle */
    void (*then)(struct sender *s);     /* when all of it is written */
    unsigned int lent;          /* channels */
    bool forgotten;             /* the helper's question is not answered */
    char said[8192];            /* to people */
    unsigned int open_files;    /* before all this */
} t;

/* ---- libxl and its helper ------------------------------------------------ */

/* Something leaves meanwhile, or the user has had enough. */
static inline void wait_a_while(struct channel_out *out)
{
    channel_out_wait(out, clock_now_ns() + 5000000);
    while (interrupt_take(w.s.interrupt_fd)) {
        if (sender_handle_signal(&w.s))
            channel_out_break(out);
    }
}

static inline void put(struct channel_out *out, const unsigned char *p,
                       size_t len)
{
    ssize_t n;

    for (; len; p += n, len -= n) {
        n = channel_out_put(out, p, len);
        if (n < 0)
            return;
        if (!n)
            wait_a_while(out);
    }
}

/* 0, or -1: they can't be had. */
static inline int borrow(int fd, struct channel_handover *m)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    m->word = CHANNEL_ASK;
    if (send(fd, m, sizeof(*m), MSG_NOSIGNAL) < 0)
        return -1;
    t.forgotten = poll(&p, 1, HANGS_MS) != 1;
    return !t.forgotten && recv(fd, m, sizeof(*m), 0) == sizeof(*m) &&
           m->word == CHANNEL_LEND ? 0 : -1;
}

/* As the plug-in does. 0, or -1 */
static inline int over_channels(size_t len)
{
    struct channel_out_how how = { .level = 1,
                                   .codec = w.progress.params.compress };
    char *p = getenv(CHANNEL_HANDOVER_ENV);
    struct channel_handover m = { 0 };
    int fd[1 + CHANNELS_MAX], nr = 0, r;
    struct channel_out *out;

    while (p && *p) {
        fd[nr++] = strtol(p, &p, 10);
        p += *p == ',';
    }
    t.lent = nr - 1;
    if (borrow(fd[0], &m))
        return -1;
    how.fds = fd + 1;
    how.nr = nr - 1;
    how.token = m.token;
    how.sequence = m.sequence;
    out = channel_out_start(&how);
    assert_non_null(out);
    put(out, middle, len);
    channel_out_flush(out);
    while (!(r = channel_out_left(out)))
        wait_a_while(out);
    m = (struct channel_handover){ .word = CHANNEL_BACK,
                               .sequence = channel_out_sequence(out) };
    if (r > 0 && !w.save_rc)
        send(fd[0], &m, sizeof(m), 0);
    channel_out_stop(out);
    return r > 0 ? 0 : -1;
}

static inline int write_all(int fd, const void *p, size_t len)
{
    ssize_t n;

    for (size_t at = 0; at < len; at += n) {
        n = write(fd, (const char *)p + at, len - at);
        if (n < 0)
            return -1;
    }
    return 0;
}

static inline int op_save(struct sender *s)
{
    struct pollfd end = { .fd = s->channels ? s->channels->fd : -1 };
    size_t len = t.half ? t.half : MIDDLE;
    int r;

    note("save");
    if (t.late)
        assert_int_equal(poll(&end, 1, HANGS_MS), 1);
    assert_int_equal(write_all(s->t.send_fd, HEAD, sizeof(HEAD)), 0);
    r = t.plain ? write_all(s->t.send_fd, middle, len) : over_channels(len);
    if (r || w.save_rc)
        return ERROR_FAIL;
    r = write_all(s->t.send_fd, TAIL, sizeof(TAIL));
    if (t.then)
        t.then(s);
    return r ? ERROR_FAIL : 0;
}

static inline int op_read_report(struct sender *s)
{
    if (!s->report_read && !w.save_rc) {
        s->report->outcome = XPC_OUTCOME_SENT;
        s->report_read = true;
    }
    return s->report_read ? 0 : ERROR_NOTFOUND;
}

/* ---- a migration --------------------------------------------------------- */

static inline int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.open_files = nr_files("/proc/self/fd");
    stock_setup();
    stock_does("exit 1");
    for (size_t i = 0; i < sizeof(middle); i++)
        middle[i] = i * i / 1001;
    sender_setup(op_save, op_read_report);
    w.progress.mode = PROGRESS_NONE;
    w.progress.params.channels = 4;
    snprintf(t.command, sizeof(t.command), "exec %s --receive", self);
    return 0;
}

/* Nothing is left of it here, and where they met soon nothing is. */
static inline int teardown(void **state)
{
    uint64_t until = clock_now_ns() + HANGS_MS * UINT64_C(1000000);

    (void)state;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_null(w.s.channels);
    assert_null(getenv(CHANNEL_HANDOVER_ENV));
    sender_teardown();
    assert_int_equal(nr_files("/proc/self/fd"), t.open_files);
    while (nr_files(stock.run) && clock_now_ns() < until)
        usleep(10000);
    assert_int_equal(nr_files(stock.run), 0);
    stock_teardown();
    return 0;
}

/* A stock xl that does it well. */
static inline void stock_takes_it(void)
{
    char sh[300];

    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; printf '" REPORT "\\0\\0'", TOTAL,
             sizeof(GO));
    stock_does(sh);
}

/* One further connection leads over a link that can fail. */
static inline void one_can_fail(void)
{
    snprintf(t.command, sizeof(t.command), "mkdir %s/first 2>/dev/null && exec %s "
             "--receive; mkdir %s/second 2>/dev/null && exec %s --link %s; "
             "exec %s --receive", stock.dir, self, stock.dir, self, stock.dir,
             self);
}

/* Then the interruption is what the test finds. */
static inline void it_hangs(int sig)
{
    (void)sig;
    kill(getpid(), SIGINT);
}

/* Returns the status; what was said to people is in t.said. */
static inline int migrate(void)
{
    FILE *f = tmpfile();
    int err = dup(2), status;

    signal(SIGALRM, it_hangs);
    alarm(HANGS_MS / 1000);
    dup2(fileno(f), 2);
    status = channels_connect(&w.s, t.command, "there") ?
             sender_give_up(&w.s) : sender_run(&w.s);
    fflush(stderr);
    alarm(0);
    dup2(err, 2);
    close(err);
    rewind(f);
    assert_true(fread(t.said, 1, sizeof(t.said) - 1, f) > 0);
    fclose(f);
    return status;
}

static inline void all_of_it_came(void)
{
    size_t len;
    char *p = stock_file("", &len), *at = p;

    assert_int_equal(len, TOTAL);
    assert_memory_equal(at, "Xen saved domain, xl format\n \0 \r", 32);
    at += 48 + 4;
    assert_string_equal(at, CONFIG);
    at += sizeof(CONFIG);
    assert_string_equal(at, HEAD);
    at += sizeof(HEAD);
    assert_memory_equal(at, middle, MIDDLE);
    assert_string_equal(at + MIDDLE, TAIL);
    free(p);
    p = stock_file(".go", &len);
    assert_int_equal(len, sizeof(GO));
    assert_memory_equal(p, GO, sizeof(GO));
    free(p);
}

static inline void got_no_go(void)
{
    struct stat st;
    char path[128];

    snprintf(path, sizeof(path), "%s.go", stock.got);
    assert_true(stat(path, &st) || !st.st_size);
}

/* ---- the other end ------------------------------------------------------- */

static inline int receive(void)
{
    static char *argv[] = { "xl", "migrate-receive", NULL };

    xl_globals.argv = argv;
    return cmd_migrate_receive(1, argv + 1);
}

/* For main(): never returns if this is the transport's other end. */
static inline void migration_main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--receive"))
        exit(receive());
    if (argc == 3 && !strcmp(argv[1], "--link")) {
        snprintf(stock.dir, sizeof(stock.dir), "%s", argv[2]);
        snprintf(stock.got, sizeof(stock.got), "%s/got", argv[2]);
        exit(link_main(receive));
    }
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
}

#endif
