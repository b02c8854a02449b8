/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/compress.h>

#include "core/names.h"
#include "core/value.h"

/* Higher levels of either take twice the time for a few percent. */
const struct xpc_compress_method xpc_compress_defaults[] = {
    { XPC_COMPRESS_LZ4, 1 }, { XPC_COMPRESS_ZSTD, 1 },
    { XPC_COMPRESS_ZSTD, 3 },
};
const size_t xpc_nr_compress_defaults =
    sizeof(xpc_compress_defaults) / sizeof(xpc_compress_defaults[0]);

/* ---- as text ----------------------------------------------------------- */

int xpc_compress_parse(const char *s, struct xpc_compress_method *m,
                       char why[XPC_ERR_LEN])
{
    const char *colon = strchrnul(s, ':');
    uint64_t level = 0, most;
    int i;

    for (i = 0; xpc_compress_names[i]; i++) {
        if (strlen(xpc_compress_names[i]) == (size_t)(colon - s) &&
            !strncmp(xpc_compress_names[i], s, colon - s))
            break;
    }
    most = xpc_compress_names[i] ? xpc_compress_level_max(i) : 0;
    if (!xpc_compress_names[i] || (*colon && !most))
        return xpc_value_bad(why, "off, auto, zstd, lz4, or one of the last "
                             "two with a level, such as zstd:3, is accepted");
    if (*colon && (xpc_parse_count(colon + 1, &level) || !level ||
                   level > most))
        return xpc_value_bad(why, "the level of %s is 1 to %"PRIu64,
                             xpc_compress_names[i], most);
    *m = (struct xpc_compress_method){ i, level };
    return 0;
}

const char *xpc_compress_text(char buf[XPC_UNIT_LEN],
                              const struct xpc_compress_method *m)
{
    size_t n = snprintf(buf, XPC_UNIT_LEN, "%s",
                        xpc_compress_names[m->compress]);

    if (m->level > 1 && n < XPC_UNIT_LEN)
        snprintf(buf + n, XPC_UNIT_LEN - n, ":%"PRIu64, m->level);
    return buf;
}

bool xpc_compress_same(const struct xpc_compress_method *a,
                       const struct xpc_compress_method *b)
{
    return a->compress == b->compress &&
           (a->level ? a->level : 1) == (b->level ? b->level : 1);
}

/* ---- estimates --------------------------------------------------------- */

void xpc_compress_add(struct xpc_compress_sums *s, unsigned int pages,
                      size_t size, uint64_t ns)
{
    double x = pages, y = (double)size / XPC_PAGE_SIZE;

    s->blocks++;
    s->x += x;
    s->xx += x * x;
    s->y += y;
    s->yy += y * y;
    s->xy += x * y;
    s->ns += ns;
    s->ns_ns += (double)ns * ns;
    s->x_ns += x * ns;
}

/*
 * The 97.5% quantile of Student's t with n degrees of freedom, from 2 on.
 * Abramowitz and Stegun, 26.7.5: 0.8% too low for 2, 0.1% for 3.
 */
static double student(double n)
{
    const double z = 1.959963984540054, z2 = z * z;
    double g1 = z * (z2 + 1) / 4;
    double g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
    double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
    double g4 = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) /
                92160;

    return z + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n;
}

/* Half the interval of a ratio: sums of y^2, x y and of x. */
static double half_interval(const struct xpc_compress_sums *s, double ratio,
                            double yy, double xy)
{
    double n = s->blocks;
    double squares = yy - 2 * ratio * xy + ratio * ratio * s->xx;

    if (s->blocks < XPC_COMPRESS_BLOCKS_MIN)
        return INFINITY;
    return student(n - 1) * sqrt(n / (n - 1) * fmax(squares, 0)) / s->x;
}

void xpc_compress_fit(struct xpc_compress_fit *f,
                      const struct xpc_compress_sums *s)
{
    double half;

    *f = (struct xpc_compress_fit){ .pages = s->x, .blocks = s->blocks };
    if (!f->pages)
        return;
    f->share = s->y / s->x;
    half = half_interval(s, f->share, s->yy, s->xy);
    f->share_low = fmax(f->share - half, 0);
    f->share_high = fmin(f->share + half, 1);
    f->page_ns = s->ns / s->x;
    half = half_interval(s, f->page_ns, s->ns_ns, s->x_ns);
    f->page_ns_low = fmax(f->page_ns - half, 0);
    /* Nothing is known of the costs of so few blocks: ten times as much. */
    f->page_ns_high = fmin(f->page_ns + half, 10 * f->page_ns);
}

static bool fit_valid(const struct xpc_compress_fit *f)
{
    if (!f->pages)
        return !f->blocks;
    /* Also false for NaN. Numbers are written with nine digits. */
    return f->blocks && f->blocks <= f->pages && f->pages < UINT64_C(1) << 52 &&
           f->share_low >= 0 && f->share_low <= f->share && f->share > 0 &&
           f->share <= f->share_high && f->share_high <= 1 + 1e-8 &&
           f->page_ns_low >= 0 && f->page_ns_low <= f->page_ns &&
           f->page_ns <= f->page_ns_high && f->page_ns_high < 1e12;
}

bool xpc_compress_result_valid(const struct xpc_compress_result *r)
{
    return (r->compress == XPC_COMPRESS_ZSTD ||
            r->compress == XPC_COMPRESS_LZ4) &&
           r->level <= xpc_compress_level_max(r->compress) &&
           fit_valid(&r->kept) && fit_valid(&r->changed);
}

/* ---- what compression gives a migration -------------------------------- */

static double mix(double kept, double changed, double share)
{
    return kept + (changed - kept) * share;
}

