/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/meter_request.h>
#include <xenprecopy/units.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

void xpc_meter_request_periods(struct xpc_meter_request *r, uint64_t calc_ns)
{
    static const uint16_t ms[] = {
        125, 250, 375, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000,
        10000, 15000, 20000, 25000, 30000, 35000, 40000, 45000, 50000, 60000,
    };

    r->calc_ns = calc_ns;
    r->nr_periods = 0;
    for (size_t i = 0; i < ARRAY_SIZE(ms) && ms[i] * XPC_MS < calc_ns; i++)
        r->period_ns[r->nr_periods++] = ms[i] * XPC_MS;
    r->period_ns[r->nr_periods++] = calc_ns;
}

void xpc_meter_request_init(struct xpc_meter_request *r)
{
    *r = (struct xpc_meter_request){
        .mode = XPC_MODE_PAGE_SAMPLING,
        .sample_pages = XPC_SAMPLE_PAGES_DEFAULT,
        .workset_intervals = XPC_WORKSET_INTERVALS,
        .seed = 1,
        .nr_methods = xpc_nr_compress_defaults,
    };
    memcpy(r->methods, xpc_compress_defaults,
           r->nr_methods * sizeof(r->methods[0]));
    xpc_meter_request_periods(r, XPC_CALC_TIME_DEFAULT_NS);
}

int xpc_meter_request_check(const struct xpc_meter_request *r,
                            char err[XPC_ERR_LEN])
{
    errno = EINVAL;
    if (!r->nr_periods || r->nr_periods > XPC_PERIODS_MAX) {
        snprintf(err, XPC_ERR_LEN, "%zu periods: from 1 to %u are possible",
                 r->nr_periods, XPC_PERIODS_MAX);
        return -1;
    }
    for (size_t i = 0; i < r->nr_periods; i++) {
        if (r->period_ns[i] < XPC_PERIOD_MIN_NS ||
            r->period_ns[i] > XPC_PERIOD_MAX_NS) {
            snprintf(err, XPC_ERR_LEN, "a period of %g ms: from 50 ms to "
                     "60 s are possible", r->period_ns[i] / 1e6);
            return -1;
        }
        if (i && r->period_ns[i] <= r->period_ns[i - 1]) {
            snprintf(err, XPC_ERR_LEN, "the period of %g ms must be longer "
                     "than the one before it", r->period_ns[i] / 1e6);
            return -1;
        }
    }
    if (r->sample_pages < XPC_SAMPLE_PAGES_MIN ||
        r->sample_pages > XPC_SAMPLE_PAGES_MAX) {
        snprintf(err, XPC_ERR_LEN, "%u sample pages a GiB: from %u to %u are "
                 "possible", (unsigned int)r->sample_pages,
                 XPC_SAMPLE_PAGES_MIN, XPC_SAMPLE_PAGES_MAX);
        return -1;
    }
    for (size_t i = 0; i < r->nr_methods; i++) {
        if (i == XPC_COMPRESS_METHODS_MAX ||
            !xpc_compress_level_max(r->methods[i].compress)) {
            snprintf(err, XPC_ERR_LEN, "at most %u methods of compression "
                     "are possible, and off is none",
                     XPC_COMPRESS_METHODS_MAX);
            return -1;
        }
    }
    errno = 0;
    return 0;
}
