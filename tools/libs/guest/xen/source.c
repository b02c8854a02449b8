/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A Xen domain as a source: pages through foreign mappings, writes through
 * log-dirty.
 *
 * Log-dirty has no owner in Xen. While tracking, this source holds the domain's
 * lock, so that our own migrations are refused. A stock migration may begin
 * nevertheless. It takes log-dirty over (libxenguest switches it off and on
 * again), and we must then neither clean it nor switch it off: Xen would report
 * no error to the save, and pages would be lost. So we look for a save of this
 * domain before doing either. If we find one right afterwards, it may have
 * begun in between. It is then made to fail, because nobody could tell whether
 * its copy is complete.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include <xenprecopy/measure.h>
#include <xenprecopy/units.h>

#include "base/clock.h"
#include "xen/domain.h"
#include "xen/lock.h"
#include "xen/saver.h"
#include "xen/source.h"
#include "xen/store.h"

/* The highest number of pfns to map in one call. */
#define MAP_BATCH 1024
/* Between counts, a save is looked for at most this often. */
#define LOOK_NS (100 * XPC_MS)

struct mapping {
    void *addr;
    size_t pages;
};

struct xen_source {
    struct xpc_source src;
    xentoollog_logger *logger;
    xc_interface *xch;
    xenforeignmemory_handle *fmem;
    uint32_t domid;
    xen_domain_handle_t handle;     /* its UUID, to notice another domain */
    /* The sample: mappings, and the address of each page in them. */
    struct mapping *mapping;
    size_t nr_mappings;
    const void **page;
    size_t nr_pages;
    bool tracking, taken_over;
    int lock;                       /* held while tracking, else -1 */
    uint64_t last_count;
    uint64_t looked_ns;             /* for a save, before counting */
};

static struct xen_source *to_xen_source(struct xpc_source *src)
{
    return (struct xen_source *)src;
}

/* ---- the domain ------------------------------------------------------ */

static int get_info(struct xen_source *s, xc_domaininfo_t *info)
{
    int r = xen_domain_info(s->xch, s->domid, info);

    if (r && errno != ESRCH)
        return xpc_source_fail(&s->src, errno, "can't ask Xen about domain "
                               "%"PRIu32": %s", s->domid, strerror(errno));
    if (r || xen_domain_is_dying(info))
        return xpc_source_fail(&s->src, ESRCH, "there is no domain %"PRIu32,
                               s->domid);
    return 0;
}

static int xen_check(struct xpc_source *src, struct xpc_source_state *state)
{
    struct xen_source *s = to_xen_source(src);
    xc_domaininfo_t info;

    if (get_info(s, &info))
        return -1;
    if (memcmp(info.handle, s->handle, sizeof(s->handle)))
        return xpc_source_fail(src, ESRCH, "domain %"PRIu32" is another one "
                               "now", s->domid);
    if (xen_domain_has_shut_down(&info))
        return xpc_source_fail(src, ESRCH, "domain %"PRIu32" has shut down, "
                               "rebooted or been suspended", s->domid);
    state->total_pages = info.tot_pages;
    state->paused = xen_domain_is_paused(&info);
    return 0;
}

/* ---- pages ----------------------------------------------------------- */

static int make_room(struct xen_source *s, size_t pages)
{
    void *m = realloc(s->mapping, (s->nr_mappings + 1) * sizeof(*s->mapping));
    void *p;

    if (m)
        s->mapping = m;
    p = realloc(s->page, (s->nr_pages + pages) * sizeof(*s->page));
    if (p)
        s->page = p;
    return m && p ? 0 : xpc_source_fail(&s->src, ENOMEM, "out of memory");
}

/*
 * Maps a batch. A pfn that can't be mapped is a hole: ballooned out, MMIO, or
 * unused. (Many pfns are: guests have a hole below 4 GiB.)
 */
