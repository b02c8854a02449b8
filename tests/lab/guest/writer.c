// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's workload: writes to memory in a set pattern at a set pace, and
 * goes on checking that every page holds what was last written to it.
 *
 *   writer PATTERN[,name=value]...
 *   writer xenstore         waits for a node data/workload that has these words
 *
 *   idle       writes nothing
 *   uniform    pages picked at random, all alike
 *   zipf       pages picked at random, few of them often (skew=1.0)
 *   sweep      one page after the other, round and round
 *
 *   mib=N      memory written to (16)
 *   rate=N     writes a second, a page each (1000); "max": as fast as it goes
 *   cpu=PERCENT   needs so much of a CPU for that: with less, it writes less
 *   busy=MS,lull=MS    phased: writes for busy ms, rests for lull ms
 *   after=MS   starts to write only then
 *   surge-at=MS,surge-for=MS,surge-rate=N   from then on, for so long, another
 *              rate
 *   fill=random|zero|half|noise   what is in the pages beside their header
 *              (random); half: random in the first half, zero in the other;
 *              noise: what no program compresses, as it does random
 *   cold=N     further MiB, filled once and then only checked (0)
 *   cold-fill=random|zero
 *   verify=MS  how long one check of all pages takes (10000), when none is
 *              asked for
 *   freeze-late=MS   once the kernel has acknowledged a suspend request it
 *              freezes its processes so much later, less a quarter at most;
 *              from 5000 on it fails to and never suspends
 *   notify=1   answers when it is told of its migration; notify=2: nonsense
 *   seed=N
 *
 * Once a second it writes its state to data/writer in its domain's part of
 * xenstore: a new domain starts without that node, so after a migration the
 * node proves that the guest lives where it is found. If there is a node
 * data/check, it has checked all pages right before.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "burn.h"
#include "xenbus.h"

#define PAGE_WORDS 512
#define PAGES_PER_MIB 256
#define NS 1000000000ULL
/*
 * The writer works in bursts this far apart. Shorter ones kill guests: the
 * emulator now and then delivers an event channel upcall twice when it finds
 * the guest in user mode, see "The emulator's fault" in README.md.
 */
#define TICK_NS 10000000ULL
/* Longer than this behind its pace, the writer forgets what it owes. */
#define MAX_DEBT_NS (5 * TICK_NS)

enum pattern { IDLE, UNIFORM, ZIPF, SWEEP };

/* The head of a page; its last word repeats sum. */
struct head {
    uint64_t index;
    uint64_t generation;
    uint64_t sum;
};

static struct {
    enum pattern pattern;
    uint64_t mib, cold_mib, rate, seed, cpu_percent;
    uint64_t busy_ns, lull_ns, after_ns, verify_ns;
    uint64_t surge_at_ns, surge_for_ns, surge_rate, freeze_late_ms, notify;
    double skew;
    bool max_rate, zero_fill, half_fill, noise_fill, cold_zero;
} opt = {
    .mib = 16, .rate = 1000, .seed = 1, .skew = 1.0, .verify_ns = 10 * NS,
};

static uint64_t *memory;
static uint64_t hot_pages, all_pages;
/* What each page must hold: a page brought back to an older state is as
 * consistent in itself as the right one. */
static uint32_t *generations;
static double *zipf_cdf;
static uint32_t *zipf_page;
static uint64_t prng_state;

static uint64_t written, verified, bad_pages, beats;
static uint64_t first_bad = UINT64_MAX;
static uint64_t max_monotonic_gap_ns, max_boottime_gap_ns, suspended_ns;
static uint64_t clock_back_ns;
static unsigned int events;     /* a bit for each kind that it was told */

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NS + ts.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static uint64_t next_random(void)
{
    return mix(prng_state++);
}

static double next_unit(void)
{
    return (next_random() >> 11) * 0x1p-53;
}

static uint64_t page_sum(uint64_t index, uint64_t generation)
{
    return mix(opt.seed ^ mix(index << 32 ^ generation));
}

