/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/wait.h>

#include "support/child.h"
#include "support/torture.h"

void expect_in_child(void (*part)(void))
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        alarm(60);
        part();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}
