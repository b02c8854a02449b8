/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "libxl_precopy_profiles.h"
#include "predict/xl_predict_when.h"

#define COMMAND "migrate-predict"

static int fail(int status, const char *why)
{
    xl_message(COMMAND, "%s", why);
    return status;
}

static void print_hour(const struct xpc_when_hour *h)
{
    const struct xpc_cell *c = &h->cell;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], l[XPC_UNIT_LEN], d[XPC_UNIT_LEN];

    printf("%02"PRIu64":00  %9"PRIu64"  %-4s", h->hour, h->measurements,
           c->converges ? c->marginal ? "yes~" : "yes" :
           c->marginal ? "no~" : "no");
    printf("  %9s  %8s (%s..%s)%s\n", c->converges ?
           xpc_format_time(a, c->total_ns) : "-",
           xpc_format_time(b, c->predicted_ns),
           xpc_format_time(l, c->predicted_low_ns),
           xpc_format_time(d, c->predicted_high_ns),
           h->period_ns ? ", with regular phases" : "");
}

static const struct xpc_cell *best_cell(const struct xpc_when *w)
{
    size_t i = 0;

    while (w->hours[i].hour != w->best_hour)
        i++;
    return &w->hours[i].cell;
}

static void print_window(const struct xpc_when *w)
{
    const struct xpc_cell *c = best_cell(w);
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], l[XPC_UNIT_LEN];

    if (!c->converges) {
        printf("no hour of those measured keeps the limit; the least downtime "
               "is at %02"PRIu64":00: %s\n", w->best_hour,
               xpc_format_time(a, c->predicted_ns));
        return;
    }
    if (w->from_hour == w->to_hour)
        printf("best: all day");
    else
        printf("best: %02"PRIu64":00 to %02"PRIu64":00", w->from_hour,
               w->to_hour);
    printf("; at %02"PRIu64":00 a downtime of %s (%s..%s)\n", w->best_hour,
           xpc_format_time(a, c->predicted_ns),
           xpc_format_time(b, c->predicted_low_ns),
           xpc_format_time(l, c->predicted_high_ns));
}

static void print_when(const struct xpc_when *w)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    printf("%s at %s, a downtime of at most %s:\n", w->domain,
           xpc_format_bandwidth(a, w->bandwidth_bits_per_s / 8),
           w->downtime_ns ? xpc_format_time(b, w->downtime_ns) :
                            "any length");
    printf("hour   measured   fits      total  downtime (95%%)\n");
    for (size_t i = 0; i < w->nr_hours; i++)
        print_hour(&w->hours[i]);
    print_window(w);
}

static int print_json(const struct xpc_when *w)
{
    char *json = xpc_to_json(&xpc_when_type, w, true);

    if (!json)
        return fail(1, "out of memory");
    fputs(json, stdout);
    free(json);
    return 0;
}

/* Returns 0, or an exit status with one line in err. */
static int read_profile(const struct predict_options *o, struct xpc_profile *p,
                        char *err)
{
    const char *domain = o->nr_domains ? o->domains[0] : NULL;
    int rc = libxl_precopy_profile_read(NULL, o->when_file, domain, p, err);

    if (rc == ERROR_NOTFOUND)
        snprintf(err, LIBXL_PRECOPY_ERR_LEN, "there is no profile of %.80s: "
                 "let xl dirty-rate --watch --history run for a day",
                 domain ? domain : o->when_file);
    if (rc)
        return rc == ERROR_NOTFOUND || rc == ERROR_INVAL ? 2 : 1;
    if (p->nr_hours)
        return 0;
    snprintf(err, LIBXL_PRECOPY_ERR_LEN, "the profile of %.80s is empty",
             p->domain ? p->domain : "");
    return 2;
}

int predict_when(const struct predict_options *o)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    struct xpc_profile p = { 0 };
    struct xpc_when w;
    int rc = read_profile(o, &p, err);

    if (rc)
        return fail(rc, err);
    rc = xpc_when_compute(&w, &p, &o->params, o->no_lulls ? XPC_LULLS_OFF :
                                                            XPC_LULLS_ON,
                          o->bandwidths[0], o->downtimes[0]);
    xpc_profile_dispose(&p);
    if (rc)
        return fail(1, "out of memory");
    if (!w.nr_hours)
        rc = fail(2, "the profile has no measurement");
    else if (o->json)
        rc = print_json(&w);
    else
        print_when(&w);
    xpc_when_dispose(&w);
    return rc;
}
