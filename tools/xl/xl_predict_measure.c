/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where xl migrate-predict's curves come from: files, or xl dirty-rate run
 * for each domain at the same time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xl_predict.h"

void predict_source_dispose(struct predict_source *s)
{
    free(s->name);
    *s = (struct predict_source){ 0 };
}

/*
 * All there is to read from fd, or one byte more than can be a measurement.
 * NULL with errno when that fails.
 */
static char *slurp(int fd, size_t *len_r)
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

/* Puts what it is about before the line in err. */
static int blame(char err[XPC_ERR_LEN], const char *what)
{
    char line[XPC_ERR_LEN];

    snprintf(line, sizeof(line), "%s", err);
    snprintf(err, XPC_ERR_LEN, "%.80s: %.170s", what, line);
    xl_plain(err);
    return -1;
}

/* ---- JSON ------------------------------------------------------------- */

static size_t spaces(const char *json, size_t len)
{
    size_t n = 0;

    while (n < len && strchr(" \t\r\n", json[n]) && json[n])
        n++;
    return n;
}

/* How long the object is that this begins with; all, if none does. */
static size_t object_length(const char *json, size_t len)
{
    bool quoted = false;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (quoted && json[i] == '\\')
            i++;
        else if (json[i] == '"')
            quoted = !quoted;
        else if (!quoted && json[i] == '{')
            depth++;
        else if (!quoted && json[i] == '}' && --depth <= 0)
            return i + 1;
    }
    return len;
}

/* What is within {"return": ...}, as QMP has it. */
static void unwrap(const char **json, size_t *len)
{
    static const char *const words[] = { "{", "\"return\"", ":" };
    size_t at = 0, n;

    for (int i = 0; i < 3; i++) {
        at += spaces(*json + at, *len - at);
        n = strlen(words[i]);
        if (*len - at < n || memcmp(*json + at, words[i], n))
            return;
        at += n;
    }
    *json += at;
    *len = object_length(*json, *len - at);
}

/* QEMU's calc-dirty-rate has no more to say than a rate. */
static bool is_rate_alone(const char *json, size_t len)
{
    return memmem(json, len, "\"dirty-rate\"", 12) &&
           !memmem(json, len, "\"periods\"", 9);
}

static int from_json(struct xpc_measurement *m, const char *json, size_t len,
                     char err[XPC_ERR_LEN])
{
    unwrap(&json, &len);
    if (!xpc_measurement_from_json(m, json, len, err))
        return 0;
    if (is_rate_alone(json, len))
        snprintf(err, XPC_ERR_LEN, "a rate alone is not enough: how many "
                 "pages are dirty after different times is needed. Measure "
                 "with xl dirty-rate --json --pid=QEMU'S-PID");
    return -1;
}

static int parse(struct predict_source *s, const char *what, const char *json,
                 size_t len, char err[XPC_ERR_LEN])
{
    struct xpc_measurement m;
    int rc;

    xpc_measurement_init(&m);
    rc = from_json(&m, json, len, err);
    if (!rc)
        rc = xpc_measurement_curve(&m, &s->curve, err);
    if (!rc)
        rc = xpc_curve_check(&s->curve, err, XPC_ERR_LEN);
    if (rc) {
        xpc_measurement_dispose(&m);
        return blame(err, what);
    }
    if (m.name && *m.name) {
        free(s->name);
        s->name = xl_plain(xl_asprintf("%s", m.name));
    }
    s->longest_ns = m.period_ns[m.nr_periods - 1];
    s->rate_mib = m.dirty_rate;
    xpc_measurement_dispose(&m);
    return 0;
}

/* One object after the other, each a domain. */
static int parse_all(struct predict_source *s, size_t max, size_t *nr_r,
                     const char *what, const char *name, const char *json,
                     size_t len, char err[XPC_ERR_LEN])
{
    size_t n;

    do {
        if (*nr_r == max) {
            snprintf(err, XPC_ERR_LEN, "at most %d domains",
                     XPC_EVACUATE_MAX);
            return blame(err, what);
        }
        n = object_length(json, len);
        s[*nr_r] = (struct predict_source){
            .name = xl_plain(xl_asprintf("%s", name)),
        };
        if (parse(&s[(*nr_r)++], what, json, n, err))
            return -1;
        n += spaces(json + n, len - n);
        json += n;
        len -= n;
    } while (len);
    return 0;
}

/* ---- xl dirty-rate ---------------------------------------------------- */

