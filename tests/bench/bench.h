/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For all benchmarks: figures as a JSON array on standard output, and a clock
 * of CPU time.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <xenprecopy/units.h>

/*
 * Prints a figure and the reference to compare it with. It is written at once,
 * so that it is kept if the benchmark does not finish.
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

/* To be called after the last figure. */
static inline void figures_end(void)
{
    puts("\n]");
}

/* The CPU time of this thread. */
static inline uint64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

#endif
