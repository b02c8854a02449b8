/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/json.h>

#include "base/process.h"
#include "common/xl_common.h"
#include "common/xl_input.h"
#include "evacuate/xl_evacuate_migration.h"
#include "json/migration.h"
#include "xen/turn.h"

#define LINE_MAX_BYTES 8192
#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)

/*
 * Ctrl-C is for the evacuation, which says what is to be broken off. A
 * transport may set a handler for a signal that is ignored: so it is blocked,
 * too.
 */
static void exec_migrate(const struct migration *m, const char *const *args,
                         const char *turn, int go_fd)
{
    char go;
    int in = open("/dev/null", O_RDONLY);
    int out = open(m->progress, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    int err = open(m->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    sigset_t blocked;

    if (read(go_fd, &go, 1) != 1)
        _exit(127);
    setenv(XEN_TURN_ENV, turn, 1);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    if (in < 0 || out < 0 || err < 0 || dup2(in, STDIN_FILENO) < 0 ||
        dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(127);
    for (int fd = STDERR_FILENO + 1; fd <= err || fd <= out || fd <= in; fd++)
        close(fd);
    execv("/proc/self/exe", (char **)args);
    _exit(127);
}

int migration_start(struct migration *m, const char *const *args,
                    const char *turn)
{
    int go[2], err;
    pid_t pid;

    if (pipe2(go, O_CLOEXEC))
        return -1;
    unlink(m->report);
    fflush(NULL);
    pid = fork();
    if (!pid) {
        close(go[1]);
        exec_migrate(m, args, turn, go[0]);
    }
    close(go[0]);
    if (pid < 0) {
        close(go[1]);
        return -1;
    }
    errno = ESRCH;
    m->pid_start = process_start(pid);
    if (!m->pid_start) {
        /* --resume would not recognise it. */
        err = errno;
        close(go[1]);
        waitpid(pid, NULL, 0);
        errno = err;
        return -1;
    }
    m->go_fd = go[1];
    m->pid = pid;
    m->ours = true;
    m->offset = 0;
    m->iteration = m->percent = m->dirty_pages = m->predicted_ns = 0;
    m->sent_bytes = m->elapsed_ns = m->sent_ns = 0;
    m->told_bytes = m->told_ns = m->rate_from_ns = 0;
    m->rate_bytes_per_s = 0;
    m->bytes_per_s = 0;
    m->suspended = m->sent = false;
    m->due_ns = 0;
    return 0;
}

void migration_go(struct migration *m, bool go)
{
    /* If it has been killed, its status tells. */
    if (go && write(m->go_fd, "g", 1) < 0)
        errno = 0;
    close(m->go_fd);
}

/* ---- what it prints ------------------------------------------------- */

/* The events of xl-precopy-json(5) that matter here. */
struct event {
    char *event;
    uint64_t iteration, percent, total_bytes, elapsed_us;
    bool suspended;
    uint64_t bytes, duration_us, dirty_pages;
    struct xpc_iteration it;
};

#define U64(key, m) \
    { .name = key, .kind = XPC_FIELD_U64, \
      .offset = offsetof(struct event, m) }
static const struct xpc_field event_fields[] = {
    { .name = "event", .kind = XPC_FIELD_STRING,
      .offset = offsetof(struct event, event) },
    U64("iteration", iteration),
    U64("percent", percent),
    U64("total-bytes", total_bytes),
    U64("elapsed-us", elapsed_us),
    { .name = "suspended", .kind = XPC_FIELD_BOOL,
      .offset = offsetof(struct event, suspended) },
    U64("bytes", bytes),
    U64("duration-us", duration_us),
    U64("dirty-pages", dirty_pages),
};
static const struct xpc_type event_type = {
    .name = "progress", .size = sizeof(struct event), .fields = event_fields,
    .nr_fields = sizeof(event_fields) / sizeof(event_fields[0]),
};

static void take_iteration(struct migration *m, const struct event *e,
                           const char *line, size_t len, uint64_t now_ns)
{
    struct xpc_iteration it = { 0 };
    char why[XPC_ERR_LEN];

    m->iteration = e->iteration + 1;
    m->dirty_pages = e->dirty_pages;
    m->iteration_ns = now_ns;
    m->due_ns = 0;
    m->percent = 0;
    if (e->duration_us)
        m->bytes_per_s = e->bytes * 1e6 / e->duration_us;
    if (!xpc_from_json(&xpc_iteration_type, &it, line, len, why))
        m->predicted_ns = it.decision.predicted_downtime_ns;
}

/*
 * What was sent until the first of these lines is partly in buffers; between
 * two, as much leaves them as enters.
 */
static void take_sent(struct migration *m, const struct event *e,
                      uint64_t now_ns)
{
    uint64_t elapsed_ns = e->elapsed_us * 1000, window_ns;

    if (m->told_ns && elapsed_ns > m->told_ns &&
        e->total_bytes > m->told_bytes) {
        window_ns = elapsed_ns - m->told_ns;
        m->rate_bytes_per_s = (e->total_bytes - m->told_bytes) * 1e9 /
                              window_ns;
        m->rate_from_ns = now_ns > window_ns ? now_ns - window_ns : 0;
    }
    m->told_bytes = e->total_bytes;
    m->told_ns = elapsed_ns;
}

static void take_line(struct migration *m, const char *line, size_t len,
                      uint64_t now_ns)
{
    struct event e = { 0 };
    char why[XPC_ERR_LEN];

    if (xpc_from_json(&event_type, &e, line, len, why) || !e.event)
        return;
    if (!strcmp(e.event, "iteration")) {
        take_iteration(m, &e, line, len, now_ns);
    } else if (!strcmp(e.event, "sending")) {
        m->percent = e.percent;
        m->suspended = e.suspended;
        m->sent = e.suspended && e.percent >= 100;
        if (!e.suspended)
            take_sent(m, &e, now_ns);
        if (e.iteration <= 1 && e.elapsed_us && e.total_bytes) {
            m->sent_bytes = e.total_bytes;
            m->elapsed_ns = e.elapsed_us * 1000;
            m->sent_ns = now_ns;
            m->bytes_per_s = e.total_bytes * 1e6 / e.elapsed_us;
        }
    } else if (!strcmp(e.event, "suspending")) {
        m->suspended = true;
    }
    free(e.event);
}

void migration_read(struct migration *m, uint64_t now_ns)
{
    static char line[LINE_MAX_BYTES];
    FILE *f = fopen(m->progress, "re");

    if (!f)
        return;
    if (!fseek(f, m->offset, SEEK_SET)) {
        while (fgets(line, sizeof(line), f)) {
            size_t len = strlen(line);

            /* It is still being written. */
            if (!len || line[len - 1] != '\n')
                break;
            m->offset = ftell(f);
            take_line(m, line, len, now_ns);
        }
    }
    fclose(f);
}

/* ---- its end -------------------------------------------------------- */

bool migration_ended(struct migration *m, int *status_r)
{
    int status;

    if (m->ours) {
        if (waitpid(m->pid, &status, WNOHANG) != m->pid)
            return false;
        *status_r = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    } else {
        if (m->pid_start && process_lives(m->pid, m->pid_start))
            return false;
        *status_r = -1;
    }
    m->pid = 0;
    return true;
}

int migration_report(const struct migration *m, struct xpc_report *r)
{
    int fd = open(m->report, O_RDONLY | O_CLOEXEC), rc;
    char why[XPC_ERR_LEN], *json;
    size_t len = 0;

    if (fd < 0)
        return -1;
    json = xl_read_to_end(fd, &len);
    close(fd);
    rc = json && len ? xpc_from_json(&xpc_report_type, r, json, len, why) : -1;
    free(json);
    return rc;
}

char *migration_message(const struct migration *m, const char *sources)
{
    char line[512], last[512] = "";
    FILE *f = fopen(m->log, "re");
    const char *text = last;

    while (f && fgets(line, sizeof(line), f)) {
        /* What was learned and set is told too, but is no reason. */
        if (strncmp(line, "xl migrate: ", 12) || strstr(line, " learned ") ||
            strstr(line, " from the command line") ||
            (sources && strstr(line, sources)))
            continue;
        strcpy(last, line);
    }
    if (f)
        fclose(f);
    last[strcspn(last, "\n")] = 0;
    if (!strncmp(text, "xl migrate: ", 12))
        text += 12;
    return xl_plain_copy(text);
}

void migration_break(const struct migration *m)
{
    if (m->pid && m->pid_start && process_start(m->pid) == m->pid_start)
        kill(m->pid, SIGTERM);
}

void migration_dispose(struct migration *m)
{
    free(m->progress);
    free(m->report);
    free(m->log);
    *m = (struct migration){ 0 };
}
