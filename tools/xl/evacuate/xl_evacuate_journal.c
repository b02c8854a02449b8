/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/json.h>

#include "common/xl_common.h"
#include "common/xl_input.h"
#include "common/xl_options.h"
#include "evacuate/xl_evacuate_journal.h"
#include "libxl_precopy_history.h"
#include "xen/run.h"

#define NAME "journal.jsonl"
#define LOCK "evacuate.lock"

#define STRING(t, m) \
    { .name = #m, .kind = XPC_FIELD_STRING, .offset = offsetof(t, m), \
      .omit_zero = true }
#define U64(key, m) \
    { .name = key, .kind = XPC_FIELD_U64, \
      .offset = offsetof(struct journal_line, m), .omit_zero = true }

static const struct xpc_field arg_fields[] = {
    STRING(struct journal_arg, text),
};

static const struct xpc_type arg_type = {
    .name = "argument", .size = sizeof(struct journal_arg),
    .fields = arg_fields, .nr_fields = 1,
};

static const struct xpc_field line_fields[] = {
    STRING(struct journal_line, event),
    U64("time-s", time_s),
    U64("deadline-s", deadline_s),
    STRING(struct journal_line, domain),
    STRING(struct journal_line, uuid),
    STRING(struct journal_line, target),
    U64("pid", pid),
    U64("pid-start", pid_start),
    U64("status", status),
    U64("tries", tries),
    STRING(struct journal_line, text),
    { .name = "args", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(struct journal_line, args), .elem = &arg_type,
      .count_offset = offsetof(struct journal_line, nr_args),
      .omit_zero = true },
};

static const struct xpc_type line_type = {
    .name = "journal", .size = sizeof(struct journal_line),
    .fields = line_fields,
    .nr_fields = sizeof(line_fields) / sizeof(line_fields[0]),
};

static int fail(char *err, const char *dir, const char *name)
{
    int saved = errno;

    xl_bad(err, "%.120s/%s: %s", dir, name, strerror(saved));
    errno = saved;
    return -1;
}

/* Makes the folder and those above it. */
static int make_folders(const char *dir)
{
    char *path = xl_asprintf("%s", dir);
    int r = 0;

    for (char *slash = strchr(path + 1, '/'); !r && slash;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        r = mkdir(path, 0755) && errno != EEXIST ? -1 : 0;
        *slash = '/';
    }
    if (!r)
        r = mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
    free(path);
    return r;
}

/* Says who holds the lock. */
static int report_holder(int fd, char *err)
{
    char pid[16] = "";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[n > 0 ? n : 0] = 0;
    pid[strspn(pid, "0123456789")] = 0;
    return xl_bad(err, "process %s is evacuating this host: wait until it has "
                  "ended", *pid ? pid : "?");
}

int journal_lock(struct journal *j, char err[XPC_ERR_LEN])
{
    const char *history = getenv(LIBXL_PRECOPY_HISTORY_ENV);
    char why[XPC_ERR_LEN], pid[16];
    int run = xen_run_open(why), n;

    if (run < 0)
        return xl_bad(err, "%.250s", why);
    j->lock_fd = openat(run, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                        0600);
    close(run);
    if (j->lock_fd < 0)
        return fail(err, xen_run_path(), LOCK);
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? report_holder(j->lock_fd, err) :
                                      fail(err, xen_run_path(), LOCK);
    n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    /* Only for the message. */
    if (ftruncate(j->lock_fd, 0) || pwrite(j->lock_fd, pid, n, 0) != n)
        return fail(err, xen_run_path(), LOCK);
    j->dir = xl_asprintf("%s/evacuation", history && *history ? history :
                         LIBXL_PRECOPY_HISTORY_DIR);
    return make_folders(j->dir) ? fail(err, j->dir, "") : 0;
}

/* Makes what was done to the folder durable. */
static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (fd < 0)
        return -1;
    r = fsync(fd);
    close(fd);
    return r;
}