static bool page_is_zero_filled(uint64_t index)
{
    return index < hot_pages ? opt.zero_fill : opt.cold_zero;
}

/* The words between head and tail never change after the page is made. */
static uint64_t body_word(uint64_t index, unsigned int w)
{
    if (opt.half_fill && index < hot_pages && w >= PAGE_WORDS / 2)
        return 0;
    if (opt.noise_fill)
        return mix(opt.seed ^ mix(index << 16 ^ w));
    return (index + 1) * 0x9e3779b97f4a7c15ULL * (2 * w + 1) ^ opt.seed;
}

/*
 * Writes wait here and are done by the kernel, all in one call: time in user
 * mode is what the emulator's fault strikes at (README.md).
 */
#define BATCH 400
static struct head staged[BATCH];
static struct iovec in[BATCH * 2], out[BATCH * 2];
static unsigned int nr_staged;
static int staging[2];

static void flush_writes(void)
{
    ssize_t len = nr_staged * (sizeof(struct head) + sizeof(uint64_t));

    if (nr_staged && (writev(staging[1], in, nr_staged * 2) != len ||
                      readv(staging[0], out, nr_staged * 2) != len)) {
        perror("writer: staging");
        exit(1);
    }
    nr_staged = 0;
}

/* A page's head, and its last word: both must be there for it to be good. */
static void write_page(uint64_t index)
{
    uint64_t *p = memory + index * PAGE_WORDS;
    struct head *h = &staged[nr_staged];
    unsigned int i = nr_staged * 2;

    generations[index]++;
    h->index = index;
    h->generation = generations[index];
    h->sum = page_sum(index, generations[index]);
    in[i] = (struct iovec){ h, sizeof(*h) };
    in[i + 1] = (struct iovec){ &h->sum, sizeof(h->sum) };
    out[i] = (struct iovec){ p, sizeof(*h) };
    out[i + 1] = (struct iovec){ p + PAGE_WORDS - 1, sizeof(*p) };
    written++;
    if (++nr_staged == BATCH)
        flush_writes();
}

static void make_page(uint64_t index)
{
    uint64_t *p = memory + index * PAGE_WORDS;
    unsigned int w;

    if (page_is_zero_filled(index)) {
        memset(p, 0, PAGE_WORDS * sizeof(*p));
    } else {
        for (w = 0; w < PAGE_WORDS; w++)
            p[w] = body_word(index, w);
    }
    /* A cold zero page stays all zero: its share is what it is for. */
    if (index < hot_pages || !opt.cold_zero) {
        write_page(index);
        flush_writes();
    }
}

static bool page_is_good(uint64_t index)
{
    const uint64_t *p = memory + index * PAGE_WORDS;
    const struct head *h = (const struct head *)p;
    bool zero = page_is_zero_filled(index);
    uint64_t wrong = 0;
    unsigned int w, from = sizeof(*h) / sizeof(*p), to = PAGE_WORDS - 1;

    if (index >= hot_pages && opt.cold_zero) {
        from = 0;
        to = PAGE_WORDS;
    } else if (h->index != index || h->generation != generations[index] ||
               h->sum != page_sum(index, generations[index]) ||
               p[PAGE_WORDS - 1] != h->sum) {
        return false;
    }
    for (w = from; w < to; w++)
        wrong |= p[w] ^ (zero ? 0 : body_word(index, w));
    return !wrong;
}

static void verify_page(uint64_t index)
{
    if (!page_is_good(index)) {
        bad_pages++;
        if (first_bad == UINT64_MAX)
            first_bad = index;
    }
    verified++;
}

static void verify_all(void)
{
    for (uint64_t i = 0; i < all_pages; i++)
        verify_page(i);
}

