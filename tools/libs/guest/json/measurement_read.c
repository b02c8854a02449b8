/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads measurements in several forms: objects one after the other or in an
 * array, a session with QEMU's monitor (QMP), or the output of virsh domstats.
 * Rates of QEMU or libvirt at different calc-times are combined into a curve.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "json/span.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGES_PER_MIB (1048576 / XPC_PAGE_SIZE)

struct rate {
    uint64_t t_ns, mib_per_s;
};

/* What was read about a guest that has rates rather than a measurement. */
struct guest {
    char *name;                 /* NULL: the unnamed guest of a QMP session */
    uint64_t pages;             /* its memory; 0: unknown */
    struct rate rate[XPC_PERIODS_MAX];
    size_t nr;
    int mode;                   /* enum xpc_measure_mode, of all rates */
    uint64_t sample_pages;
    int status;                 /* of the last answer */
    bool migrate;               /* an answer to query-migrate was read */
    char error[100];            /* the last error in the QMP session */
};

struct reading {
    struct xpc_measurement *m;
    size_t nr;
    struct guest *guest;
    size_t nr_guests;
    char *err;
};

__attribute__((format(printf, 2, 3)))
static int fail(struct reading *r, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(r->err, XPC_ERR_LEN, fmt, al);
    va_end(al);
    xpc_plain_line(r->err);
    errno = EINVAL;
    return -1;
}

static int no_memory(struct reading *r)
{
    fail(r, "out of memory");
    errno = ENOMEM;
    return -1;
}

/* Appends a zeroed entry to an array of *nr. Returns NULL if out of memory. */
static void *append(void **array, size_t *nr, size_t size)
{
    char *p = realloc(*array, (*nr + 1) * size);

    if (!p)
        return NULL;
    *array = p;
    return memset(p + (*nr)++ * size, 0, size);
}

/* ---- rates ------------------------------------------------------------ */

struct qemu_rate {
    int status;                 /* enum xpc_measure_status */
    int mode;                   /* enum xpc_measure_mode */
    int unit;                   /* enum xpc_time_unit */
    uint64_t calc_time, rate, sample_pages;
};

static const struct xpc_field status_fields[] = {
    { .name = "status", .kind = XPC_FIELD_ENUM,
      .offset = offsetof(struct qemu_rate, status),
      .names = xpc_measure_status_names, .required = true },
};
/* Read first, because the rate is -1 while there is none. */
static const struct xpc_type status_type = {
    .name = "query-dirty-rate", .size = sizeof(struct qemu_rate),
    .fields = status_fields, .nr_fields = ARRAY_SIZE(status_fields),
};

#define FIELD(key, k, m, ...) \
    { .name = key, .kind = XPC_FIELD_##k, \
      .offset = offsetof(struct qemu_rate, m), __VA_ARGS__ }
static const struct xpc_field rate_fields[] = {
    FIELD("dirty-rate", U64, rate, .required = true),
    FIELD("mode", ENUM, mode, .names = xpc_measure_mode_names),
    FIELD("sample-pages", U64, sample_pages),
    FIELD("calc-time", U64, calc_time, .required = true),
    FIELD("calc-time-unit", ENUM, unit, .names = xpc_time_unit_names),
};
#undef FIELD
static const struct xpc_type rate_type = {
    .name = "query-dirty-rate", .size = sizeof(struct qemu_rate),
    .fields = rate_fields, .nr_fields = ARRAY_SIZE(rate_fields),
};

/*
 * Finds or adds the guest with this name, or the session's if name is NULL.
 * Returns NULL if out of memory.
 */
static struct guest *guest_of(struct reading *r, const char *name)
{
    struct guest *g;

    for (size_t i = 0; i < r->nr_guests; i++) {
        g = &r->guest[i];
        if (name && g->name ? !strcmp(name, g->name) : name == g->name)
            return g;
    }
    g = append((void **)&r->guest, &r->nr_guests, sizeof(*g));
    if (!g || !name)
        return g;
    g->name = strdup(name);
    return g->name ? g : NULL;
}

