/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model's log, with a child process as QEMU.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/torture.h"
#include "xen/dm_log.h"

#define GREETING "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}}}\r\n"
#define EVENT "{\"timestamp\": {}, \"event\": \"RESUME\", " \
              "\"data\": {\"return\": 1}}\r\n"
#define RETURN "{\"return\": {}}\r\n"
#define REFUSAL "{\"error\": {\"class\": \"GenericError\", \"desc\": \"\"}}\r\n"

static char dir[40], path[64];

/*
 * Sends the first answer at once, and each of the others after a line was
 * received. Exits with the number of lines that were right.
 */
static void qemu(int fd, const char *const *answers)
{
    static const char *const want[] = {
        "\"qmp_capabilities\"", "\"enable\":false",
    };
    int client = accept(fd, NULL, NULL), right = 0;
    FILE *in = fdopen(client, "r");
    char line[256];

    for (int i = 0; answers[i]; i++) {
        if (i) {
            if (!fgets(line, sizeof(line), in))
                break;
            right += i <= 2 && strstr(line, want[i - 1]);
        }
        if (write(client, answers[i], strlen(answers[i])) < 0)
            break;
    }
    _exit(right);
}

/*
 * Returns what xen_dm_log_off_at() does. *right_r is the number of lines that
 * were right.
 */
static int off(const char *const *answers, int *right_r)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc, status, saved;
    pid_t pid;

    strcpy(at.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    pid = fork();
    if (!pid)
        qemu(fd, answers);
    close(fd);
    rc = xen_dm_log_off_at(path);
    saved = errno;
    waitpid(pid, &status, 0);
    unlink(path);
    *right_r = WEXITSTATUS(status);
    errno = saved;
    return rc;
}

static void torture_xen_dm_log_is_switched_off(void **state)
{
    static const char *const answers[] = {
        GREETING, EVENT RETURN, EVENT RETURN, NULL
    };
    int right;

    (void)state;
    assert_int_equal(off(answers, &right), 0);
    assert_int_equal(right, 2);
}

static void torture_xen_dm_log_refused_is_an_error(void **state)
{
    static const char *const answers[] = { GREETING, RETURN, REFUSAL, NULL };
    int right;

    (void)state;
    assert_int_equal(off(answers, &right), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(right, 2);
}

/* QEMU ends, or sends something else. */
static void torture_xen_dm_log_needs_an_answer(void **state)
{
    static const char *const answers[] = { GREETING, "nonsense\r\n", NULL };
    int right;

    (void)state;
    assert_int_equal(off(answers, &right), -1);
    assert_int_equal(errno, ECONNRESET);
}

/* A guest without a device model has no socket. */
static void torture_xen_dm_log_needs_a_socket(void **state)
{
    (void)state;
    assert_int_equal(xen_dm_log_off_at(path), -1);
    assert_int_equal(errno, ENOENT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xen_dm_log_is_switched_off),
        cmocka_unit_test(torture_xen_dm_log_refused_is_an_error),
        cmocka_unit_test(torture_xen_dm_log_needs_an_answer),
        cmocka_unit_test(torture_xen_dm_log_needs_a_socket),
    };
    int failed;

    strcpy(dir, "/tmp/torture_xen_dm_log.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof(path), "%s/qmp", dir);
    failed = torture_run(argc, argv, tests);
    rmdir(dir);
    return failed;
}
