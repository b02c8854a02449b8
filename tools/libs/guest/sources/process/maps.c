/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/xenprecopy.h>

#include "sources/process/maps.h"
#include "sources/process/register.h"
#include "sources/process/scan.h"

/* Longer mappings are reserved address space, such as a sanitizer's. */
#define REGION_PAGES_MAX (UINT64_C(1) << 28)

/* ---- mappings -------------------------------------------------------- */

/* A writable mapping, from one line of /proc/<pid>/maps. */
struct mapping {
    uint64_t start, end, dev, inode, offset;
    bool shared;
};

static bool parse_mapping(const char *line, struct mapping *m)
{
    unsigned int major, minor;
    char perms[8];

    if (sscanf(line, "%"SCNx64"-%"SCNx64" %7s %"SCNx64" %x:%x %"SCNu64,
               &m->start, &m->end, perms, &m->offset, &major, &minor,
               &m->inode) != 7)
        return false;
    m->dev = (uint64_t)major << 32 | minor;
    m->shared = perms[3] == 's';
    return perms[0] == 'r' && perms[1] == 'w' && m->end > m->start &&
           (m->end - m->start) / XPC_PAGE_SIZE < REGION_PAGES_MAX &&
           !strstr(line, "[v");
}

/* Finds the first part from `from` to `to` that no view covers. */
static bool find_uncovered(const struct source_process *s, size_t process,
                           uint64_t from, uint64_t to, uint64_t *start_r,
                           uint64_t *end_r)
{
    uint64_t start = from, end = to;
    bool moved = true;

    while (moved && start < to) {
        moved = false;
        end = to;
        for (size_t i = 0; i < s->nr_regions; i++) {
            const struct region *r = &s->region[i];

            for (size_t k = 0; k < r->nr_views; k++) {
                uint64_t a = r->view[k].start;
                uint64_t b = a + r->nr * XPC_PAGE_SIZE;

                if (r->view[k].process != process)
                    continue;
                if (a <= start && start < b) {
                    start = b;
                    moved = true;
                } else if (a > start && a < end) {
                    end = a;
                }
            }
        }
    }
    *start_r = start;
    *end_r = end;
    return start < to;
}

/* The region of the same shared mapping in another process, or NULL. */
static struct region *find_shared(struct source_process *s,
                                  const struct mapping *m)
{
    for (size_t i = 0; m->shared && m->inode && i < s->nr_regions; i++) {
        struct region *r = &s->region[i];

        if (r->inode == m->inode && r->dev == m->dev &&
            r->offset == m->offset &&
            r->nr == (m->end - m->start) / XPC_PAGE_SIZE)
            return r;
    }
    return NULL;
}

static int add_view(struct source_process *s, struct region *r,
                    size_t process, uint64_t start)
{
    struct view *v = realloc(r->view, (r->nr_views + 1) * sizeof(*v));

    if (!v)
        return -1;
    r->view = v;
    v[r->nr_views] = (struct view){ process, start };
    /* Memory that can't be tracked, such as a device's, is left out. */
    if (s->tracking &&
        process_register(s->process[process].uffd, start, r->nr))
        return errno == EBUSY || errno == ENOMEM ? -1 : 0;
    r->nr_views++;
    return 0;
}

static struct region *add_region(struct source_process *s,
                                 const struct mapping *m)
{
    struct region *r = realloc(s->region, (s->nr_regions + 1) * sizeof(*r));
    uint64_t nr = (m->end - m->start) / XPC_PAGE_SIZE;

    if (!r)
        return NULL;
    s->region = r;
    r += s->nr_regions;
    *r = (struct region){
        .pfn = s->src.nr_pfns, .nr = nr, .dev = m->dev,
        .inode = m->shared ? m->inode : 0, .offset = m->offset,
    };
    r->dirty = calloc((nr + 63) / 64, sizeof(*r->dirty));
    if (!r->dirty)
        return NULL;
    s->src.nr_pfns += nr;
    s->nr_regions++;
    return r;
}

