/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page sampling compared with theory. A process writes at random to 1, 4 and
 * 12 GiB, up to three million times a second. It logs its number of writes over
 * time, so that the true result is known even on a busy machine.
 *
 * The reference is the published errors of QEMU's page sampling
 * (tests/data/dirty-rate-theory.tsv; its 24 GiB for our 12).
 */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "mapped_source.h"

#define WRITES_PER_S 3e6
#define BATCH 256
#define LOG_MAX (1u << 20)
#define PERIODS 9
#define TRIES 5
#define SAMPLE_PAGES XPC_SAMPLE_PAGES_MAX

static const uint16_t period_ms[PERIODS] = {
    100, 200, 300, 400, 500, 750, 1000, 1500, 2000,
};

/* The published errors in percent, by region and period. */
static const double qemu_error[3][PERIODS] = {
    { 1.49, 1.17, 0.76, 0.36, 0.15, 1.76, 2.73, 0.73, 0.98 },
    { 13.21, 10.11, 8.82, 6.66, 7.57, 5.03, 2.20, 2.26, 0.49 },
    { 24.84, 23.25, 23.52, 21.87, 21.71, 20.27, 19.76, 17.30, 15.47 },
};

/* The log of the writer: the time after so many writes. */
struct log {
    _Atomic bool ready;         /* the page tables have been filled */
    _Atomic uint32_t nr;
    struct { uint64_t ns, writes; } at[LOG_MAX];
};

static uint64_t now_ns(void)
{
    return mapped_now(NULL);
}

static void write_forever(char *mem, uint64_t pages, struct log *log)
{
    uint64_t start, writes = 0, rng = 88172645463325252;
    uint32_t n = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t i = 0; i < pages; i++)
        *(volatile uint64_t *)(mem + i * XPC_PAGE_SIZE) += 1;
    atomic_store(&log->ready, true);
    start = now_ns();
    while (n < LOG_MAX) {
        uint64_t now = now_ns();

        if (writes > (now - start) * (WRITES_PER_S / 1e9))
            continue;
        for (int i = 0; i < BATCH; i++) {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            /* The place in the page is random, too. */
            ++*(uint64_t *)(mem + (rng >> 20) % pages * XPC_PAGE_SIZE +
                            (rng & 511) * 8);
        }
        writes += BATCH;
        log->at[n].ns = now_ns();
        log->at[n].writes = writes;
        atomic_store(&log->nr, ++n);
    }
    _exit(0);
}

/* The number of writes up to a time. */
static double writes_at(const struct log *log, uint64_t ns)
{
    uint32_t low = 0, high = atomic_load(&log->nr);
    double part;

    while (high - low > 1) {
        uint32_t mid = (low + high) / 2;

        if (log->at[mid].ns <= ns)
            low = mid;
        else
            high = mid;
    }
    if (high >= atomic_load(&log->nr))
        return log->at[low].writes;
    part = (double)(ns - log->at[low].ns) /
           (log->at[high].ns - log->at[low].ns);
    return log->at[low].writes + part * BATCH;
}

/* D(t) by theory, from the actual writes in the interval of each page. */
static double truth(const struct log *log, const struct xpc_sample *s,
                    uint64_t pages, uint64_t t_ns)
{
    size_t step = s->nr / 256 + 1, n = 0;
    double sum = 0;

    for (size_t i = 0; i < s->nr; i += step, n++) {
        double w = writes_at(log, s->page[i].first_ns + t_ns) -
                   writes_at(log, s->page[i].first_ns);

        sum += -expm1(w * log1p(-1.0 / pages));
    }
    return sum / n * pages;
}

/*
 * Whether a run does not count. This must not depend on the errors.
 */
static bool disturbed(const struct log *log, const struct xpc_sample *s,
                      const struct xpc_measurement *m, size_t periods)
{
    uint32_t nr = atomic_load(&log->nr);

    for (size_t i = 0; i < periods; i++) {
        if (m->period_ns[i] > m->nominal_ns[i] + m->nominal_ns[i] / 50)
            return true;
    }
    /* The writer was stopped for a while: its rate was not constant. */
    for (uint32_t i = 1; i < nr; i++) {
        if (log->at[i].ns > s->page[0].first_ns &&
            log->at[i].ns - log->at[i - 1].ns > 10 * XPC_MS)
            return true;
    }
    return false;
}

struct result {
    bool disturbed;
    double pages[PERIODS], truth[PERIODS];
    uint64_t period_ns[PERIODS];
};