/* Adds a rate. Of two with the same calc-time, the higher one is used. */
static int add_rate(struct reading *r, struct guest *g,
                    const struct qemu_rate *q)
{
    struct rate new = { .mib_per_s = q->rate };
    size_t i = 0;

    g->status = q->status;
    if (q->status != XPC_MEASURE_MEASURED)
        return 0;
    if (!q->calc_time ||
        __builtin_mul_overflow(q->calc_time, q->unit == XPC_UNIT_SECOND ?
                               XPC_S : XPC_MS, &new.t_ns))
        return fail(r, "calc-time: %"PRIu64" is out of range", q->calc_time);
    if (g->nr && q->mode != g->mode)
        return fail(r, "rates in %s and in %s mode don't make one curve: take "
                    "all in the same", xpc_measure_mode_names[g->mode],
                    xpc_measure_mode_names[q->mode]);
    while (i < g->nr && g->rate[i].t_ns < new.t_ns)
        i++;
    if (i < g->nr && g->rate[i].t_ns == new.t_ns) {
        if (g->rate[i].mib_per_s < new.mib_per_s)
            g->rate[i] = new;
        return 0;
    }
    if (g->nr == XPC_PERIODS_MAX)
        return fail(r, "more than %u rates", XPC_PERIODS_MAX);
    memmove(&g->rate[i + 1], &g->rate[i], (g->nr - i) * sizeof(new));
    g->rate[i] = new;
    g->nr++;
    g->mode = q->mode;
    g->sample_pages = q->sample_pages;
    return 0;
}

/* The interval includes that QEMU truncates rates to MiB/s, and samples. */
static void fill_period(struct xpc_measurement *m, size_t i,
                        const struct rate *rate)
{
    double mib = rate->t_ns / 1e9 * PAGES_PER_MIB, total = m->n_total;
    double least = fmin(rate->mib_per_s * mib, total);
    double most = fmin((rate->mib_per_s + 1.0) * mib, total);
    double low, high;

    m->period_ns[i] = m->nominal_ns[i] = rate->t_ns;
    m->dirty_pages[i] = (least + most) / 2;
    m->n_dirty[i] = m->dirty_pages[i] / total * m->n_sampled;
    xpc_interval(m->n_dirty[i], m->n_sampled, m->n_total, &low, &high);
    m->dirty_low[i] = fmin(least, low);
    m->dirty_high[i] = fmin(fmax(most, high), total);
}

static int rates_to_measurement(struct reading *r, const struct guest *g,
                                uint64_t pages, struct xpc_measurement *m)
{
    uint64_t per_gib = g->sample_pages ? g->sample_pages :
                                         XPC_SAMPLE_PAGES_DEFAULT;
    double sampled = (double)pages / (1 << 18) * per_gib;

    xpc_measurement_init(m);
    if (xpc_measurement_alloc(m, g->nr))
        return no_memory(r);
    m->status = XPC_MEASURE_MEASURED;
    m->mode = g->mode;
    m->name = g->name ? strdup(g->name) : NULL;
    m->n_total = m->n_sampled = pages;
    if (g->mode == XPC_MODE_PAGE_SAMPLING) {
        m->sample_pages = per_gib;
        m->n_sampled = fmax(1, fmin(sampled, pages));
    }
    for (size_t i = 0; i < g->nr; i++)
        fill_period(m, i, &g->rate[i]);
    m->dirty_rate = g->rate[g->nr - 1].mib_per_s;
    xpc_measurement_set_calc_ns(m, g->rate[g->nr - 1].t_ns);
    return xpc_measurement_complete(m, r->err);
}

/* Fails with the reason why the guest has no measurement. */
static int refuse_guest(struct reading *r, const struct guest *g)
{
    if (g->nr == 1)
        return fail(r, "a rate alone is not enough: pages dirty after "
                    "different times are needed. Give rates at two or more "
                    "calc-times, or xl dirty-rate --json --pid=QEMU'S-PID");
    if (g->nr)
        return fail(r, "the guest's memory is not said: add the answer to "
                    "query-memory-size-summary (virsh domstats --balloon), or "
                    "give --memory=MIB");
    if (*g->error)
        return fail(r, "QEMU answered with an error: %s", g->error);
    if (g->status == XPC_MEASURE_MEASURING)
        return fail(r, "QEMU is still measuring: take query-dirty-rate's "
                    "answer when its calc-time is over");
    if (g->migrate)
        return fail(r, "query-migrate says how a migration goes, not how fast "
                    "the guest dirties its memory. Take query-dirty-rate at "
                    "two or more calc-times");
    return fail(r, "nothing was measured: start calc-dirty-rate, and take "
                "query-dirty-rate's answer when its calc-time is over");
}

static int finish_guest(struct reading *r, const struct guest *g,
                        uint64_t memory_pages)
{
    uint64_t pages = g->pages ? g->pages : memory_pages;
    struct xpc_measurement *m;

    if (g->nr < 2 || !pages)
        return refuse_guest(r, g);
    m = append((void **)&r->m, &r->nr, sizeof(*m));
    return m ? rates_to_measurement(r, g, pages, m) : no_memory(r);
}

