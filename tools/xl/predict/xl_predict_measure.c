/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measurements come from files, or from xl dirty-rate run for each domain. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/forms.h>

#include "common/xl_input.h"
#include "predict/xl_predict_measure.h"

void predict_source_dispose(struct predict_source *s)
{
    free(s->name);
    *s = (struct predict_source){ 0 };
}

const struct xpc_phased *predict_phased(const struct predict_source *s,
                                        const struct predict_options *o)
{
    return s->phased.cycle.period_ns && !o->no_lulls ? &s->phased : NULL;
}

/* Prefixes the line in err. Returns -1. */
static int prefix_error(char err[XPC_ERR_LEN], const char *what)
{
    char line[XPC_ERR_LEN];

    snprintf(line, sizeof(line), "%s", err);
    snprintf(err, XPC_ERR_LEN, "%.80s: %.170s", what, line);
    xl_plain(err);
    return -1;
}

/* ---- measurements ----------------------------------------------------- */

/* The share of the pages, but for zero pages, that changed. */
static double changed_share(const struct xpc_measurement *m)
{
    double pages = m->n_total - m->zero_pages;

    return pages > 0 ? m->dirty_pages[m->nr_periods - 1] / pages : 1;
}

static const struct xpc_compress_result *
find_result(const struct xpc_measurement *m,
            const struct xpc_compress_method *method)
{
    for (size_t i = 0; i < m->nr_compress; i++) {
        const struct xpc_compress_method this = {
            m->compress[i].compress, m->compress[i].level
        };

        if (xpc_compress_same(&this, method))
            return &m->compress[i];
    }
    return NULL;
}

/* Sets the costs of the methods of --compress. */
static int set_costs(struct predict_source *s,
                     const struct xpc_measurement *m,
                     const struct predict_options *o, char err[XPC_ERR_LEN])
{
    const struct xpc_compress_method *method;
    const struct xpc_compress_result *r;
    char text[XPC_UNIT_LEN];

    for (size_t i = 0; i < o->nr_measured; i++) {
        method = &o->measured[i];
        r = find_result(m, method);
        if (r && xpc_compress_cost(&s->costs[s->nr_costs], r,
                                   changed_share(m))) {
            s->nr_costs++;
            continue;
        }
        if (o->costs_optional)
            continue;
        snprintf(err, XPC_ERR_LEN, "how well %s compresses its pages was not "
                 "measured: use xl dirty-rate --compress=%s, not on a trace",
                 xpc_compress_text(text, method), text);
        return -1;
    }
    return 0;
}

/* Sets *s from a measurement; name: for one without a name. */
static int set_source(struct predict_source *s,
                      const struct xpc_measurement *m, const char *name,
                      const struct predict_options *o, char err[XPC_ERR_LEN])
{
    *s = (struct predict_source){
        .name = xl_plain_copy(m->name && *m->name ? m->name : name),
        .rate_mib = m->dirty_rate,
        .paused = m->paused, .late = m->late, .ballooned = m->ballooned,
    };
    if (xpc_measurement_curve(m, &s->curve, err) ||
        xpc_curve_check(&s->curve, err, XPC_ERR_LEN))
        return -1;
    if (!xpc_measurement_phased(m, &s->curve, &s->phased))
        s->phased.cycle.period_ns = 0;
    s->longest_ns = m->period_ns[m->nr_periods - 1];
    return set_costs(s, m, o, err);
}

/* Parses all measurements of a text, one per domain. */
static int parse_all(struct predict_source *s, size_t max, size_t *nr_r,
                     const char *what, const char *name, const char *text,
                     size_t len, const struct predict_options *o,
                     char err[XPC_ERR_LEN])
{
    struct xpc_measurement *list;
    size_t nr;
    int rc = 0;

    if (xpc_measurements_read(&list, &nr, text, len, o->memory_pages, err))
        return prefix_error(err, what);
    if (nr > max) {
        snprintf(err, XPC_ERR_LEN, "at most %d domains", XPC_EVACUATE_MAX);
        rc = -1;
    }
    for (size_t i = 0; i < nr && !rc; i++)
        rc = set_source(&s[(*nr_r)++], &list[i], name, o, err);
    xpc_measurements_free(list, nr);
    return rc ? prefix_error(err, what) : 0;
}

int predict_parse(struct predict_source *s, const char *name,
                  const char *json, size_t len,
                  const struct predict_options *o, char err[XPC_ERR_LEN])
{
    size_t nr = 0;
    int rc;

    *s = (struct predict_source){ 0 };
    rc = parse_all(s, 1, &nr, name, name, json, len, o, err);
    if (rc)
        predict_source_dispose(s);
    return rc;
}

