/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/resource.h>
#include <unistd.h>

#include "support/few_files.h"
#include "support/torture.h"

static struct rlimit before;

void few_files(int more)
{
    struct rlimit few;
    int next = dup(STDERR_FILENO);

    close(next);
    if (!before.rlim_cur)
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){ .rlim_cur = next + more,
                           .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

void few_files_end(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}
