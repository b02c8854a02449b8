/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XENBUS_H
#define XENBUS_H

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

/*
 * One request about the domain's own part of xenstore, to an open
 * /dev/xen/xenbus. Returns the answer, which the next one overwrites, or NULL
 * if that was an error.
 */
static char *ask_xenstore(int fd, uint32_t type, const char *path,
                          const char *value)
{
    static char buffer[512];
    struct xsd_sockmsg msg = {
        .type = type,
        .len = strlen(path) + 1 + strlen(value),
    };
    size_t size = sizeof(msg) + msg.len, got = 0;

    if (size > sizeof(buffer))
        return NULL;
    memcpy(buffer, &msg, sizeof(msg));
    strcpy(buffer + sizeof(msg), path);
    memcpy(buffer + sizeof(msg) + strlen(path) + 1, value, strlen(value));
    if (write(fd, buffer, size) != (ssize_t)size)
        return NULL;
    if (read(fd, &msg, sizeof(msg)) != sizeof(msg) ||
        msg.len >= sizeof(buffer))
        return NULL;
    while (got < msg.len) {
        ssize_t n = read(fd, buffer + got, msg.len - got);

        if (n <= 0)
            return NULL;
        got += n;
    }
    buffer[got] = 0;
    return msg.type == type ? buffer : NULL;
}

#endif
