/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every bench shares: its figures, as a JSON array on standard output,
 * and the clock for what costs CPU time.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <xenprecopy/units.h>

/*
 * The next figure, beside what it is to be compared with. It is written at
 * once: it counts even if the bench does not get to its end.
 */
static inline void figure(const char *name, double value, const char *unit,
                          double reference)
{
    static const char *before = "[\n";

    printf("%s{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", "
           "\"reference\": %.6g, \"ratio\": %.6g, \"command\": "
           "\"build/bench/%s\"}", before, name, value, unit, reference,
           value / reference, program_invocation_short_name);
    fflush(stdout);
    before = ",\n";
}

/* Behind the last one. */
static inline void figures_end(void)
{
    puts("\n]");
}

/* What this thread has used. */
static inline uint64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

#endif