/* ---- xl dirty-rate ---------------------------------------------------- */

struct child {
    pid_t pid;
    int out;
};

const char *predict_methods_text(const struct predict_options *o)
{
    char *list = NULL, buf[XPC_UNIT_LEN];

    for (size_t i = 0; i < o->nr_measured; i++)
        list = xl_asprintf("%s%s%s", list ? list : "", list ? "," : "",
                           xpc_compress_text(buf, &o->measured[i]));
    return list ? list : "off";
}

/* For a domain or a trace; the other one is NULL. */
static void exec_dirty_rate(const char *domain, const char *trace,
                            const struct predict_options *o)
{
    const char *args[10] = { "xl", "dirty-rate", "--json" };
    int n = 3;

    if (o->calc_time && domain)
        args[n++] = xl_asprintf("--calc-time=%s", o->calc_time);
    if (o->mode && domain)
        args[n++] = xl_asprintf("--mode=%s", o->mode);
    args[n++] = xl_asprintf("--compress=%s", predict_methods_text(o));
    if (trace)
        args[n++] = xl_asprintf("--trace=%s", trace);
    args[n++] = "--";
    args[n] = domain;
    execv("/proc/self/exe", (char **)args);
    _exit(127);
}

static int start_child(struct child *c, const char *domain,
                       const char *trace, const struct predict_options *o)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC))
        return -1;
    c->pid = fork();
    if (!c->pid) {
        dup2(fds[1], STDOUT_FILENO);
        exec_dirty_rate(domain, trace, o);
    }
    close(fds[1]);
    c->out = fds[0];
    if (c->pid > 0)
        return 0;
    close(fds[0]);
    return -1;
}

/*
 * Waits for the child and parses its output. If it has printed an error
 * itself, err is empty.
 */
static int finish_child(struct predict_source *s, struct child *c,
                        const char *domain, const struct predict_options *o,
                        char err[XPC_ERR_LEN])
{
    size_t len = 0;
    char *json = xl_read_to_end(c->out, &len);
    int status = -1, rc = -1;

    close(c->out);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *err = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) &&
        WEXITSTATUS(status) != 127) {
        rc = -1;
    } else if (status || !json || !len) {
        snprintf(err, XPC_ERR_LEN, "xl dirty-rate could not measure it");
        prefix_error(err, domain);
    } else {
        rc = predict_parse(s, domain, json, len, o, err);
    }
    free(json);
    return rc;
}

/* By its magic, see docs/trace-format.md. */
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
                      const struct predict_options *o, char err[XPC_ERR_LEN])
{
    struct child c;

    if (!start_child(&c, NULL, file, o))
        return finish_child(s, &c, file, o, err);
    snprintf(err, XPC_ERR_LEN, "xl dirty-rate can't be started: %s",
             strerror(errno));
    return -1;
}

int predict_read(struct predict_source *s, size_t max, size_t *nr_r,
                 const char *file, const struct predict_options *o,
                 char err[XPC_ERR_LEN])
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
        return read_trace(s, file, o, err);
    }
    if (fd >= 0)
        json = xl_read_to_end(fd, &len);
    if (!json) {
        snprintf(err, XPC_ERR_LEN, "can't be read: %s", strerror(errno));
        rc = prefix_error(err, file);
    } else {
        rc = parse_all(s, max, nr_r, is_stdin ? "standard input" : file,
                       is_stdin ? "stdin" : slash ? slash + 1 : file, json,
                       len, o, err);
    }
    if (fd >= 0 && !is_stdin)
        close(fd);
    free(json);
    return rc;
}

int predict_measure(struct predict_source *s, const struct predict_options *o,
                    char err[XPC_ERR_LEN])
{
    char *const *domains = o->domains;
    size_t nr = o->nr_domains;
    struct child children[XPC_EVACUATE_MAX];
    char line[XPC_ERR_LEN];
    size_t started;
    int rc = 0;

    for (started = 0; started < nr; started++) {
        if (start_child(&children[started], domains[started], NULL, o)) {
            snprintf(err, XPC_ERR_LEN, "xl dirty-rate can't be started: %s",
                     strerror(errno));
            rc = -1;
            break;
        }
    }
    /* Wait for all of them, and report the first error. */
    for (size_t i = 0; i < started; i++) {
        s[i] = (struct predict_source){ 0 };
        if (finish_child(&s[i], &children[i], domains[i], o,
                         rc ? line : err))
            rc = -1;
    }
    for (size_t i = 0; rc && i < started; i++)
        predict_source_dispose(&s[i]);
    return rc;
}