/* ---- QMP -------------------------------------------------------------- */

/* The value of a member that is a number of bytes; 0: none, or out of range. */
static uint64_t bytes_of(struct span object, const char *name)
{
    struct span v = span_member(object, name);
    char digits[24] = "";
    uint64_t n;

    if (v.p == v.end || (size_t)(v.end - v.p) >= sizeof(digits))
        return 0;
    memcpy(digits, v.p, v.end - v.p);
    return xpc_parse_count(digits, &n) || n >> 62 ? 0 : n;
}

static int read_rate(struct reading *r, struct guest *g, struct span s)
{
    struct qemu_rate q = { 0 };

    if (xpc_from_json(&status_type, &q, s.p, s.end - s.p, r->err) ||
        (q.status == XPC_MEASURE_MEASURED &&
         xpc_from_json(&rate_type, &q, s.p, s.end - s.p, r->err)))
        return -1;
    return add_rate(r, g, &q);
}

static int read_measurement(struct reading *r, struct span s)
{
    struct xpc_measurement m, *to;

    xpc_measurement_init(&m);
    if (xpc_measurement_from_json(&m, s.p, s.end - s.p, r->err))
        return -1;
    to = append((void **)&r->m, &r->nr, sizeof(*to));
    if (to) {
        *to = m;
        return 0;
    }
    xpc_measurement_dispose(&m);
    return no_memory(r);
}

/* Reads an answer. Returns 1 if it is not one that is used, 0, or -1. */
static int read_answer(struct reading *r, struct span s)
{
    struct guest *g;
    uint64_t bytes = 0;
    bool migrate = span_has_member(s, "ram");
    bool rate = span_has_member(s, "calc-time");

    if (span_has_member(s, "periods"))
        return read_measurement(r, s);
    if (migrate)
        bytes = bytes_of(span_member(s, "ram"), "total");
    else if (span_has_member(s, "base-memory"))
        bytes = bytes_of(s, "base-memory") + bytes_of(s, "plugged-memory");
    else if (span_has_member(s, "actual"))
        bytes = bytes_of(s, "actual");
    else if (!rate)
        return 1;
    g = guest_of(r, NULL);
    if (!g)
        return no_memory(r);
    if (rate)
        return read_rate(r, g, s);
    g->migrate |= migrate;
    g->pages = bytes / XPC_PAGE_SIZE;
    return 0;
}

static int read_error(struct reading *r, struct span s)
{
    struct span desc = span_member(s, "desc");
    struct guest *g = guest_of(r, NULL);

    if (!g)
        return no_memory(r);
    snprintf(g->error, sizeof(g->error), "%.*s", desc.p == desc.end ? 1 :
             (int)(desc.end - desc.p < 99 ? desc.end - desc.p : 99),
             desc.p == desc.end ? "?" : desc.p);
    return 0;
}

static int read_values(struct reading *r, struct span s, int depth);

/* depth is the nesting of arrays. */
static int read_value(struct reading *r, struct span s, int depth)
{
    static const char *const ignored[] = {
        "QMP", "event", "execute", "exec-oob",
    };
    struct span answer;
    int rc;

    if (span_starts_with(s, "[") && depth < XPC_JSON_MAX_DEPTH)
        return read_values(r, (struct span){ s.p + 1, s.end }, depth + 1);
    if (span_starts_with(s, "{")) {
        for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
            if (span_has_member(s, ignored[i]))
                return 0;
        }
        answer = span_member(s, "error");
        if (span_starts_with(answer, "{"))
            return read_error(r, answer);
        answer = span_member(s, "return");
        if (span_starts_with(answer, "{")) {
            rc = read_answer(r, answer);
            return rc > 0 ? 0 : rc;
        }
        if (answer.p < answer.end)
            return 0;
        rc = read_answer(r, s);
        if (rc <= 0)
            return rc;
    }
    return read_measurement(r, s);      /* fails with what is missing */
}

/* Reads all values; within an array, up to its end. */
static int read_values(struct reading *r, struct span s, int depth)
{
    for (s = span_skip_spaces(s); s.p < s.end; s = span_skip_spaces(s)) {
        if (depth && span_starts_with(s, "]"))
            break;
        if (read_value(r, span_take_value(&s), depth))
            return -1;
        s = span_skip_spaces(s);
        if (depth && span_starts_with(s, ","))
            s.p++;
    }
    return 0;
}

/* ---- virsh domstats --------------------------------------------------- */