static int map_pages(struct xen_source *s, const uint64_t *pfn, size_t nr,
                     bool *hole)
{
    xen_pfn_t gfn[MAP_BATCH];
    int error[MAP_BATCH];
    size_t mapped = 0;
    char *addr;

    for (size_t i = 0; i < nr; i++)
        gfn[i] = pfn[i];
    if (make_room(s, nr))
        return -1;
    addr = xenforeignmemory_map(s->fmem, s->domid, PROT_READ, nr, gfn, error);
    if (!addr)
        return xpc_source_fail(&s->src, errno, "can't map pages of domain "
                               "%"PRIu32": %s", s->domid, strerror(errno));
    for (size_t i = 0; i < nr; i++) {
        hole[i] = error[i];
        if (hole[i])
            continue;
        s->page[s->nr_pages++] = addr + i * XC_PAGE_SIZE;
        mapped++;
    }
    if (mapped)
        s->mapping[s->nr_mappings++] = (struct mapping){ addr, nr };
    else
        xenforeignmemory_unmap(s->fmem, addr, nr);
    return 0;
}

static int xen_take(struct xpc_source *src, const uint64_t *pfn, size_t nr,
                    bool *hole)
{
    while (nr) {
        size_t n = nr < MAP_BATCH ? nr : MAP_BATCH;

        if (map_pages(to_xen_source(src), pfn, n, hole))
            return -1;
        pfn += n;
        hole += n;
        nr -= n;
    }
    return 0;
}

static int xen_look(struct xpc_source *src, const uint32_t *index, size_t nr,
                    const void **page)
{
    struct xen_source *s = to_xen_source(src);

    /* A mapping keeps its page, even if the guest gives it back. */
    for (size_t i = 0; i < nr; i++)
        page[i] = index[i] < s->nr_pages ? s->page[index[i]] : NULL;
    return 0;
}

static void xen_drop(struct xpc_source *src)
{
    struct xen_source *s = to_xen_source(src);

    for (size_t i = 0; i < s->nr_mappings; i++)
        xenforeignmemory_unmap(s->fmem, s->mapping[i].addr,
                               s->mapping[i].pages);
    free(s->mapping);
    free(s->page);
    s->mapping = NULL;
    s->page = NULL;
    s->nr_mappings = s->nr_pages = 0;
}

/* ---- writes ---------------------------------------------------------- */

/* Reports why Xen returned EINVAL, which has two possible reasons. */
static int report_not_logged(struct xen_source *s)
{
    struct xs_handle *xs = xs_open(0);
    bool pci = xs && xen_store_has_pci(xs, s->domid);

    if (xs)
        xs_close(xs);
    return xpc_source_fail(&s->src, EBUSY, pci ? "Xen does not log the writes "
                           "of domain %"PRIu32", which has a PCI device "
                           "passed through: use --mode=page-sampling" :
                           "the writes of domain %"PRIu32" are logged by "
                           "somebody else already: use "
                           "--mode=page-sampling", s->domid);
}

static int enable_log(struct xen_source *s)
{
    struct xpc_source *src = &s->src;

    if (xc_shadow_control(s->xch, s->domid,
                          XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0)) {
        if (errno == EINVAL)
            return report_not_logged(s);
        return xpc_source_fail(src, errno, "the writes of domain %"PRIu32
                               " can't be logged (%s%s): use "
                               "--mode=page-sampling", s->domid,
                               strerror(errno), errno == EOPNOTSUPP ?
                               "; a PV guest needs a Xen with shadow paging" :
                               "");
    }
    return 0;
}

static int xen_track(struct xpc_source *src)
{
    struct xen_source *s = to_xen_source(src);
    char err[XPC_ERR_LEN];

    s->lock = xen_lock_take(s->domid, "a measurement by log-dirty", err);
    if (s->lock < 0 || xen_saver_check(s->domid, err)) {
        xpc_source_fail(src, errno, "%s", err);
        goto fail;
    }
    if (enable_log(s))
        goto fail;
    s->tracking = true;
    s->taken_over = false;
    s->last_count = 0;
    s->looked_ns = 0;
    return 0;

 fail:
    xen_lock_release(s->lock);
    s->lock = -1;
    return -1;
}

static int report_taken_over(struct xen_source *s)
{
    s->taken_over = true;
    return xpc_source_fail(&s->src, EBUSY, "a migration of domain %"PRIu32
                           " has taken the log of its writes over: measure "
                           "it afterwards", s->domid);
}

static int report_unknown(struct xen_source *s)
{
    return xpc_source_fail(&s->src, errno, "can't tell if domain %"PRIu32
                           " is being migrated or saved: /proc: %s", s->domid,
                           strerror(errno));
}