static void make_zipf(void)
{
    double total = 0;
    uint64_t i, j;
    uint32_t t;

    zipf_cdf = calloc(hot_pages, sizeof(*zipf_cdf));
    zipf_page = calloc(hot_pages, sizeof(*zipf_page));
    if (!zipf_cdf || !zipf_page) {
        perror("writer");
        exit(1);
    }
    for (i = 0; i < hot_pages; i++) {
        total += 1 / pow(i + 1, opt.skew);
        zipf_cdf[i] = total;
        zipf_page[i] = i;
    }
    for (i = 0; i < hot_pages; i++)
        zipf_cdf[i] /= total;
    /* Popular pages lie anywhere, as they do in real memory. */
    for (i = hot_pages - 1; i > 0; i--) {
        j = next_random() % (i + 1);
        t = zipf_page[i];
        zipf_page[i] = zipf_page[j];
        zipf_page[j] = t;
    }
}

static uint64_t zipf_pick(void)
{
    double u = next_unit();
    uint64_t low = 0, high = hot_pages - 1, mid;

    while (low < high) {
        mid = (low + high) / 2;
        if (zipf_cdf[mid] < u)
            low = mid + 1;
        else
            high = mid;
    }
    return zipf_page[low];
}

static uint64_t pick_page(void)
{
    static uint64_t cursor;

    switch (opt.pattern) {
    case ZIPF:
        return zipf_pick();
    case SWEEP:
        return cursor++ % hot_pages;
    default:
        return next_random() % hot_pages;
    }
}

static bool is_busy(uint64_t age_ns)
{
    if (opt.pattern == IDLE || age_ns < opt.after_ns)
        return false;
    if (!opt.lull_ns)
        return true;
    return (age_ns - opt.after_ns) % (opt.busy_ns + opt.lull_ns) <
           opt.busy_ns;
}

static uint64_t rate_at(uint64_t age_ns)
{
    return age_ns - opt.surge_at_ns < opt.surge_for_ns ? opt.surge_rate
                                                       : opt.rate;
}

static void beat(int fd)
{
    char text[400];

    beats++;
    snprintf(text, sizeof(text),
             "beats=%llu pages=%llu written=%llu verified=%llu bad=%llu "
             "first-bad=%lld max-gap-us=%llu max-boottime-gap-us=%llu "
             "suspended-us=%llu clock-back-us=%llu events=%u",
             (unsigned long long)beats, (unsigned long long)all_pages,
             (unsigned long long)written, (unsigned long long)verified,
             (unsigned long long)bad_pages, (long long)first_bad,
             (unsigned long long)max_monotonic_gap_ns / 1000,
             (unsigned long long)max_boottime_gap_ns / 1000,
             (unsigned long long)suspended_ns / 1000,
             (unsigned long long)clock_back_ns / 1000, events);
    if (!ask_xenstore(fd, XS_WRITE, "data/writer", text))
        fprintf(stderr, "writer: xenstore: %s\n", strerror(errno));
}

/* What it was told of its migration last, and its answer. */
static void answer_event(int fd)
{
    static const char *const names[] = { "precopy", "suspend", "over" };
    char *event = ask_xenstore(fd, XS_READ, "data/precopy/event", "");

    for (int i = 0; event && i < 3; i++)
        events |= !strcmp(event, names[i]) << i;
    if (event && strcmp(event, "over"))
        ask_xenstore(fd, XS_WRITE, "data/precopy/acknowledged",
                     opt.notify == 1 ? "yes" : "yes\n\033[2J{[no");
}

/*
 * Notes how long the writer did not run. MONOTONIC leaves out the time the
 * guest was suspended, BOOTTIME has it.
 */
static void note_gap(uint64_t now)
{
    static uint64_t last, last_boottime;
    uint64_t boottime = clock_ns(CLOCK_BOOTTIME);

    if (last) {
        uint64_t gap = now - last, boot_gap = boottime - last_boottime;

        if (gap > max_monotonic_gap_ns)
            max_monotonic_gap_ns = gap;
        if (boot_gap > max_boottime_gap_ns)
            max_boottime_gap_ns = boot_gap;
        if (boot_gap > gap)
            suspended_ns += boot_gap - gap;
    }
    last = now;
    last_boottime = boottime;
}