static bool is_domstats(struct span s)
{
    return !span_starts_with(s, "{") && !span_starts_with(s, "[") &&
           span_contains(s, "dirtyrate.");
}

/* The value of a line with this key, or NULL. */
static const char *value_of(const char *line, const char *key)
{
    size_t n = strlen(key);

    return !strncmp(line, key, n) && line[n] == '=' ? line + n + 1 : NULL;
}

static uint64_t count_of(const char *s)
{
    uint64_t n;

    return xpc_parse_count(s, &n) ? 0 : n;
}

static void read_line(struct guest *g, struct qemu_rate *q, const char *line)
{
    const char *v;

    if ((v = value_of(line, "dirtyrate.calc_status"))) {
        q->status = count_of(v);        /* libvirt uses the same numbers */
        if (q->status > XPC_MEASURE_MEASURED)
            q->status = XPC_MEASURE_FAILED;
    } else if ((v = value_of(line, "dirtyrate.calc_period"))) {
        q->calc_time = count_of(v);
    } else if ((v = value_of(line, "dirtyrate.megabytes_per_second"))) {
        q->rate = count_of(v);
    } else if ((v = value_of(line, "dirtyrate.calc_mode"))) {
        for (int i = 0; xpc_measure_mode_names[i]; i++) {
            if (!strcmp(v, xpc_measure_mode_names[i]))
                q->mode = i;
        }
    } else if ((v = value_of(line, "balloon.current"))) {
        g->pages = count_of(v) / (XPC_PAGE_SIZE / 1024);
    }
}

/* Reads any number of blocks: Domain: 'NAME', and indented lines of figures. */
static int read_domstats(struct reading *r, struct span s)
{
    struct qemu_rate q = { 0 };
    struct guest *g = NULL;

    while (s.p < s.end) {
        const char *nl = memchr(s.p, '\n', s.end - s.p);
        const char *end = nl ? nl : s.end;
        char line[256], *name, *quote;

        snprintf(line, sizeof(line), "%.*s",
                 (int)(end - s.p < 255 ? end - s.p : 255), s.p);
        s.p = nl ? nl + 1 : s.end;
        line[strcspn(line, "\r")] = 0;
        name = line + strspn(line, " \t");
        if (strncmp(name, "Domain: '", 9)) {
            if (g)
                read_line(g, &q, name);
            continue;
        }
        name += 9;
        quote = strrchr(name, '\'');
        if (quote)
            *quote = 0;
        if (g && add_rate(r, g, &q))
            return -1;
        q = (struct qemu_rate){ 0 };
        g = guest_of(r, name);
        if (!g)
            return no_memory(r);
    }
    if (!g)
        return fail(r, "virsh domstats without its line Domain: 'NAME'");
    return add_rate(r, g, &q);
}

/* ---- everything -------------------------------------------------------- */

static int read_all(struct reading *r, struct span s, uint64_t memory_pages)
{
    int rc;

    if (span_starts_with(s, "\xff\xfe") || span_starts_with(s, "\xfe\xff"))
        return fail(r, "this is UTF-16: save it as UTF-8");
    if (span_starts_with(s, "\xef\xbb\xbf"))      /* a byte-order mark */
        s.p += 3;
    s = span_skip_spaces(s);
    if (s.p == s.end)
        return read_measurement(r, s);  /* fails: not JSON */
    rc = is_domstats(s) ? read_domstats(r, s) : read_values(r, s, 0);
    for (size_t i = 0; !rc && i < r->nr_guests; i++) {
        const struct guest *g = &r->guest[i];

        /* Skip the remains of a session that had a measurement. */
        if (g->nr || !r->nr || g->name)
            rc = finish_guest(r, g, memory_pages);
    }
    if (!rc && !r->nr)
        rc = fail(r, "there is no measurement in it");
    return rc;
}

int xpc_measurements_read(struct xpc_measurement **list_r, size_t *nr_r,
                          const char *text, size_t len,
                          uint64_t memory_pages, char err[XPC_ERR_LEN])
{
    struct reading r = { .err = err };
    int rc = read_all(&r, (struct span){ text, text + len }, memory_pages);
    int saved = errno;

    for (size_t i = 0; i < r.nr_guests; i++)
        free(r.guest[i].name);
    free(r.guest);
    if (rc) {
        xpc_measurements_free(r.m, r.nr);
        errno = saved;
        return -1;
    }
    *list_r = r.m;
    *nr_r = r.nr;
    return 0;
}

void xpc_measurements_free(struct xpc_measurement *list, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        xpc_measurement_dispose(&list[i]);
    free(list);
}
