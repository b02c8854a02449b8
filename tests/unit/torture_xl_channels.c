/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate over several connections, to our own xl migrate-receive in front
 * of a stock xl that is a script, or to that alone.
 */
#include "fake_link.h"
#include "fake_sender.h"

#include <sys/socket.h>

#include "channel_lend.h"
#include "channel_out.h"
#include "save_thread.h"
#include "xl_channels.h"

/* What the save writes: libxl's begin, its helper's part, libxl's end. */
#define HEAD "what libxl writes first"
#define TAIL "and at its end"
#define MIDDLE (6 << 20)
#define CONFIG "{}"
#define TOTAL (48 + 4 + sizeof(CONFIG) + sizeof(HEAD) + MIDDLE + sizeof(TAIL))

static char self[200];
static unsigned char middle[MIDDLE];

static struct {
    char rune[1000];
    bool plain;                 /* the helper does not know of channels */
    bool late;                  /* the save begins when the target is dead */
    int half;                   /* only so much of the middle */
    unsigned int lent;          /* channels */
    bool forgotten;             /* the helper's question is not answered */
    char said[8192];            /* to people */
} t;

/* ---- libxl and its helper ------------------------------------------------ */

static void put(struct channel_out *out, const unsigned char *p, size_t len)
{
    ssize_t n;

    for (; len; p += n, len -= n) {
        n = channel_out_put(out, p, len);
        if (n < 0)
            return;
        if (!n)
            channel_out_wait(out, save_now_ns() + 1000000000);
    }
}

/* 0, or -1: they can't be had. */
static int borrow(int fd, struct channel_lend *m)
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
static int over_channels(size_t len)
{
    struct channel_out_how how = { .level = 1,
                                   .codec = w.progress.params.compress };
    char *p = getenv(CHANNEL_LEND_ENV);
    struct channel_lend m = { 0 };
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
        channel_out_wait(out, save_now_ns() + 1000000000);
    m = (struct channel_lend){ .word = CHANNEL_BACK,
                               .sequence = channel_out_sequence(out) };
    if (r > 0 && !w.save_rc)
        send(fd[0], &m, sizeof(m), 0);
    channel_out_stop(out);
    return r > 0 ? 0 : -1;
}

static int write_all(int fd, const void *p, size_t len)
{
    ssize_t n;

    for (size_t at = 0; at < len; at += n) {
        n = write(fd, (const char *)p + at, len - at);
        if (n < 0)
            return -1;
    }
    return 0;
}

static int op_save(struct sender *s)
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
    return write_all(s->t.send_fd, TAIL, sizeof(TAIL)) ? ERROR_FAIL : 0;
}

static int op_read_report(struct sender *s)
{
    if (!s->report_read && !w.save_rc) {
        s->report->outcome = XPC_OUTCOME_SENT;
        s->report_read = true;
    }
    return s->report_read ? 0 : ERROR_NOTFOUND;
}

/* ---- a migration --------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    stock_setup();
    stock_does("exit 1");
    for (size_t i = 0; i < sizeof(middle); i++)
        middle[i] = i * i / 1001;
    sender_setup(op_save, op_read_report);
    w.progress.mode = PROGRESS_NONE;
    w.progress.params.channels = 4;
    snprintf(t.rune, sizeof(t.rune), "exec %s --receive", self);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sender_teardown();
    stock_teardown();
    return 0;
}

/* A stock xl that does it well. */
static void stock_takes_it(void)
{
    char sh[300];

    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; printf '" REPORT "\\0\\0'", TOTAL,
             sizeof(GO));
    stock_does(sh);
}

/* One further connection's way there is cut when the file is there. */
static void one_can_be_cut(void)
{
    snprintf(t.rune, sizeof(t.rune), "mkdir %s/first 2>/dev/null && exec %s "
             "--receive; mkdir %s/second 2>/dev/null && exec %s --link %s; "
             "exec %s --receive", stock.dir, self, stock.dir, self, stock.dir,
             self);
}

/* Then the interruption is what the test finds. */
static void it_hangs(int sig)
{
    (void)sig;
    kill(getpid(), SIGINT);
}

