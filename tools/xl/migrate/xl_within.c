/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "common/xl_options.h"
#include "control/xl_waiting.h"
#include "libxl_precopy_profiles.h"
#include "migrate/xl_within.h"

#define COMMAND "migrate"
#define POLL_MS 1000
#define HOUR_S 3600

/* What the policy would predict. */
static void predict_params(struct xpc_predict_params *pp,
                           const struct xpc_params *p)
{
    struct xpc_prior prior;

    xpc_params_prior(p, &prior);
    xpc_predict_params_init(pp, p->bandwidth_bytes_per_s, p->downtime_ns);
    xpc_rule_from_params(&pp->rule, p);
    xpc_predict_params_live(pp, p->confidence_percent);
    pp->bitmap_ns = XPC_BITMAP_BY_SIZE;
    pp->overhead_ns = prior.overhead_ns;
    pp->overhead_sd_ns = prior.overhead_sd_ns;
    pp->suspend_pages = prior.suspend_pages;
    pp->suspend_pages_sd = prior.suspend_pages_sd;
    pp->skip_dirty = p->skip_dirty == XPC_SKIP_DIRTY_ON;
}

/*
 * When it is so many hours later on the clock on the wall. An hour may be left
 * out, or come twice.
 */
static time_t begin_of_hour(const struct tm *now, unsigned int ahead)
{
    struct tm tm = *now;

    tm.tm_hour += ahead;
    tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    return mktime(&tm);
}

int within_choose(const struct xpc_profile *p, const struct xpc_params *params,
                  uint64_t within_ns, time_t now_s, time_t *at_s_r,
                  struct xpc_when_hour *hour_r, char err[XPC_ERR_LEN])
{
    const struct xpc_when_hour *h;
    struct xpc_predict_params pp;
    const time_t last_s = now_s + within_ns / XPC_S;
    struct xpc_when w;
    unsigned int into, hours, ahead;
    struct tm tm;

    if (!params->bandwidth_bytes_per_s)
        return xl_bad(err, "--within: which hour is best depends on the link: "
                      "give --precopy-bandwidth");
    if (!localtime_r(&now_s, &tm))
        return xl_bad(err, "the local time is not known");
    predict_params(&pp, params);
    if (xpc_when_compute(&w, p, &pp, params->lulls,
                         params->bandwidth_bytes_per_s, params->downtime_ns))
        return xl_bad(err, "out of memory");
    /* The hours that begin within that time, and the one under way. */
    into = tm.tm_min * 60 + tm.tm_sec;
    hours = 1 + (into + within_ns / XPC_S) / HOUR_S;
    h = xpc_when_first(&w, tm.tm_hour, hours);
    if (h) {
        *hour_r = *h;
        ahead = (h->hour + XPC_PROFILE_HOURS - tm.tm_hour) %
                XPC_PROFILE_HOURS;
        *at_s_r = ahead ? begin_of_hour(&tm, ahead) : now_s;
        if (*at_s_r > last_s)
            *at_s_r = last_s;
    }
    xpc_when_dispose(&w);
    return h ? 0 : xl_bad(err, "--within: the profile of %.80s has no "
                          "measurement of these hours: let xl dirty-rate "
                          "--watch --history run for a day", p->domain ?
                          p->domain : "it");
}

static void tell_plan(const char *name, const struct xpc_when_hour *h)
{
    const struct xpc_cell *c = &h->cell;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], d[XPC_UNIT_LEN];

    xl_message(COMMAND, "%s is best migrated at %02"PRIu64":00: a downtime of "
               "%s (%s..%s)%s", name, h->hour,
               xpc_format_time(a, c->predicted_ns),
               xpc_format_time(b, c->predicted_low_ns),
               xpc_format_time(d, c->predicted_high_ns), c->converges ? "" :
               ", which is over the limit");
}

int within_plan(const char *name, const struct xpc_params *params,
                uint64_t within_ns, time_t *at_s_r, char err[XPC_ERR_LEN])
{
    char line[LIBXL_PRECOPY_ERR_LEN];
    struct xpc_profile p = { 0 };
    struct xpc_when_hour hour;
    int rc = libxl_precopy_profile_read(NULL, NULL, name, &p, line);

    if (rc == ERROR_NOTFOUND)
        return xl_bad(err, "--within: there is no profile of %.80s: let xl "
                      "dirty-rate --watch --history run for a day", name);
    if (rc)
        return xl_bad(err, "%.300s", line);
    rc = within_choose(&p, params, within_ns, time(NULL), at_s_r, &hour, err);
    if (!rc)
        tell_plan(name, &hour);
    xpc_profile_dispose(&p);
    return rc;
}

static int end_wait(struct progress *progress, int status, const char *name,
                    const char *why)
{
    progress_break(progress);
    xl_message(COMMAND, "%s: %s", name, why);
    return status;
}

int within_wait(uint32_t domid, const char *name, time_t at_s,
                uint64_t within_ns, int interrupt_fd,
                struct progress *progress)
{
    const uint64_t begun_ns = clock_now_ns();
    struct pollfd p = { .fd = interrupt_fd, .events = POLLIN };
    int status = MIGRATE_OK, r;
    long other;
    time_t now;

    if (time(NULL) >= at_s)
        return MIGRATE_OK;
    other = waiting_begin(domid, at_s);
    if (other > 0) {
        xl_message(COMMAND, "xl (pid %ld) waits already to migrate %s: see "
                   "xl migrate-status and migrate-cancel", other, name);
        return MIGRATE_REFUSED;
    }
    if (other)
        return end_wait(progress, MIGRATE_REFUSED, name, "can't write to "
                        "xenstore");
    /* The clock may be set back meanwhile. */
    while (!status && (now = time(NULL)) < at_s &&
           clock_now_ns() - begun_ns < within_ns) {
        progress_show_until(progress, name, at_s, at_s - now);
        r = poll(&p, 1, POLL_MS);
        if (r < 0 && errno != EINTR)
            status = end_wait(progress, MIGRATE_FAILED, name, "can't wait");
        else if (interrupt_take(interrupt_fd))
            status = end_wait(progress, MIGRATE_INTERRUPTED, name,
                              "interrupted before its migration began");
        else if (!waiting_goes_on(domid))
            status = end_wait(progress, MIGRATE_INTERRUPTED, name,
                              "its migration was cancelled before it began, "
                              "or the domain has ended");
    }
    progress_break(progress);
    waiting_end(domid);
    return status;
}