static int open_journal(struct journal *j, int flags, char *err)
{
    char *path = xl_asprintf("%s/" NAME, j->dir);

    j->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags,
                 0600);
    free(path);
    return j->fd < 0 ? fail(err, j->dir, NAME) : 0;
}

int journal_begin(struct journal *j, char err[XPC_ERR_LEN])
{
    char *path = xl_asprintf("%s/" NAME, j->dir);
    char *old = xl_asprintf("%s/journal.old", j->dir);
    int r = rename(path, old) && errno != ENOENT ? fail(err, j->dir, NAME) : 0;

    free(path);
    free(old);
    if (r || open_journal(j, O_CREAT | O_EXCL, err))
        return -1;
    return sync_folder(j->dir) ? fail(err, j->dir, NAME) : 0;
}

static int damaged(const struct journal *j, size_t line, const char *why,
                   char *err)
{
    xl_bad(err, "%.90s/" NAME " can't be used: line %zu: %.60s: see where its "
           "guests are, and move it away", j->dir, line, why);
    errno = EINVAL;
    return -1;
}

/* Appends a line to the list. */
static int read_line(const struct journal *j, const char *text, size_t len,
                     struct journal_line **list, size_t *nr, char *err)
{
    struct journal_line *grown = realloc(*list, (*nr + 1) * sizeof(**list));
    char why[XPC_ERR_LEN];

    if (!grown)
        return xl_bad(err, "out of memory");
    *list = grown;
    grown[*nr] = (struct journal_line){ 0 };
    if (xpc_from_json(&line_type, &grown[*nr], text, len, why))
        return damaged(j, *nr + 1, why, err);
    ++*nr;
    for (size_t i = 0; i < grown[*nr - 1].nr_args; i++) {
        if (!grown[*nr - 1].args[i].text)
            return damaged(j, *nr, "an argument is missing", err);
    }
    return 0;
}

int journal_resume(struct journal *j, struct journal_line **list, size_t *nr,
                   char err[XPC_ERR_LEN])
{
    char *text, *line, *end;
    size_t len = 0;
    int r = 0;

    *list = NULL;
    *nr = 0;
    if (open_journal(j, 0, err))
        return -1;
    text = xl_read_to_end(j->fd, &len);
    if (!text)
        return fail(err, j->dir, NAME);
    if (len > XPC_JSON_MAX_BYTES)
        r = damaged(j, 1, "it is too long", err);
    for (line = text; !r && (end = memchr(line, '\n', text + len - line));
         line = end + 1)
        r = read_line(j, line, end - line, list, nr, err);
    /* What was not completely written did not happen. */
    len = line - text;
    free(text);
    if (r)
        return -1;
    return ftruncate(j->fd, len) ? fail(err, j->dir, NAME) : 0;
}

void journal_free(struct journal_line *list, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        xpc_dispose(&line_type, &list[i]);
    free(list);
}

/* All or nothing. */
static int append(int fd, const char *text)
{
    off_t before = lseek(fd, 0, SEEK_END);
    ssize_t len = strlen(text), n;
    int saved;

    if (before < 0)
        return -1;
    n = write(fd, text, len);
    if (n == len)
        return fsync(fd);
    saved = n < 0 ? errno : ENOSPC;
    if (ftruncate(fd, before))
        return -1;
    errno = saved;
    return -1;
}

int journal_add(struct journal *j, const struct journal_line *line,
                char err[XPC_ERR_LEN])
{
    struct journal_line timed = *line;
    char *json, *text;
    int r;

    timed.time_s = time(NULL);
    json = xpc_to_json(&line_type, &timed, false);
    if (!json)
        return xl_bad(err, "out of memory");
    text = xl_asprintf("%s%s", json, strchr(json, '\n') ? "" : "\n");
    r = append(j->fd, text);
    free(json);
    free(text);
    return r ? fail(err, j->dir, NAME) : 0;
}

char *journal_path(const struct journal *j, const char *uuid,
                   const char *suffix)
{
    return xl_asprintf("%s/%s.%s", j->dir, uuid, suffix);
}

void journal_close(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    free(j->dir);
    *j = (struct journal)JOURNAL_INIT;
}