/* Notes how far the wall clock has gone back, if it ever did. */
static void note_wall_clock(void)
{
    static uint64_t latest;
    uint64_t now = clock_ns(CLOCK_REALTIME);

    if (now < latest && latest - now > clock_back_ns)
        clock_back_ns = latest - now;
    latest = now;
}

static void work(int xenstore)
{
    double per_write = burn_bytes(opt.cpu_percent, opt.rate);
    uint64_t start = clock_ns(CLOCK_MONOTONIC), now = start, last = start;
    uint64_t next_beat = start, cursor = 0, n;
    double due = 0, check_due = 0;
    struct timespec tick = { .tv_nsec = TICK_NS };

    for (;;) {
        uint64_t passed;

        now = clock_ns(CLOCK_MONOTONIC);
        note_gap(now);
        note_wall_clock();
        passed = now - last;
        last = now;
        if (passed > MAX_DEBT_NS)
            passed = MAX_DEBT_NS;

        if (!is_busy(now - start)) {
            due = 0;
        } else if (opt.max_rate) {
            /* Small batches: the clock and xenstore are not forgotten. */
            due = 256;
        } else {
            due += (double)passed * rate_at(now - start) / NS;
        }
        burn((uint64_t)due * per_write);
        for (n = due; n > 0; n--)
            write_page(pick_page());
        due -= (uint64_t)due;
        flush_writes();

        check_due += (double)passed * all_pages / opt.verify_ns;
        for (n = check_due; n > 0; n--)
            verify_page(cursor++ % all_pages);
        check_due -= (uint64_t)check_due;

        if (now >= next_beat) {
            if (ask_xenstore(xenstore, XS_READ, "data/check", ""))
                verify_all();
            if (opt.notify)
                answer_event(xenstore);
            beat(xenstore);
            next_beat = now + NS;
        }
        if (!opt.max_rate || !is_busy(now - start))
            nanosleep(&tick, NULL);
    }
}

/* ---- a kernel that suspends late ---------------------------------------- */

/*
 * Before it freezes processes, Linux waits for its user mode helpers to end,
 * for five seconds at most, and then fails. We are such a helper: the kernel
 * runs us as its modprobe, under a name that says for how long.
 */
#define LATE_NAME "/late-"
#define LATE_HELPERS 4

static void sleep_ms(uint64_t ms)
{
    struct timespec ts = { .tv_sec = ms / 1000,
                           .tv_nsec = ms % 1000 * 1000000 };

    nanosleep(&ts, NULL);
}

/*
 * Has a helper run all the time: a socket of a family without a module keeps
 * its caller waiting for as long. While the kernel freezes it fails at once.
 */
static void keep_helper_running(int family, uint64_t delay_ms)
{
    sleep_ms(delay_ms);
    for (;;) {
        if (socket(family, SOCK_STREAM, 0) < 0)
            sleep_ms(20);
    }
}

static void freeze_late(uint64_t ms)
{
    static const int families[LATE_HELPERS] = {
        AF_X25, AF_ROSE, AF_ATMPVC, AF_ECONET,
    };
    char name[32];
    FILE *f;

    snprintf(name, sizeof(name), LATE_NAME "%llu", (unsigned long long)ms);
    f = fopen("/proc/sys/kernel/modprobe", "w");
    if (symlink("/writer", name) || !f || fputs(name, f) < 0 || fclose(f)) {
        perror("writer: freeze-late");
        exit(1);
    }
    /* Spread, so that the last to start always has most of it before it. */
    for (unsigned int i = 0; i < LATE_HELPERS; i++) {
        if (!fork())
            keep_helper_running(families[i], i * ms / LATE_HELPERS);
    }
}

