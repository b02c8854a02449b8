/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <xenprecopy/json.h>

#include "common/xl_input.h"

char *xl_read_to_end(int fd, size_t *len_r)
{
    size_t len = 0, size = 16384;
    char *buf = malloc(size), *p;
    ssize_t n;

    while (buf) {
        n = read(fd, buf + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(buf);
            return NULL;
        }
        len += n;
        if (!n || len > XPC_JSON_MAX_BYTES)
            break;
        if (len == size) {
            p = realloc(buf, size *= 2);
            if (!p)
                free(buf);
            buf = p;
        }
    }
    *len_r = len;
    return buf;
}
