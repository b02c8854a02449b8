/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <yajl/yajl_tree.h>

#include "xen/dm_log.h"

/*
 * Timeout of a connection or an answer. QEMU serves one connection at a time,
 * and libxl closes its own after each command.
 */
#define PATIENCE_S 5

static int connect_to(const char *path)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof(to.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(to.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
        return fd;
    close(fd);
    return -1;
}

static bool has_member(yajl_val v, const char *key)
{
    const char *path[] = { key, NULL };

    return yajl_tree_get(v, path, yajl_t_any);
}

/*
 * Reads messages, which include events, until one has the member key. Returns
 * 0, or -1 after an error message or the timeout.
 */
static int wait_for_member(FILE *qmp, const char *key)
{
    char *line = NULL;
    bool done = false, refused = false;
    size_t len = 0;
    yajl_val v;

    while (!done && !refused && getline(&line, &len, qmp) > 0) {
        v = yajl_tree_parse(line, NULL, 0);
        done = has_member(v, key);
        refused = has_member(v, "error");
        yajl_tree_free(v);
    }
    free(line);
    if (refused)
        errno = EPROTO;
    else if (!done && feof(qmp))
        errno = ECONNRESET;
    return done ? 0 : -1;
}

static int send_line(FILE *qmp, const char *command)
{
    size_t len = strlen(command);

    return send(fileno(qmp), command, len, MSG_NOSIGNAL) == (ssize_t)len ?
           0 : -1;
}

int xen_dm_log_off_at(const char *path)
{
    int fd = connect_to(path), rc, saved;
    FILE *qmp;

    if (fd < 0)
        return -1;
    qmp = fdopen(fd, "r");
    if (!qmp) {
        close(fd);
        return -1;
    }
    rc = wait_for_member(qmp, "QMP") ||
         send_line(qmp, "{\"execute\":\"qmp_capabilities\"}\n") ||
         wait_for_member(qmp, "return") ||
         send_line(qmp, "{\"execute\":\"xen-set-global-dirty-log\","
                   "\"arguments\":{\"enable\":false}}\n") ||
         wait_for_member(qmp, "return") ? -1 : 0;
    saved = errno;
    fclose(qmp);
    errno = saved;
    return rc;
}

int xen_dm_log_off(uint32_t domid)
{
    char path[64];

    snprintf(path, sizeof(path), "/var/run/xen/qmp-libxl-%"PRIu32, domid);
    return xen_dm_log_off_at(path);
}
