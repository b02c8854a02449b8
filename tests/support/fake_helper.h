/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that looks like libxl's save helper at work on domain 7: this
 * program, run again. Needs fake_xenstore.h.
 */
#ifndef TESTS_SUPPORT_FAKE_HELPER_H
#define TESTS_SUPPORT_FAKE_HELPER_H

#include <stdbool.h>
#include <string.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake_xenstore.h"
#include "support/torture.h"

/* For main(): never returns if this is that process. */
static inline void fake_helper_main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--save-domain"))
        for (;;)
            pause();
}

/* Has the process become what it is to be? */
static bool fake_helper_is_up(pid_t pid)
{
    char path[64], args[64] = "";
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    fd = open(path, O_RDONLY);
    if (read(fd, args, sizeof(args) - 1) < 0)
        args[0] = 0;
    close(fd);
    return !strcmp(args, "libxl-save-helper");
}

static pid_t fake_helper_start(const char *domid)
{
    char *argv[] = { "libxl-save-helper", "--save-domain", "11", "-1",
                     (char *)domid, "1", "0", NULL };
    pid_t pid = fork();

    if (!pid) {
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    assert_true(pid > 0);
    while (!fake_helper_is_up(pid))
        usleep(1000);
    return pid;
}

static void fake_helper_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A migration of domain 7 by these parameters (JSON) is under way. */
static inline void fake_active(pid_t pid, const char *params)
{
    char value[512];

    snprintf(value, sizeof(value), "{\"pid\":%d,\"start-monotonic-us\":1,"
             "\"parameters\":%s}", (int)pid, params);
    fake_set("/libxl/7/precopy/active", value);
    fake_set("/libxl/7/precopy/current", params);
}

#endif
