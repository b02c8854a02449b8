/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"

/* Returns 0 with 0 for a zombie, or -1 with errno. */
static int read_start(pid_t pid, uint64_t *start_r)
{
    char path[64], text[1024], *p;
    int err = 0;
    FILE *f;

    *start_r = 0;
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    f = fopen(path, "re");
    if (!f)
        return -1;
    if (!fgets(text, sizeof(text), f))
        err = ferror(f) && errno ? errno : EIO;
    fclose(f);
    if (err) {
        errno = err;
        return -1;
    }
    /* The name, in brackets, may contain anything. */
    p = strrchr(text, ')');
    if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
        return 0;
    /* Field 22; the state is field 3. */
    for (int field = 3; p && field < 22; field++)
        p = strchr(p + (field == 3 ? 2 : 1), ' ');
    if (p)
        sscanf(p, " %"SCNu64, start_r);
    return 0;
}

uint64_t process_start(pid_t pid)
{
    uint64_t start;

    read_start(pid, &start);
    return start;
}

bool process_lives(pid_t pid, uint64_t start)
{
    uint64_t now;

    if (pid <= 0)
        return false;
    if (!start)
        return !kill(pid, 0) || errno != ESRCH;
    if (read_start(pid, &now))
        return errno != ENOENT && errno != ESRCH;
    return now == start;
}

const char *process_text(char buf[PROCESS_TEXT_LEN])
{
    snprintf(buf, PROCESS_TEXT_LEN, "%ld %"PRIu64, (long)getpid(),
             process_start(getpid()));
    return buf;
}

pid_t process_alive(const char *text)
{
    uint64_t start = 0;
    long pid = 0;

    sscanf(text, "%ld %"SCNu64, &pid, &start);
    return process_lives(pid, start) ? pid : 0;
}
