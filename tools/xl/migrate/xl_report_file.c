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
#include "json/migration.h"
#include "migrate/xl_report_file.h"

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
static int open_temporary(struct report_file *rf, const struct stat *old)
{
    mode_t mask = umask(077);
    int fd;

    umask(mask);
    rf->tmp = xl_asprintf("%s.XXXXXX", rf->target);
    fd = mkostemp(rf->tmp, O_CLOEXEC);
    if (fd >= 0 &&
        (!old || !fchown(fd, old->st_uid, old->st_gid)) &&
        !fchmod(fd, old ? old->st_mode & 07777 : 0666 & ~mask))
        return fd;
    if (fd >= 0) {
        close(fd);
        unlink(rf->tmp);
    }
    free(rf->tmp);
    rf->tmp = NULL;
    return -1;
}

static int open_target(struct report_file *rf)
{
    struct stat st;
    int fd = -1, own = -1;
    bool there;

    rf->target = follow_links(rf->path, &own);
    if (!rf->target)
        return -1;
    if (own >= 0)
        return fcntl(own, F_DUPFD_CLOEXEC, 3);
    there = !stat(rf->target, &st);
    if (there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    /* A file with several hard links is written in place. */
    if (!there || (S_ISREG(st.st_mode) && st.st_nlink == 1))
        fd = open_temporary(rf, there ? &st : NULL);
    if (fd >= 0 || !there)
        return fd;
    rf->truncate = S_ISREG(st.st_mode);
    return open(rf->target, O_WRONLY | O_CLOEXEC);
}

int report_file_open(struct report_file *rf, const char *path,
                     char err[XPC_ERR_LEN])
{
    int fd;

    *rf = (struct report_file){ .path = path };
    if (!path)
        return 0;
    fd = open_target(rf);
    if (fd >= 0) {
        rf->f = fdopen(fd, "w");
        return 0;
    }
    xl_bad(err, "--report=%.150s: can't be written: %s", path,
           strerror(errno));
    free(rf->target);
    *rf = (struct report_file){ 0 };
    return -1;
}

int report_file_close(struct report_file *rf, const struct xpc_report *report)
{
    char *json = NULL;
    bool ok = false;

    if (!rf->path)
        return 0;
    if (report)
        json = xpc_to_json(&xpc_report_type, report, true);
    if (json) {
        /* The file may be our standard output. */
        fflush(stdout);
        ok = (!rf->truncate || !ftruncate(fileno(rf->f), 0)) &&
             fputs(json, rf->f) >= 0;
    }
    if (fclose(rf->f))
        ok = false;
    if (ok && rf->tmp)
        ok = !rename(rf->tmp, rf->target);
    if (report && !ok)
        xl_message("migrate", "the report can't be written to %s: %s",
                   rf->path, strerror(errno));
    if (!ok && rf->tmp)
        unlink(rf->tmp);
    free(json);
    free(rf->tmp);
    free(rf->target);
    *rf = (struct report_file){ 0 };
    return report && !ok ? -1 : 0;
}