/* Returns the status; what was said to people is in t.said. */
static int migrate(void)
{
    FILE *f = tmpfile();
    int err = dup(2), status;

    signal(SIGALRM, it_hangs);
    alarm(HANGS_MS / 1000);
    dup2(fileno(f), 2);
    status = channels_connect(&w.s, t.rune, "there") ?
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

static void all_of_it_came(void)
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

static void got_no_go(void)
{
    size_t len;
    char *p = stock_file(".go", &len);

    assert_int_equal(len, 0);
    free(p);
}

static void torture_xl_channels_migrate(void **state)
{
    (void)state;
    stock_takes_it();
    assert_int_equal(migrate(), MIGRATE_OK);
    assert_int_equal(t.lent, 4);
    assert_string_equal(w.did, "save away destroy");
    all_of_it_came();
    assert_null(getenv(CHANNEL_LEND_ENV));
}

static void torture_xl_channels_migrate_compressed(void **state)
{
    (void)state;
    stock_takes_it();
    w.progress.params.channels = 1;
    w.progress.params.compress = XPC_COMPRESS_ZSTD;
    assert_int_equal(migrate(), MIGRATE_OK);
    assert_int_equal(t.lent, 1);
    all_of_it_came();
}

/* sshd drops some of more than ten that have not shown who they are yet. */
static void torture_xl_channels_few_knock_at_a_time(void **state)
{
    char crowd[80];

    (void)state;
    stock_takes_it();
    w.progress.params.channels = 16;
    snprintf(t.rune, sizeof(t.rune), "cd %s; touch knocks.$$; "
             "[ $(ls knocks.* | wc -l) -le 8 ] || touch crowd; sleep 0.3; "
             "rm knocks.$$; exec %s --receive", stock.dir, self);
    snprintf(crowd, sizeof(crowd), "%s/crowd", stock.dir);
    assert_int_equal(migrate(), MIGRATE_OK);
    assert_int_equal(t.lent, 16);
    assert_int_equal(access(crowd, F_OK), -1);
    all_of_it_came();
}

/* A helper without the plug-in: the relay takes it all. */
static void torture_xl_channels_nobody_borrows(void **state)
{
    (void)state;
    stock_takes_it();
    t.plain = true;
    assert_int_equal(migrate(), MIGRATE_OK);
    all_of_it_came();
}

/* ---- no channels there --------------------------------------------------- */

/* As stock: a header that it does not know is an error. */
static void torture_xl_channels_a_stock_receiver_gets_one_plain(void **state)
{
    char sh[400];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c 48 >$GOT; "
             "grep -q 'Xen saved domain' $GOT || { touch $GOT.refused; "
             "exit 1; }; head -c %zu >>$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; printf '" REPORT "\\0\\0'", TOTAL - 48,
             sizeof(GO));
    stock_does(sh);
    snprintf(t.rune, sizeof(t.rune), "exec %s migrate-receive", stock.script);
    t.plain = true;
    w.progress.params.compress = XPC_COMPRESS_LZ4;
    assert_int_equal(migrate(), MIGRATE_OK);
    assert_string_equal(w.did, "save away destroy");
    all_of_it_came();
    free(stock_file(".refused", &(size_t){ 0 }));
    assert_non_null(strstr(t.said, "migration sender: the receiver at there "
                           "has no channels: going on with one plain "
                           "connection\n"));
    assert_int_equal(w.progress.params.channels, 1);
    assert_int_equal(w.progress.params.compress, XPC_COMPRESS_OFF);
    assert_null(w.s.channels);
}

/* ---- what goes wrong ----------------------------------------------------- */

static void torture_xl_channels_one_that_leads_elsewhere(void **state)
{
    (void)state;
    stock_takes_it();
    /* The first to come makes the directory, in which the others meet it. */
    snprintf(t.rune, sizeof(t.rune), "mkdir %s/first 2>/dev/null || "
             "XEN_PRECOPY_RUN=%s/elsewhere; exec %s --receive", stock.dir,
             stock.dir, self);
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "");
    assert_non_null(strstr(t.said, "channel 1 was not accepted"));
    assert_int_equal(w.report.outcome, XPC_OUTCOME_FAILED);
}

/* By then the receiver has given up. */
static void torture_xl_channels_one_that_never_comes(void **state)
{
    (void)state;
    stock_takes_it();
    w.s.further_ms = 300;
    snprintf(t.rune, sizeof(t.rune), "mkdir %s/first 2>/dev/null || "
             "exec sleep 60; exec %s --receive", stock.dir, self);
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "");
    assert_non_null(strstr(t.said, "migration sender: channel 1 has not come "
                           "within 300 ms\n"));
}

/* It has, and says nothing more. */
static void torture_xl_channels_one_that_does_not_answer(void **state)
{
    (void)state;
    stock_takes_it();
    w.s.further_ms = 300;
    snprintf(t.rune, sizeof(t.rune), "mkdir %s/first 2>/dev/null || "
             "{ printf '%%s\\n' '%.*s'; exec sleep 60; }; exec %s --receive",
             stock.dir, (int)strlen(MIGRATE_BANNER) - 1, MIGRATE_BANNER, self);
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "");
    assert_non_null(strstr(t.said, "migration sender: channel 1 has not come "
                           "within 300 ms\n"));
}

static void torture_xl_channels_no_transport(void **state)
{
    (void)state;
    strcpy(t.rune, "exit 3");
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "");
}

