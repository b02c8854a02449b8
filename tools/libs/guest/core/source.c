/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <xenprecopy/source.h>

int xpc_source_fail(struct xpc_source *src, int err, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(src->err, sizeof(src->err), fmt, al);
    va_end(al);
    errno = err;
    return -1;
}
