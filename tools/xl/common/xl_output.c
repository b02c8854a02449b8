/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A regular file is created or replaced as a whole, at the place that symbolic
 * links lead to, and keeps its mode and owner. Everything else is written in
 * place: devices, pipes, and descriptors of this process such as /dev/stdout.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xl_common.h"
#include "common/xl_options.h"
#include "common/xl_output.h"

#define LINKS_MAX 40

/* dir/name, or name if that is absolute. malloc()ed. */
static char *join_path(const char *dir, const char *name)
{
    if (*name == '/')
        return xl_asprintf("%s", name);
    return xl_asprintf("%s%s%s", dir, strcmp(dir, "/") ? "/" : "", name);
}

/* The descriptor of this process that dir/name is, or -1. */
static int own_fd(const char *dir, const char *name)
{
    char fds[64];

    snprintf(fds, sizeof(fds), "/proc/%ld/fd", (long)getpid());
    if (strcmp(dir, fds) || !isdigit((unsigned char)*name))
        return -1;
    return atoi(name);
}

/*
 * Follows symbolic links to the file, which need not exist. Returns its path,
 * malloc()ed, with *fd_r the descriptor of this process that it is, or -1.
 * Returns NULL with errno if there is no such directory.
 */
static char *follow_links(const char *path, int *fd_r)
{
    char *now = xl_asprintf("%s", path), *slash, *next;
    char dir[PATH_MAX], target[PATH_MAX];
    int links = LINKS_MAX;
    ssize_t n;

    while (links--) {
        slash = strrchr(now, '/');
        if (slash && !slash[1])
            return now;         /* ends in a slash: a directory */
        if (slash)
            *slash = 0;
        if (!realpath(!slash ? "." : *now ? now : "/", dir)) {
            free(now);
            return NULL;
        }
        next = join_path(dir, slash ? slash + 1 : now);
        *fd_r = own_fd(dir, slash ? slash + 1 : now);
        free(now);
        now = next;
        n = *fd_r >= 0 ? -1 : readlink(now, target, sizeof(target) - 1);
        if (n < 0)
            return now;
        target[n] = 0;
        next = join_path(dir, target);
        free(now);
        now = next;
    }
    free(now);
    errno = ELOOP;
    return NULL;
}

/*
 * Creates a temporary file beside the target, with the mode and owner of the
 * old file, if there is one. Returns -1 if that is not possible.
 */
static int open_temporary(struct xl_output *o, const struct stat *old,
                          int mode)
{
    mode_t mask = umask(077);
    int fd;

    umask(mask);
    o->tmp = xl_asprintf("%s.XXXXXX", o->target);
    fd = mkostemp(o->tmp, O_CLOEXEC);
    if (fd >= 0 &&
        (!old || !fchown(fd, old->st_uid, old->st_gid)) &&
        !fchmod(fd, old ? old->st_mode & 07777 :
                 mode < 0 ? 0666 & ~mask : (mode_t)mode))
        return fd;
    if (fd >= 0) {
        close(fd);
        unlink(o->tmp);
    }
    free(o->tmp);
    o->tmp = NULL;
    return -1;
}

static int open_target(struct xl_output *o, int mode)
{
    struct stat st;
    int fd = -1, own = -1;
    bool there;

    o->target = follow_links(o->path, &own);
    if (!o->target)
        return -1;
    if (own >= 0)
        return fcntl(own, F_DUPFD_CLOEXEC, 3);
    there = !stat(o->target, &st);
    if (there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    /* A file with several hard links is written in place. */
    if (!there || (S_ISREG(st.st_mode) && st.st_nlink == 1))
        fd = open_temporary(o, there ? &st : NULL, mode);
    if (fd >= 0 || !there)
        return fd;
    o->truncate = S_ISREG(st.st_mode);
    return open(o->target, O_WRONLY | O_CLOEXEC);
}

/* Returns 0, or -1 with errno; in both cases *o is zero afterwards. */
static int finish(struct xl_output *o, bool ok)
{
    int saved = errno;

    if (o->f && fclose(o->f) && ok) {
        ok = false;
        saved = errno;
    }
    if (ok && o->tmp && rename(o->tmp, o->target)) {
        ok = false;
        saved = errno;
    }
    if (!ok && o->tmp)
        unlink(o->tmp);
    free(o->tmp);
    free(o->target);
    *o = (struct xl_output){ 0 };
    errno = saved;
    return ok ? 0 : -1;
}

int xl_output_open(struct xl_output *o, const char *option, const char *path,
                   int mode, char err[XPC_ERR_LEN])
{
    int fd;

    *o = (struct xl_output){ .path = path };
    fd = open_target(o, mode);
    if (fd >= 0)
        o->f = fdopen(fd, "w");
    if (o->f)
        return 0;
    xl_bad(err, "--%s=%.150s: can't be written: %s", option, path,
           strerror(errno));
    if (fd >= 0)
        close(fd);
    return finish(o, false);
}

int xl_output_write(struct xl_output *o, const char *text)
{
    /* The file may be our standard output. */
    fflush(stdout);
    return finish(o, (!o->truncate || !ftruncate(fileno(o->f), 0)) &&
                     fputs(text, o->f) >= 0);
}

void xl_output_discard(struct xl_output *o)
{
    if (o->path)
        finish(o, false);
}

int xl_output_text(const char *option, const char *path, int mode,
                   const char *text, char err[XPC_ERR_LEN])
{
    struct xl_output o;

    if (xl_output_open(&o, option, path, mode, err))
        return -1;
    if (!xl_output_write(&o, text))
        return 0;
    return xl_bad(err, "--%s=%.150s: can't be written: %s", option, path,
                  strerror(errno));
}