static void measure(char *mem, uint64_t pages, const struct log *log,
                    struct result *r)
{
    struct mapped_source src;
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct xpc_meter meter;
    size_t done = 0;

    mapped_source_init(&src, mem, pages);
    xpc_meter_request_init(&req);
    req.sample_pages = SAMPLE_PAGES;
    req.nr_periods = PERIODS;
    for (size_t i = 0; i < PERIODS; i++)
        req.period_ns[i] = req.calc_ns = period_ms[i] * XPC_MS;
    req.seed = now_ns();
    if (xpc_meter_start(&meter, &src.src, &req))
        abort();
    while (!meter.finished) {
        mapped_wait(NULL, meter.next_ns);
        if (xpc_meter_step(&meter))
            abort();
        for (; done < meter.period; done++) {
            r->pages[done] = meter.m.dirty_pages[done];
            r->period_ns[done] = meter.m.period_ns[done];
        }
    }
    /* Until the log has passed the last time. */
    usleep(20000);
    r->disturbed = disturbed(log, &meter.sample, &meter.m, PERIODS);
    for (size_t i = 0; i < PERIODS; i++)
        r->truth[i] = truth(log, &meter.sample, pages, r->period_ns[i]);
    xpc_measurement_init(&m);
    xpc_meter_end(&meter, false, &m);
    xpc_measurement_dispose(&m);
}

/* Returns how much of the region fits into memory, in bytes. */
static uint64_t affordable(uint64_t want)
{
    uint64_t kib = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "r");

    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "MemAvailable: %"SCNu64, &kib);
    if (f)
        fclose(f);
    kib = kib > (3 << 20) ? kib - (3 << 20) : 0;
    return want >> 10 < kib ? want : kib << 10 & ~((UINT64_C(1) << 30) - 1);
}

/* One run, with a new writer. */
static void run_once(char *mem, uint64_t pages, struct log *log,
                     struct result *r)
{
    pid_t pid;

    atomic_store(&log->ready, false);
    atomic_store(&log->nr, 0);
    pid = fork();
    if (!pid)
        write_forever(mem, pages, log);
    while (!atomic_load(&log->ready))
        usleep(10000);
    usleep(300000);
    measure(mem, pages, log, r);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int run(int region, uint64_t bytes, double *errors, int *nr)
{
    char *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct log *log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t pages = bytes / XPC_PAGE_SIZE;
    struct result r;
    char name[128];
    int tries = 0;

    if (mem == MAP_FAILED || log == MAP_FAILED)
        abort();
    madvise(mem, bytes, MADV_HUGEPAGE);
    for (uint64_t i = 0; i < pages; i++)
        *(uint64_t *)(mem + i * XPC_PAGE_SIZE) = i + 1;
    do {
        run_once(mem, pages, log, &r);
    } while (r.disturbed && ++tries < TRIES);
    for (int i = 0; i < PERIODS; i++) {
        double error = 100 * fabs(r.pages[i] / r.truth[i] - 1);

        snprintf(name, sizeof(name), "dirty rate, %d GiB, %u ms",
                 (int)(bytes >> 30), period_ms[i]);
        figure(name, r.pages[i] / 256 / (r.period_ns[i] / 1e9), "MiB/s",
               r.truth[i] / 256 / (r.period_ns[i] / 1e9));
        snprintf(name, sizeof(name), "error of it, QEMU's beside, %d GiB, "
                 "%u ms", (int)(bytes >> 30), period_ms[i]);
        figure(name, error, "%", qemu_error[region][i]);
        errors[(*nr)++] = error;
    }
    munmap(mem, bytes);
    munmap(log, sizeof(*log));
    return tries;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

int main(void)
{
    static const uint64_t gib[3] = { 1, 4, 12 };
    double errors[3 * PERIODS];
    int nr = 0, tries = 0;

    for (int i = 0; i < 3; i++) {
        uint64_t bytes = affordable(gib[i] << 30);

        if (bytes)
            tries += run(i, bytes, errors, &nr);
    }
    if (nr) {
        qsort(errors, nr, sizeof(errors[0]), ascending);
        figure("dirty rate, median error (2 is allowed)", errors[nr / 2], "%",
               2);
        figure("dirty rate, worst error (5 is allowed)", errors[nr - 1], "%",
               5);
    }
    figure("dirty rate, runs that the machine disturbed, made again", tries,
           "runs", 3 * TRIES);
    figures_end();
    return 0;
}
