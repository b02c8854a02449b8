/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "channels/handover.h"
#include "channels/out.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_channels_relay.h"
#include "receive/xl_receive.h"
#include "support/fake_link.h"
#include "support/fake_migration.h"
#include "support/torture.h"

/* What libxl writes around its helper's data. */
#define HEAD "what libxl writes first"
#define TAIL "and at its end"
#define CONFIG "{}"

struct fake_migration migration;
char migration_self[200];
const size_t migration_bytes = 48 + 4 + sizeof(CONFIG) + sizeof(HEAD) +
                               MIGRATION_HELPER_BYTES + sizeof(TAIL);

static unsigned char middle[MIGRATION_HELPER_BYTES];

/* ---- libxl and its helper ------------------------------------------------ */

/* Waits until there is room again, and handles signals as a sender does. */
static void wait_a_while(struct channel_out *out)
{
    channel_out_wait(out, clock_now_ns() + 5000000);
    while (interrupt_take(sending.s.interrupt_fd)) {
        if (sender_handle_signal(&sending.s))
            channel_out_break(out);
    }
}

static void put(struct channel_out *out, const unsigned char *p,
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

/* Asks xl for the channels. Returns 0, or -1: it does not lend them. */
static int borrow_channels(int fd, struct channel_handover *m)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    m->word = CHANNEL_ASK;
    if (send(fd, m, sizeof(*m), MSG_NOSIGNAL) < 0)
        return -1;
    migration.forgotten = poll(&p, 1, TIMEOUT_MS) != 1;
    return !migration.forgotten && recv(fd, m, sizeof(*m), 0) == sizeof(*m) &&
           m->word == CHANNEL_LEND ? 0 : -1;
}

/* Writes to borrowed channels, as the plug-in does. Returns 0 or -1. */
static int write_to_channels(size_t len)
{
    struct channel_out_how how = { .level = 1,
                                   .codec = sending.progress.params.compress };
    char *p = getenv(CHANNEL_HANDOVER_ENV);
    struct channel_handover m = { 0 };
    int fd[1 + CHANNELS_MAX], nr = 0, r;
    struct channel_out *out;

    while (p && *p) {
        fd[nr++] = strtol(p, &p, 10);
        p += *p == ',';
    }
    migration.lent = nr - 1;
    if (borrow_channels(fd[0], &m))
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
    if (r > 0 && !sending.save_rc)
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
    size_t len = migration.half ? migration.half : MIGRATION_HELPER_BYTES;
    int r;

    sending_record("save");
    if (migration.late)
        assert_int_equal(poll(&end, 1, TIMEOUT_MS), 1);
    assert_int_equal(write_all(s->t.send_fd, HEAD, sizeof(HEAD)), 0);
    r = migration.plain ? write_all(s->t.send_fd, middle, len) :
                          write_to_channels(len);
    if (r || sending.save_rc)
        return ERROR_FAIL;
    r = write_all(s->t.send_fd, TAIL, sizeof(TAIL));
    if (migration.then)
        migration.then(s);
    return r ? ERROR_FAIL : 0;
}

static int op_read_report(struct sender *s)
{
    if (!s->report_read && !sending.save_rc) {
        s->report->outcome = XPC_OUTCOME_SENT;
        s->report_read = true;
    }
    return s->report_read ? 0 : ERROR_NOTFOUND;
}

/* ---- a migration --------------------------------------------------------- */

int migration_setup(void **state)
{
    (void)state;
    memset(&migration, 0, sizeof(migration));
    migration.open_files = count_files("/proc/self/fd");
    stock_setup();
    stock_does("exit 1");
    for (size_t i = 0; i < sizeof(middle); i++)
        middle[i] = i * i / 1001;
    sending_setup(op_save, op_read_report);
    sending.progress.mode = PROGRESS_NONE;
    sending.progress.params.channels = 4;
    snprintf(migration.command, sizeof(migration.command), "exec %s --receive",
             migration_self);
    return 0;
}

int migration_teardown(void **state)
{
    uint64_t until = clock_now_ns() + TIMEOUT_MS * UINT64_C(1000000);

    (void)state;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_null(sending.s.channels);
    assert_null(getenv(CHANNEL_HANDOVER_ENV));
    sending_teardown();
    assert_int_equal(count_files("/proc/self/fd"), migration.open_files);
    while (count_files(stock.run) && clock_now_ns() < until)
        usleep(10000);
    assert_int_equal(count_files(stock.run), 0);
    stock_teardown();
    return 0;
}

void migration_stock_accepts(void)
{
    char sh[300];

    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; printf '" REPORT "\\0\\0'", migration_bytes,
             sizeof(GO));
    stock_does(sh);
}

void migration_link_can_fail(void)
{
    snprintf(migration.command, sizeof(migration.command),
             "mkdir %s/first 2>/dev/null && exec %s "
             "--receive; mkdir %s/second 2>/dev/null && exec %s --link %s; "
             "exec %s --receive",
             stock.dir, migration_self, stock.dir, migration_self, stock.dir,
             migration_self);
}

static int run_connected(struct sender *s)
{
    char *why = migration.check ? migration.check(s) : NULL;

    return why ? sender_refuse(s, why) : sender_run(s);
}

/* The migration hangs. The test then fails as it has been interrupted. */
static void on_timeout(int sig)
{
    (void)sig;
    kill(getpid(), SIGINT);
}

int migration_run(void)
{
    FILE *f = tmpfile();
    int err = dup(2), status;
    size_t len;

    signal(SIGALRM, on_timeout);
    alarm(TIMEOUT_MS / 1000);
    dup2(fileno(f), 2);
    status = channels_connect(&sending.s, migration.command, "there") ?
             sender_give_up(&sending.s) : run_connected(&sending.s);
    fflush(stderr);
    alarm(0);
    dup2(err, 2);
    close(err);
    rewind(f);
    len = fread(migration.said, 1, sizeof(migration.said) - 1, f);
    migration.said[len] = 0;
    fclose(f);
    return status;
}

void expect_all_received(void)
{
    size_t len;
    char *p = stock_file("", &len), *at = p;

    assert_int_equal(len, migration_bytes);
    assert_memory_equal(at, "Xen saved domain, xl format\n \0 \r", 32);
    at += 48 + 4;
    assert_string_equal(at, CONFIG);
    at += sizeof(CONFIG);
    assert_string_equal(at, HEAD);
    at += sizeof(HEAD);
    assert_memory_equal(at, middle, MIGRATION_HELPER_BYTES);
    assert_string_equal(at + MIGRATION_HELPER_BYTES, TAIL);
    free(p);
    p = stock_file(".go", &len);
    assert_int_equal(len, sizeof(GO));
    assert_memory_equal(p, GO, sizeof(GO));
    free(p);
}

void expect_no_go(void)
{
    struct stat st;
    char path[128];

    snprintf(path, sizeof(path), "%s.go", stock.got);
    assert_true(stat(path, &st) || !st.st_size);
}

/* ---- the other end ------------------------------------------------------- */

static int receive(void)
{
    static char *argv[] = { "xl", "migrate-receive", NULL };

    xl_globals.argv = argv;
    return cmd_migrate_receive(1, argv + 1);
}

void migration_main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--receive"))
        exit(receive());
    if (argc == 3 && !strcmp(argv[1], "--link")) {
        snprintf(stock.dir, sizeof(stock.dir), "%s", argv[2]);
        snprintf(stock.got, sizeof(stock.got), "%s/got", argv[2]);
        exit(link_main(receive));
    }
    assert_true(readlink("/proc/self/exe", migration_self,
                         sizeof(migration_self) - 1) > 0);
}
