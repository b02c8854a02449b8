/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command as a user runs it: what it prints is read back.
 */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* What the last one printed. */
static char out[1 << 18], errors[4096];

static void read_back(FILE *f, int fd, int saved, char *buf, size_t size)
{
    fflush(fd == 1 ? stdout : stderr);
    dup2(saved, fd);
    close(saved);
    rewind(f);
    buf[fread(buf, 1, size - 1, f)] = 0;
    fclose(f);
}

/* Runs cmd as name with arguments, NULL at the end. Returns its status. */
__attribute__((sentinel))
static int capture(int (*cmd)(int argc, char **argv), const char *name, ...)
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
    read_back(o, 1, saved_out, out, sizeof(out));
    read_back(e, 2, saved_err, errors, sizeof(errors));
    return rc;
}

#endif