static struct xpc_compress_page mix_fits(const struct xpc_compress_fit *kept,
                                         const struct xpc_compress_fit *other,
                                         double share)
{
    return (struct xpc_compress_page){
        .share = mix(kept->share, other->share, share),
        .share_low = mix(kept->share_low, other->share_low, share),
        .share_high = mix(kept->share_high, other->share_high, share),
        .ns = mix(kept->page_ns, other->page_ns, share),
        .ns_low = mix(kept->page_ns_low, other->page_ns_low, share),
        .ns_high = mix(kept->page_ns_high, other->page_ns_high, share),
    };
}

bool xpc_compress_cost(struct xpc_compress_cost *c,
                       const struct xpc_compress_result *r, double changed)
{
    const struct xpc_compress_fit *kept = r->kept.pages ? &r->kept :
                                                          &r->changed;
    const struct xpc_compress_fit *other = r->changed.pages ? &r->changed :
                                                              &r->kept;

    *c = (struct xpc_compress_cost){ .method = { r->compress, r->level } };
    if (!kept->pages)
        return false;
    c->first = mix_fits(kept, other, fmin(fmax(changed, 0), 1));
    c->later = mix_fits(other, other, 0);
    return true;
}

void xpc_compress_cost_off(struct xpc_compress_cost *c)
{
    static const struct xpc_compress_page whole = {
        .share = 1, .share_low = 1, .share_high = 1,
    };

    *c = (struct xpc_compress_cost){ .first = whole, .later = whole };
}

double xpc_compress_rate(const struct xpc_compress_page *p, double link,
                         double processors)
{
    return fmin(link / (XPC_PAGE_SIZE * p->share), processors * 1e9 / p->ns);
}

size_t xpc_compress_choose(const struct xpc_compress_page *const *pages,
                           size_t nr, double link, double processors)
{
    double fastest = 0, least = INFINITY;
    size_t best = 0;

    for (size_t i = 0; i < nr; i++)
        fastest = fmax(fastest, xpc_compress_rate(pages[i], link, processors));
    for (size_t i = 0; i < nr; i++) {
        if (pages[i]->ns < least &&
            xpc_compress_rate(pages[i], link, processors) >=
            XPC_COMPRESS_ALIKE * fastest) {
            least = pages[i]->ns;
            best = i;
        }
    }
    return best;
}

/* ---- what was done ----------------------------------------------------- */

__attribute__((format(printf, 3, 4)))
static size_t add(char *buf, size_t at, const char *fmt, ...)
{
    va_list al;
    int n;

    if (at >= XPC_COMPRESS_CLAUSE_LEN)
        return at;
    va_start(al, fmt);
    n = vsnprintf(buf + at, XPC_COMPRESS_CLAUSE_LEN - at, fmt, al);
    va_end(al);
    return at + (n > 0 ? n : 0);
}

static const char *use_text(char buf[XPC_UNIT_LEN],
                            const struct xpc_compress_use *u)
{
    const struct xpc_compress_method m = { u->compress, u->level };

    return xpc_compress_text(buf, &m);
}

/* ns: the time by which a page delays all channels. */
static struct xpc_compress_page use_page(const struct xpc_report *r,
                                         const struct xpc_compress_use *u)
{
    double ns = fmax((double)u->cpu_ns / r->processors,
                     (double)u->wall_ns / r->channels);

    return (struct xpc_compress_page){
        .share = (double)u->wire_bytes / u->bytes,
        .ns = ns / u->bytes * XPC_PAGE_SIZE,
    };
}

/* What the method gives: "zstd:3 365 Mbit/s (27% left, 12.1 us a page)". */
static size_t add_use(char *buf, size_t at, const struct xpc_report *r,
                      const struct xpc_compress_use *u)
{
    struct xpc_compress_page page = use_page(r, u);
    double rate = xpc_compress_rate(&page, r->link_bytes_per_s, 1) *
                  XPC_PAGE_SIZE;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    at = add(buf, at, "%s %s", use_text(a, u),
             xpc_format_bandwidth(b, fmin(rate, 0x1p62)));
    return u->compress == XPC_COMPRESS_OFF ? at :
           add(buf, at, " (%.0f%% left, %.1f us a page)", 100 * page.share,
               u->cpu_ns / 1e3 / u->bytes * XPC_PAGE_SIZE);
}

const char *xpc_compress_clause(const struct xpc_report *r,
                                char buf[XPC_COMPRESS_CLAUSE_LEN])
{
    const char *sep = "";
    char a[XPC_UNIT_LEN];
    double total = 0;
    size_t at = 0;

    *buf = 0;
    for (size_t i = 0; i < r->nr_compress; i++)
        total += r->compress[i].bytes;
    if (r->params.compress != XPC_COMPRESS_AUTO || !(total > 0))
        return buf;
    for (size_t i = 0; i < r->nr_compress; i++, sep = ", ")
        at = add(buf, at, "%s%s for %.0f%%", sep,
                 use_text(a, &r->compress[i]),
                 100 * r->compress[i].bytes / total);
    if (!r->link_bytes_per_s) {
        add(buf, at, " of the data, as the link was never the bottleneck");
        return buf;
    }
    at = add(buf, at, " of the data; %s on the link would carry",
             xpc_format_bandwidth(a, r->link_bytes_per_s));
    sep = " ";
    for (size_t i = 0; i < r->nr_compress; i++) {
        if (!r->compress[i].bytes)
            continue;
        at = add(buf, at, "%s", sep);
        at = add_use(buf, at, r, &r->compress[i]);
        sep = ", ";
    }
    return buf;
}
