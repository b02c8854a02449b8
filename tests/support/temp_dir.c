/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl_precopy_history.h"
#include "support/temp_dir.h"
#include "support/torture.h"

char temp_dir[32];

char *temp_path(const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", temp_dir, name) > 0);
    return path;
}

int temp_dir_setup(void **state)
{
    char *run;

    (void)state;
    strcpy(temp_dir, "/tmp/torture.XXXXXX");
    if (!mkdtemp(temp_dir))
        return -1;
    run = temp_path("run");
    setenv("XEN_PRECOPY_RUN", run, 1);
    setenv(LIBXL_PRECOPY_HISTORY_ENV, temp_dir, 1);
    free(run);
    return 0;
}

int temp_dir_teardown(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", temp_dir);
    return system(command);
}

void append_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0700);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static struct rlimit before;

void fill_disk(int fd, size_t room)
{
    struct rlimit full;
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = before;
    full.rlim_cur = st.st_size + room;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
}

void empty_disk(void)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}