/* Returns 0 if no save has begun, or -1 with the error set. */
static int check_save(struct xen_source *s)
{
    pid_t pid = xen_saver_find_stock(s->domid);

    return !pid ? 0 : pid < 0 ? report_unknown(s) : report_taken_over(s);
}

/* Looking for a save takes longer than a count. */
static int check_save_rarely(struct xen_source *s)
{
    uint64_t now = clock_now_ns();

    if (s->looked_ns && now - s->looked_ns < LOOK_NS)
        return 0;
    s->looked_ns = now;
    return check_save(s);
}

/*
 * Reads the counts only, without a bitmap or pages. Such a call is never
 * preempted half-way, so a save that has taken over does not get EBUSY.
 */
static int xen_count(struct xpc_source *src, uint64_t *pages_r)
{
    struct xen_source *s = to_xen_source(src);
    xc_shadow_op_stats_t stats = { 0 };

    if (xc_logdirty_control(s->xch, s->domid, XEN_DOMCTL_SHADOW_OP_PEEK,
                            NULL, 0, 0, &stats) < 0) {
        if (errno == ESRCH)
            return xpc_source_fail(src, ESRCH, "there is no domain %"PRIu32
                                   " any more: it has ended or was migrated",
                                   s->domid);
        return xpc_source_fail(src, errno, "can't count the writes of domain "
                               "%"PRIu32": %s", s->domid, strerror(errno));
    }
    /* The count only decreases if somebody else cleans the log. */
    if (stats.dirty_count < s->last_count)
        return report_taken_over(s);
    if (check_save_rarely(s))
        return -1;
    s->last_count = stats.dirty_count;
    *pages_r = stats.dirty_count;
    return 0;
}

/* Calls fn for every run of set bits. */
static void report_runs(const unsigned long *bitmap, uint64_t nr,
                        xpc_run_fn *fn, void *opaque)
{
    const uint64_t bits = 8 * sizeof(*bitmap);
    uint64_t start = 0, p = 0;
    bool in_run = false;

    while (p < nr) {
        bool one;

        if (p % bits == 0 && bitmap[p / bits] == (in_run ? ~0ul : 0)) {
            p += bits;
            continue;
        }
        one = bitmap[p / bits] >> (p % bits) & 1;
        if (one && !in_run)
            start = p;
        else if (!one && in_run)
            fn(opaque, start, p - start);
        in_run = one;
        p++;
    }
    if (in_run)
        fn(opaque, start, nr - start);
}

/*
 * After cleaning or switching: ends a save that may have begun meanwhile.
 * Returns 0 if there was none, or -1 with the error set.
 */
static int stop_save(struct xen_source *s)
{
    pid_t pid = xen_saver_find_stock(s->domid);

    if (!pid)
        return 0;
    if (pid < 0)
        return report_unknown(s);
    xen_saver_stop(pid);
    return report_taken_over(s);
}

static int xen_read(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                    void *opaque)
{
    struct xen_source *s = to_xen_source(src);
    DECLARE_HYPERCALL_BUFFER(unsigned long, bitmap);
    uint64_t nr = src->nr_pfns;
    size_t pages = (nr / 8 + XC_PAGE_SIZE) / XC_PAGE_SIZE;
    xc_shadow_op_stats_t stats = { 0 };
    long long r;

    if (check_save(s))
        return -1;
    bitmap = xc_hypercall_buffer_alloc_pages(s->xch, bitmap, pages);
    if (!bitmap)
        return xpc_source_fail(src, ENOMEM, "out of memory for the bitmap of "
                               "domain %"PRIu32, s->domid);
    r = xc_logdirty_control(s->xch, s->domid,
                            clean ? XEN_DOMCTL_SHADOW_OP_CLEAN
                                  : XEN_DOMCTL_SHADOW_OP_PEEK,
                            HYPERCALL_BUFFER(bitmap), nr, 0, &stats);
    if (r < 0) {
        xpc_source_fail(src, errno, "can't read the writes of domain "
                        "%"PRIu32": %s", s->domid, strerror(errno));
    } else {
        /* Xen returns how many bits it wrote. */
        report_runs(bitmap, (uint64_t)r < nr ? (uint64_t)r : nr, fn, opaque);
        s->last_count = clean ? 0 : s->last_count;
    }
    xc_hypercall_buffer_free_pages(s->xch, bitmap, pages);
    if (clean && stop_save(s))
        return -1;
    return r < 0 ? -1 : 0;
}

