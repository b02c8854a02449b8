/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"

void fake_helper_main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--save-domain"))
        for (;;)
            pause();
}

static bool has_command_line(pid_t pid)
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

pid_t fake_helper_start_as(uid_t uid, const char *domid)
{
    char *argv[] = { "libxl-save-helper", "--save-domain", "11", "-1",
                     (char *)domid, "1", "0", NULL };
    pid_t pid = fork();

    if (!pid) {
        if (uid == getuid() || !setuid(uid))
            execv("/proc/self/exe", argv);
        _exit(127);
    }
    assert_true(pid > 0);
    while (!has_command_line(pid))
        usleep(1000);
    return pid;
}

pid_t fake_helper_start(const char *domid)
{
    return fake_helper_start_as(getuid(), domid);
}

void fake_helper_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

void fake_helper_publish(pid_t pid, const char *params)
{
    char value[512];

    snprintf(value, sizeof(value), "{\"pid\":%d,\"start-monotonic-us\":1,"
             "\"parameters\":%s}", (int)pid, params);
    store_set(PRECOPY "active", value);
    store_set(PRECOPY "current", params);
}