static int add_mapping(struct source_process *s, size_t process,
                       const struct mapping *whole)
{
    struct mapping m = *whole;
    uint64_t from = whole->start;

    while (find_uncovered(s, process, from, whole->end, &m.start,
                          &m.end)) {
        struct region *r;

        m.offset = whole->offset + (m.start - whole->start);
        r = find_shared(s, &m);
        if (!r)
            r = add_region(s, &m);
        if (!r || add_view(s, r, process, m.start))
            return -1;
        from = m.end;
    }
    /* A new mapping at an old one's address has to be registered, too. */
    if (s->tracking)
        process_register(s->process[process].uffd, whole->start,
                         (whole->end - whole->start) / XPC_PAGE_SIZE);
    return 0;
}

static int read_process_maps(struct source_process *s, size_t process)
{
    char line[512], path[64];
    struct mapping m;
    FILE *f;
    int rc = 0;

    snprintf(path, sizeof(path), "/proc/%d/maps", s->process[process].pid);
    f = fopen(path, "re");
    if (!f)
        return -1;
    while (!rc && fgets(line, sizeof(line), f)) {
        if (parse_mapping(line, &m))
            rc = add_mapping(s, process, &m);
    }
    fclose(f);
    return rc;
}

int process_read_maps(struct source_process *s)
{
    for (size_t i = 0; i < s->nr_processes; i++) {
        if (read_process_maps(s, i))
            return xpc_source_fail(&s->src, errno, "process %d: its memory "
                                   "map: %s", s->process[i].pid,
                                   strerror(errno));
    }
    return 0;
}

struct region *process_find_region(struct source_process *s, uint64_t pfn)
{
    size_t low = 0, high = s->nr_regions;

    while (high - low > 1) {
        size_t mid = (low + high) / 2;

        if (s->region[mid].pfn <= pfn)
            low = mid;
        else
            high = mid;
    }
    return s->nr_regions && pfn < s->src.nr_pfns ? &s->region[low] : NULL;
}

void process_free_regions(struct source_process *s)
{
    for (size_t i = 0; i < s->nr_regions; i++) {
        free(s->region[i].view);
        free(s->region[i].dirty);
    }
    free(s->region);
    s->region = NULL;
    s->nr_regions = 0;
    s->src.nr_pfns = 0;
}

/* ---- populated pages ------------------------------------------------- */

struct populated {
    uint64_t pages, start;
    uint64_t *bits;     /* with several views: pages counted already */
};

static void count_run(void *opaque, uint64_t start, uint64_t end)
{
    struct populated *p = opaque;

    if (!p->bits) {
        p->pages += (end - start) / XPC_PAGE_SIZE;
        return;
    }
    for (uint64_t a = start; a < end; a += XPC_PAGE_SIZE) {
        uint64_t i = (a - p->start) / XPC_PAGE_SIZE;
        uint64_t bit = UINT64_C(1) << i % 64;

        p->pages += !(p->bits[i / 64] & bit);
        p->bits[i / 64] |= bit;
    }
}

static int count_region(struct source_process *s, const struct region *r,
                        struct populated *p)
{
    int rc = 0;

    p->bits = NULL;
    if (r->nr_views > 1) {
        p->bits = calloc((r->nr + 63) / 64, sizeof(*p->bits));
        if (!p->bits)
            return -1;
    }
    for (size_t k = 0; !rc && k < r->nr_views; k++) {
        const struct view *v = &r->view[k];

        p->start = v->start;
        rc = process_scan(s->process[v->process].pagemap, v->start,
                          v->start + r->nr * XPC_PAGE_SIZE, 0, 0,
                          PAGEMAP_PRESENT | PAGEMAP_SWAPPED, false,
                          count_run, p);
    }
    free(p->bits);
    return rc;
}

int process_count_populated(struct source_process *s, uint64_t *pages_r)
{
    struct populated p = { 0 };

    for (size_t i = 0; i < s->nr_regions; i++) {
        if (count_region(s, &s->region[i], &p))
            return xpc_source_fail(&s->src, errno, "%s: PAGEMAP_SCAN: %s%s",
                                   s->src.name, strerror(errno),
                                   errno == ENOTTY ? " (Linux 6.7 or later "
                                   "is needed)" : "");
    }
    *pages_r = p.pages;
    return 0;
}