static void set_option(const char *name, const char *value)
{
    uint64_t number = strtoull(value, NULL, 10);

    if (!strcmp(name, "mib")) {
        opt.mib = number;
    } else if (!strcmp(name, "cold")) {
        opt.cold_mib = number;
    } else if (!strcmp(name, "rate")) {
        opt.max_rate = !strcmp(value, "max");
        opt.rate = number;
    } else if (!strcmp(name, "cpu")) {
        opt.cpu_percent = number;
    } else if (!strcmp(name, "skew")) {
        opt.skew = strtod(value, NULL);
    } else if (!strcmp(name, "busy")) {
        opt.busy_ns = number * 1000000;
    } else if (!strcmp(name, "lull")) {
        opt.lull_ns = number * 1000000;
    } else if (!strcmp(name, "after")) {
        opt.after_ns = number * 1000000;
    } else if (!strcmp(name, "surge-at")) {
        opt.surge_at_ns = number * 1000000;
    } else if (!strcmp(name, "surge-for")) {
        opt.surge_for_ns = number * 1000000;
    } else if (!strcmp(name, "surge-rate")) {
        opt.surge_rate = number;
    } else if (!strcmp(name, "verify")) {
        opt.verify_ns = (number ? number : 1) * 1000000;
    } else if (!strcmp(name, "freeze-late")) {
        opt.freeze_late_ms = number;
    } else if (!strcmp(name, "notify")) {
        opt.notify = number;
    } else if (!strcmp(name, "seed")) {
        opt.seed = number;
    } else if (!strcmp(name, "fill")) {
        opt.zero_fill = !strcmp(value, "zero");
        opt.half_fill = !strcmp(value, "half");
        opt.noise_fill = !strcmp(value, "noise");
    } else if (!strcmp(name, "cold-fill")) {
        opt.cold_zero = !strcmp(value, "zero");
    } else {
        fprintf(stderr, "writer: unknown option %s\n", name);
        exit(2);
    }
}

static void parse(char *line)
{
    static const char *const names[] = { "idle", "uniform", "zipf", "sweep" };
    char *word = strtok(line, ","), *value;
    unsigned int i;

    for (i = 0; i < 4 && strcmp(word ? word : "", names[i]); i++)
        ;
    if (i == 4) {
        fprintf(stderr, "writer: unknown pattern %s\n", word ? word : "");
        exit(2);
    }
    opt.pattern = (enum pattern)i;
    while ((word = strtok(NULL, ","))) {
        value = strchr(word, '=');
        if (value)
            *value++ = 0;
        set_option(word, value ? value : "");
    }
    prng_state = opt.seed << 32;
}

/* Tells that it waits, and returns the words when they are there. */
static char *await_workload(int xenstore)
{
    char *words;

    ask_xenstore(xenstore, XS_WRITE, "data/waits", "");
    while (!(words = ask_xenstore(xenstore, XS_READ, "data/workload", "")))
        sleep_ms(50);
    return strdup(words);
}

int main(int argc, char **argv)
{
    int xenstore;
    uint64_t i;

    if (!strncmp(argv[0], LATE_NAME, strlen(LATE_NAME))) {
        sleep_ms(strtoull(argv[0] + strlen(LATE_NAME), NULL, 10));
        return 1;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: writer PATTERN[,name=value]...\n");
        return 2;
    }
    xenstore = open("/dev/xen/xenbus", O_RDWR);
    parse(strcmp(argv[1], "xenstore") ? argv[1] : await_workload(xenstore));
    if (opt.freeze_late_ms)
        freeze_late(opt.freeze_late_ms);
    hot_pages = (opt.mib ? opt.mib : 1) * PAGES_PER_MIB;
    all_pages = hot_pages + opt.cold_mib * PAGES_PER_MIB;
    memory = mmap(NULL, all_pages * PAGE_WORDS * sizeof(*memory),
                  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    generations = calloc(all_pages, sizeof(*generations));
    if (memory == MAP_FAILED || !generations || xenstore < 0 ||
        pipe(staging)) {
        perror("writer");
        return 1;
    }
    /* Huge pages would make one write dirty 512 pages' worth of mapping. */
    madvise(memory, all_pages * PAGE_WORDS * sizeof(*memory),
            MADV_NOHUGEPAGE);
    for (i = 0; i < all_pages; i++)
        make_page(i);
    if (opt.pattern == ZIPF)
        make_zipf();
    written = 0;
    work(xenstore);
    return 0;
}
