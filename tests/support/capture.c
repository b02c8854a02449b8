/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "support/capture.h"

char captured_out[1 << 18], captured_err[4096];

static void read_back(FILE *f, int fd, int saved, char *buf, size_t size)
{
    fflush(fd == 1 ? stdout : stderr);
    dup2(saved, fd);
    close(saved);
    rewind(f);
    buf[fread(buf, 1, size - 1, f)] = 0;
    fclose(f);
}

int capture(int (*cmd)(int argc, char **argv), const char *name, ...)
{
    char *argv[32] = { (char *)name };
    FILE *o = tmpfile(), *e = tmpfile();
    int argc = 1, rc, saved_out, saved_err;
    const char *arg;
    va_list al;

    va_start(al, name);
    while ((arg = va_arg(al, const char *)))
        argv[argc++] = (char *)arg;
    va_end(al);
    fflush(stdout);
    fflush(stderr);
    saved_out = dup(1);
    saved_err = dup(2);
    dup2(fileno(o), 1);
    dup2(fileno(e), 2);
    rc = cmd(argc, argv);
    read_back(o, 1, saved_out, captured_out, sizeof(captured_out));
    read_back(e, 2, saved_err, captured_err, sizeof(captured_err));
    return rc;
}
