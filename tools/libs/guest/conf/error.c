/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "conf/error.h"

int conf_bad(char *err, const char *path, unsigned int line,
             const char *fmt, ...)
{
    va_list al;
    int n;

    n = line ? snprintf(err, XPC_ERR_LEN, "%.100s:%u: ", path, line) :
               snprintf(err, XPC_ERR_LEN, "%.100s: ", path);
    va_start(al, fmt);
    vsnprintf(err + n, XPC_ERR_LEN - n, fmt, al);
    va_end(al);
    xpc_plain_line(err);
    return -1;
}