static int disable_log(struct xen_source *s)
{
    int r, saved;
    pid_t pid = s->taken_over ? 0 : xen_saver_find_stock(s->domid);

    if (s->taken_over || pid > 0)
        return 0;
    if (pid < 0)
        return report_unknown(s);
    r = xc_shadow_control(s->xch, s->domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL,
                          0);
    saved = errno;
    if (stop_save(s) && !s->taken_over)
        return -1;
    if (!r || saved == ESRCH)
        return 0;
    return xpc_source_fail(&s->src, saved, "can't stop logging the writes of "
                           "domain %"PRIu32": %s", s->domid, strerror(saved));
}

static int xen_untrack(struct xpc_source *src)
{
    struct xen_source *s = to_xen_source(src);
    int r;

    if (!s->tracking)
        return 0;
    s->tracking = false;
    r = disable_log(s);
    xen_lock_release(s->lock);
    s->lock = -1;
    return r;
}

/* ---- open and close -------------------------------------------------- */

static void xen_close(struct xpc_source *src)
{
    struct xen_source *s = to_xen_source(src);

    xen_untrack(src);
    xen_drop(src);
    if (s->fmem)
        xenforeignmemory_close(s->fmem);
    if (s->xch)
        xc_interface_close(s->xch);
    if (s->logger)
        xtl_logger_destroy(s->logger);
    free(s);
}

static uint64_t domain_now(struct xpc_source *src)
{
    (void)src;
    return clock_now_ns();
}

static int domain_wait(struct xpc_source *src, uint64_t until_ns)
{
    int r = clock_sleep_until(until_ns);

    return r ? xpc_source_fail(src, r, "interrupted") : 0;
}

static const struct xpc_source_ops xen_source_ops = {
    .kind    = XPC_SOURCE_DOMAIN,
    .take    = xen_take,
    .look    = xen_look,
    .drop    = xen_drop,
    .track   = xen_track,
    .count   = xen_count,
    .read    = xen_read,
    .untrack = xen_untrack,
    .check   = xen_check,
    .now     = domain_now,
    .wait    = domain_wait,
    .close   = xen_close,
};

/* Suppresses the libraries' messages, as we report errors in one line. */
static int open_handles(struct xen_source *s)
{
    s->logger = (xentoollog_logger *)
        xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    s->xch = xc_interface_open(s->logger, s->logger, 0);
    if (s->xch)
        s->fmem = xenforeignmemory_open(s->logger, 0);
    if (s->fmem)
        return 0;
    return xpc_source_fail(&s->src, errno, "can't reach Xen: %s: is this "
                           "dom0, and are you root?", strerror(errno));
}

static int read_domain_info(struct xen_source *s)
{
    xc_domaininfo_t info;
    xen_pfn_t max;

    if (get_info(s, &info))
        return -1;
    if (!s->domid)
        return xpc_source_fail(&s->src, EINVAL, "domain 0 can be neither "
                               "measured nor migrated");
    if (xc_domain_maximum_gpfn(s->xch, s->domid, &max) < 0)
        return xpc_source_fail(&s->src, errno, "can't ask Xen for the size "
                               "of domain %"PRIu32": %s", s->domid,
                               strerror(errno));
    memcpy(s->handle, info.handle, sizeof(s->handle));
    s->src.nr_pfns = (uint64_t)max + 1;
    s->src.total_pages = info.tot_pages;
    /* Cleaning the log throws all shadow page tables away. */
    s->src.clean_is_costly = !xen_domain_has_hap(&info);
    return 0;
}

struct xpc_source *xen_source_open(uint32_t domid, char err[XPC_ERR_LEN])
{
    struct xen_source *s = calloc(1, sizeof(*s));
    int saved;

    if (!s) {
        snprintf(err, XPC_ERR_LEN, "out of memory");
        return NULL;
    }
    s->src.ops = &xen_source_ops;
    s->src.id = s->domid = domid;
    s->lock = -1;
    snprintf(s->src.name, sizeof(s->src.name), "domain %"PRIu32, domid);
    if (!open_handles(s) && !read_domain_info(s))
        return &s->src;
    saved = errno;
    memcpy(err, s->src.err, XPC_ERR_LEN);
    xen_close(&s->src);
    errno = saved;
    return NULL;
}