static void torture_xl_channels_a_receiver_that_dies(void **state)
{
    (void)state;
    stock_does("head -c 1000000 >$GOT; exit 1");
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save resume");
}

/* Before the helper asks for the channels: it is told so. */
static void torture_xl_channels_a_receiver_that_dies_early(void **state)
{
    (void)state;
    stock_does("head -c 55 >$GOT; exit 1");
    t.late = true;
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_false(t.forgotten);
    assert_int_equal(t.lent, 4);
    assert_string_equal(w.did, "save resume");
    assert_non_null(strstr(t.said, "migration sender: the connection to the "
                           "receiver has broken: Broken pipe\n"));
}

/* The save fails here: the target sees the stream end, and no permission. */
static void torture_xl_channels_a_save_that_fails(void **state)
{
    size_t len;
    char *p;

    (void)state;
    stock_does("cat >$GOT; exit 1");
    w.save_rc = ERROR_FAIL;
    t.half = 100000;
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save resume");
    p = stock_file("", &len);
    assert_true(len < TOTAL);
    assert_null(memmem(p, len, GO, sizeof(GO)));
    free(p);
}

/* It has all and is not ready: the guest stays here. */
static void torture_xl_channels_a_target_that_is_not_ready(void **state)
{
    char sh[100], *p;
    size_t len;

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; exit 1", TOTAL);
    stock_does(sh);
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save away back resume");
    p = stock_file("", &len);
    assert_int_equal(len, TOTAL);
    free(p);
}

/* Something of it may have been under way, and nobody else knows. */
static void torture_xl_channels_one_that_ends_before_ready(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; touch "LINK_CUT"; cat "
             ">$GOT.go", TOTAL);
    stock_does(sh);
    one_can_be_cut();
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save away back resume");
    assert_non_null(strstr(t.said, "migration sender: channel "));
    assert_non_null(strstr(t.said, " has ended\n"));
    got_no_go();
}

/* From then on only the first one has anything to say. */
static void torture_xl_channels_one_that_ends_after_go(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; touch "LINK_CUT"; sleep 0.5; "
             "printf '" REPORT "\\0\\0'", TOTAL, sizeof(GO));
    stock_does(sh);
    one_can_be_cut();
    assert_int_equal(migrate(), MIGRATE_OK);
    assert_string_equal(w.did, "save away destroy");
    all_of_it_came();
}

static void torture_xl_channels_one_that_ends_in_the_save(void **state)
{
    (void)state;
    stock_does("head -c 1000000 >$GOT; touch "LINK_CUT"; cat >$GOT");
    one_can_be_cut();
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save resume");
}

static void torture_xl_channels_interrupted_while_they_open(void **state)
{
    (void)state;
    strcpy(t.rune, "printf 'xl migration receiver ready, send binary domain "
           "data.\\n'; kill -INT $PPID; exec sleep 60");
    assert_int_equal(migrate(), MIGRATE_INTERRUPTED);
    assert_string_equal(w.did, "");
}

static int receive(void)
{
    static char *argv[] = { "xl", "migrate-receive", NULL };

    xl_globals.argv = argv;
    return cmd_migrate_receive(1, argv + 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_xl_channels_migrate),
        TEST(torture_xl_channels_migrate_compressed),
        TEST(torture_xl_channels_few_knock_at_a_time),
        TEST(torture_xl_channels_nobody_borrows),
        TEST(torture_xl_channels_a_stock_receiver_gets_one_plain),
        TEST(torture_xl_channels_one_that_leads_elsewhere),
        TEST(torture_xl_channels_one_that_never_comes),
        TEST(torture_xl_channels_one_that_does_not_answer),
        TEST(torture_xl_channels_no_transport),
        TEST(torture_xl_channels_a_receiver_that_dies),
        TEST(torture_xl_channels_a_receiver_that_dies_early),
        TEST(torture_xl_channels_a_save_that_fails),
        TEST(torture_xl_channels_a_target_that_is_not_ready),
        TEST(torture_xl_channels_one_that_ends_before_ready),
        TEST(torture_xl_channels_one_that_ends_after_go),
        TEST(torture_xl_channels_one_that_ends_in_the_save),
        TEST(torture_xl_channels_interrupted_while_they_open),
    };

    /* The transport's other end, and the way there. */
    if (argc == 2 && !strcmp(argv[1], "--receive"))
        return receive();
    if (argc == 3 && !strcmp(argv[1], "--link")) {
        snprintf(stock.dir, sizeof(stock.dir), "%s", argv[2]);
        snprintf(stock.got, sizeof(stock.got), "%s/got", argv[2]);
        return link_main(receive);
    }
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    return torture_run(argc, argv, tests);
}