struct child {
    pid_t pid;
    int out;
};

/* Of a domain, or of what was recorded in a trace. */
static void exec_dirty_rate(const char *domain, const char *trace,
                            const char *calc_time)
{
    const char *args[8] = { "xl", "dirty-rate", "--json" };
    int n = 3;

    if (calc_time)
        args[n++] = xl_asprintf("--calc-time=%s", calc_time);
    if (trace)
        args[n++] = xl_asprintf("--trace=%s", trace);
    args[n++] = "--";
    args[n] = domain;
    execv("/proc/self/exe", (char **)args);
    _exit(127);
}

static int start_child(struct child *c, const char *domain,
                       const char *trace, const char *calc_time)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC))
        return -1;
    c->pid = fork();
    if (!c->pid) {
        dup2(fds[1], STDOUT_FILENO);
        exec_dirty_rate(domain, trace, calc_time);
    }
    close(fds[1]);
    c->out = fds[0];
    if (c->pid > 0)
        return 0;
    close(fds[0]);
    return -1;
}

/*
 * What a child printed, as a curve. What it had to complain of is on stderr:
 * then err is empty.
 */
static int finish_child(struct predict_source *s, struct child *c,
                        const char *domain, char err[XPC_ERR_LEN])
{
    size_t len = 0;
    char *json = slurp(c->out, &len);
    int status = -1, rc = -1;

    close(c->out);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    s->name = xl_asprintf("%s", domain);
    *err = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) &&
        WEXITSTATUS(status) != 127) {
        rc = -1;
    } else if (status || !json || !len) {
        snprintf(err, XPC_ERR_LEN, "xl dirty-rate could not measure it");
        blame(err, domain);
    } else {
        rc = parse(s, domain, json, len, err);
    }
    free(json);
    return rc;
}

/* Is this a recorded trace? docs/trace-format.md */
static bool is_trace(const char *file)
{
    char magic[8] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool yes = fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
               !memcmp(magic, "XPCTRACE", sizeof(magic));

    if (fd >= 0)
        close(fd);
    return yes;
}

static int read_trace(struct predict_source *s, const char *file,
                      char err[XPC_ERR_LEN])
{
    struct child c;

    if (!start_child(&c, NULL, file, NULL))
        return finish_child(s, &c, file, err);
    snprintf(err, XPC_ERR_LEN, "xl dirty-rate can't be started: %s",
             strerror(errno));
    return -1;
}

int predict_read(struct predict_source *s, size_t max, size_t *nr_r,
                 const char *file, char err[XPC_ERR_LEN])
{
    bool is_stdin = !strcmp(file, "-");
    int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC), rc;
    const char *slash = strrchr(file, '/');
    char *json = NULL;
    size_t len;

    *nr_r = 0;
    if (max && fd >= 0 && !is_stdin && is_trace(file)) {
        close(fd);
        *nr_r = 1;
        *s = (struct predict_source){ 0 };
        return read_trace(s, file, err);
    }
    if (fd >= 0)
        json = slurp(fd, &len);
    if (!json) {
        snprintf(err, XPC_ERR_LEN, "can't be read: %s", strerror(errno));
        rc = blame(err, file);
    } else {
        rc = parse_all(s, max, nr_r, is_stdin ? "standard input" : file,
                       is_stdin ? "stdin" : slash ? slash + 1 : file, json,
                       len, err);
    }
    if (fd >= 0 && !is_stdin)
        close(fd);
    free(json);
    return rc;
}

int predict_measure(struct predict_source *s, char *const *domains, size_t nr,
                    const char *calc_time, char err[XPC_ERR_LEN])
{
    struct child children[XPC_EVACUATE_MAX];
    char line[XPC_ERR_LEN];
    size_t started;
    int rc = 0;

    for (started = 0; started < nr; started++) {
        if (start_child(&children[started], domains[started], NULL,
                        calc_time)) {
            snprintf(err, XPC_ERR_LEN, "xl dirty-rate can't be started: %s",
                     strerror(errno));
            rc = -1;
            break;
        }
    }
    /* All are waited for; the first error is the one told. */
    for (size_t i = 0; i < started; i++) {
        s[i] = (struct predict_source){ 0 };
        if (finish_child(&s[i], &children[i], domains[i],
                         rc ? line : err))
            rc = -1;
    }
    for (size_t i = 0; rc && i < started; i++)
        predict_source_dispose(&s[i]);
    return rc;
}
