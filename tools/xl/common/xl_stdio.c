/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xl_stdio.h"

#define HELD_MAX (1 << 20)

static struct held {
    int fd;                     /* its own, non-blocking; -1: not held */
    bool is_socket;
    FILE *stream, *before;
    char *text;                 /* what could not be written yet */
    size_t len;
} held[2] = { { .fd = -1 }, { .fd = -1 } };

static ssize_t write_now(const struct held *h, const char *buf, size_t len)
{
    ssize_t n;

    do {
        n = h->is_socket ? send(h->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) :
                           write(h->fd, buf, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Returns 0, also if not all could be written, or -1 with errno. */
static int write_kept(struct held *h)
{
    ssize_t n = 0;

    while (h->len && (n = write_now(h, h->text, h->len)) > 0) {
        h->len -= n;
        memmove(h->text, h->text + n, h->len);
    }
    if (n >= 0 || errno == EAGAIN)
        return 0;
    h->len = 0;
    return -1;
}

/* What has no room is lost. */
static void keep(struct held *h, const char *buf, size_t len)
{
    char *grown = h->len + len <= HELD_MAX ? realloc(h->text, h->len + len) :
                                             NULL;

    if (!grown)
        return;
    h->text = grown;
    memcpy(h->text + h->len, buf, len);
    h->len += len;
}

/* For stdio: returns how much was taken, 0 with errno for an error. */
static ssize_t take(void *cookie, const char *buf, size_t len)
{
    struct held *h = cookie;
    ssize_t n = 0;

    if (write_kept(h))
        return 0;
    if (!h->len)
        n = write_now(h, buf, len);
    if (n < 0 && errno != EAGAIN)
        return 0;
    if (n < 0)
        n = 0;
    if ((size_t)n < len)
        keep(h, buf + n, len - n);
    return len;
}

/*
 * A descriptor that shares no flags with that of other processes. -1: writing
 * to it does not block, or can't be kept from it.
 */
static int open_own(int fd, bool *is_socket_r)
{
    struct stat st;
    char path[32];

    if (fstat(fd, &st))
        return -1;
    *is_socket_r = S_ISSOCK(st.st_mode);
    if (*is_socket_r)
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void hold(struct held *h, int fd, FILE **stream, int buffering)
{
    h->fd = open_own(fd, &h->is_socket);
    if (h->fd < 0)
        return;
    fflush(*stream);
    h->stream = fopencookie(h, "w", (cookie_io_functions_t){ .write = take });
    if (!h->stream) {
        close(h->fd);
        h->fd = -1;
        return;
    }
    setvbuf(h->stream, NULL, buffering, BUFSIZ);
    h->before = *stream;
    *stream = h->stream;
}

void xl_stdio_hold(void)
{
    hold(&held[0], STDOUT_FILENO, &stdout, isatty(STDOUT_FILENO) ? _IOLBF :
                                                                   _IOFBF);
    hold(&held[1], STDERR_FILENO, &stderr, _IONBF);
}

void xl_stdio_forget(void)
{
    held[0].len = held[1].len = 0;
}

/* Returns 0, or -1 with errno; 0: not known. */
static int release(struct held *h, FILE **stream)
{
    struct pollfd p = { .fd = h->fd, .events = POLLOUT };
    int r, saved;

    if (h->fd < 0)
        return 0;
    errno = 0;
    r = fflush(h->stream) || ferror(h->stream) ? -1 : 0;
    while (!r && !(r = write_kept(h)) && h->len)
        poll(&p, 1, -1);
    saved = errno;
    *stream = h->before;
    fclose(h->stream);
    close(h->fd);
    free(h->text);
    *h = (struct held){ .fd = -1 };
    errno = saved;
    return r;
}

int xl_stdio_release(void)
{
    int r = release(&held[1], &stderr);

    (void)r;                    /* there is nobody who could be told */
    return release(&held[0], &stdout);
}
