/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "track.h"
#include "track_kernel.h"

#define PAGE_SHIFT 12
#define CHUNK_PAGES 512u        /* 2 MiB of addresses */
#define REGIONS 4096u
#define NONE UINT32_MAX
#define LIST_AGE 16u            /* scans */

/* The identity of pages: the private memory of a process, or a file. */
struct space {
    bool shared;
    pid_t pid;
    uint64_t dev, ino;
    bool gone;
};

struct chunk {
    uint32_t space;
    uint64_t index;             /* of its first page / CHUNK_PAGES */
    uint32_t next;              /* in the same hash bucket, or NONE */
    uint32_t numbers[CHUNK_PAGES];
};

/* One line of /proc/<pid>/maps. */
struct mapping {
    uint64_t start, end, offset, dev, ino;
    bool writable, shared, special;
};

struct process {
    int uffd, pagemap, maps, statm;
    uint32_t space;
    /*
     * The mappings, cached because reading them takes longer than the scan.
     * They are read again when the size of the process changes, when a
     * mapping is found not to be watched, and after LIST_AGE scans.
     */
    struct mapping *list;
    size_t nr, max;
    uint64_t size;
    unsigned int age;
};

/* Where a page was written to last. */
struct place {
    pid_t pid;
    uint64_t address;
};

struct track {
    struct process *processes;
    size_t nr_processes, ever;
    struct space *spaces;
    uint32_t nr_spaces;
    struct chunk **chunks;
    uint32_t nr_chunks;
    uint32_t *buckets;
    uint32_t nr_buckets;        /* a power of two */
    uint32_t *free_numbers;     /* a stack */
    size_t nr_free, max_free;
    uint32_t total;
    struct place *places;       /* by number */
    size_t max_places;
    uint64_t *dirty;            /* a bit per number, since the last scan */
    size_t max_dirty;
    uint32_t *found;            /* the same as a list */
    size_t max_found;
    struct page_region *regions;
    char *maps_text;
    size_t maps_size;
};

/* Makes room for one more element of size bytes. */
static int grow(void *array, size_t nr, size_t *max, size_t size)
{
    size_t more = *max ? 2 * *max : 64;
    void *p;

    if (nr < *max)
        return 0;
    memcpy(&p, array, sizeof(p));
    p = realloc(p, more * size);
    if (!p)
        return -1;
    memcpy(array, &p, sizeof(p));
    *max = more;
    return 0;
}

struct track *track_new(void)
{
    struct track *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->nr_buckets = 1 << 14;
    t->buckets = malloc(t->nr_buckets * sizeof(*t->buckets));
    t->regions = malloc(REGIONS * sizeof(*t->regions));
    t->maps_size = 1 << 20;
    t->maps_text = malloc(t->maps_size);
    if (!t->buckets || !t->regions || !t->maps_text) {
        track_free(t);
        return NULL;
    }
    memset(t->buckets, 0xff, t->nr_buckets * sizeof(*t->buckets));
    return t;
}

static void close_process(struct process *p)
{
    close(p->uffd);
    close(p->pagemap);
    close(p->maps);
    close(p->statm);
    free(p->list);
}

void track_free(struct track *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->nr_processes; i++)
        close_process(&t->processes[i]);
    for (uint32_t i = 0; i < t->nr_chunks; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->processes);
    free(t->spaces);
    free(t->buckets);
    free(t->free_numbers);
    free(t->places);
    free(t->dirty);
    free(t->found);
    free(t->regions);
    free(t->maps_text);
    free(t);
}

uint32_t track_total(const struct track *t)
{
    return t->total;
}

size_t track_processes(const struct track *t, size_t *ever_r)
{
    if (ever_r)
        *ever_r = t->ever;
    return t->nr_processes;
}

/* ---- numbers --------------------------------------------------------- */

static int add_space(struct track *t, const struct space *s, uint32_t *r)
{
    struct space *p = realloc(t->spaces, (t->nr_spaces + 1) * sizeof(*p));

    if (!p)
        return -1;
    t->spaces = p;
    p[t->nr_spaces] = *s;
    *r = t->nr_spaces++;
    return 0;
}

static int file_space(struct track *t, const struct mapping *m, uint32_t *r)
{
    for (uint32_t i = 0; i < t->nr_spaces; i++) {
        const struct space *s = &t->spaces[i];

        if (s->shared && s->dev == m->dev && s->ino == m->ino) {
            *r = i;
            return 0;
        }
    }
    return add_space(t, &(struct space){ .shared = true, .dev = m->dev,
                                         .ino = m->ino }, r);
}

static struct chunk *find_chunk(struct track *t, uint32_t space,
                                uint64_t index)
{
    uint64_t hash = (index + 1) * UINT64_C(0x9e3779b97f4a7c15) + space;
    uint32_t *bucket = &t->buckets[(hash ^ hash >> 32) & (t->nr_buckets - 1)];
    struct chunk *c, **all;

    for (uint32_t i = *bucket; i != NONE; i = t->chunks[i]->next) {
        if (t->chunks[i]->space == space && t->chunks[i]->index == index)
            return t->chunks[i];
    }
    c = malloc(sizeof(*c));
    all = realloc(t->chunks, (t->nr_chunks + 1) * sizeof(*all));
    if (all)
        t->chunks = all;
    if (!c || !all) {
        free(c);
        return NULL;
    }
    *c = (struct chunk){ .space = space, .index = index, .next = *bucket };
    memset(c->numbers, 0xff, sizeof(c->numbers));
    *bucket = t->nr_chunks;
    t->chunks[t->nr_chunks++] = c;
    return c;
}

static int mark(struct track *t, uint32_t number)
{
    size_t word = number / 64;

    if (word >= t->max_dirty) {
        size_t more = 2 * word + 1024;
        uint64_t *p = realloc(t->dirty, more * sizeof(*p));

        if (!p)
            return -1;
        memset(p + t->max_dirty, 0, (more - t->max_dirty) * sizeof(*p));
        t->dirty = p;
        t->max_dirty = more;
    }
    t->dirty[word] |= UINT64_C(1) << number % 64;
    return 0;
}

static int note_place(struct track *t, uint32_t number, pid_t pid,
                      uint64_t address)
{
    while (number >= t->max_places) {
        if (grow(&t->places, t->max_places, &t->max_places,
                 sizeof(*t->places)))
            return -1;
    }
    t->places[number] = (struct place){ pid, address };
    return 0;
}

/* base: what is to be added to a page's offset to get its address. */
static int note_dirty(struct track *t, const struct process *p,
                      uint32_t space, uint64_t base, uint64_t first,
                      uint64_t end)
{
    pid_t pid = t->spaces[p->space].pid;
    struct chunk *c = NULL;

    for (uint64_t page = first; page < end; page++) {
        uint32_t *number;

        if (!c || page % CHUNK_PAGES == 0)
            c = find_chunk(t, space, page / CHUNK_PAGES);
        if (!c)
            return -1;
        number = &c->numbers[page % CHUNK_PAGES];
        if (*number == NONE)
            *number = t->nr_free ? t->free_numbers[--t->nr_free]
                                 : t->total++;
        if (mark(t, *number) ||
            note_place(t, *number, pid, (page << PAGE_SHIFT) + base))
            return -1;
    }
    return 0;
}

/* Frees the numbers of the private pages of a process. */
static int forget_space(struct track *t, uint32_t space)
{
    t->spaces[space].gone = true;
    for (uint32_t i = 0; i < t->nr_chunks; i++) {
        struct chunk *c = t->chunks[i];

        for (uint32_t k = 0; c->space == space && k < CHUNK_PAGES; k++) {
            if (c->numbers[k] == NONE)
                continue;
            if (grow(&t->free_numbers, t->nr_free, &t->max_free,
                     sizeof(*t->free_numbers)))
                return -1;
            t->free_numbers[t->nr_free++] = c->numbers[k];
            c->numbers[k] = NONE;
        }
    }
    return 0;
}

void track_list(const struct track *t, FILE *f)
{
    for (uint32_t i = 0; i < t->nr_chunks; i++) {
        const struct chunk *c = t->chunks[i];
        const struct space *s = &t->spaces[c->space];

        for (uint32_t k = 0; k < CHUNK_PAGES; k++) {
            uint64_t at = (c->index * CHUNK_PAGES + k) << PAGE_SHIFT;

            if (c->numbers[k] == NONE)
                continue;
            if (s->shared)
                fprintf(f, "%"PRIu32" s %"PRIx64" %"PRIu64" %"PRIx64"\n",
                        c->numbers[k], s->dev, s->ino, at);
            else
                fprintf(f, "%"PRIu32" p %d %"PRIx64"\n", c->numbers[k],
                        (int)s->pid, at);
        }
    }
}

bool track_read(const struct track *t, uint32_t number, void *page)
{
    const struct place *at = &t->places[number];
    struct iovec to = { page, 1 << PAGE_SHIFT };
    struct iovec from = { (void *)(uintptr_t)at->address, 1 << PAGE_SHIFT };

    return process_vm_readv(at->pid, &to, 1, &from, 1, 0) == 1 << PAGE_SHIFT;
}

/* ---- scanning -------------------------------------------------------- */

/* Returns 0 with the text in t->maps_text, or -1: the process is gone. */
static int read_maps(struct track *t, int fd)
{
    size_t len = 0;
    ssize_t n;

    while ((n = pread(fd, t->maps_text + len, t->maps_size - 1 - len,
                      len)) > 0) {
        len += n;
        if (len > t->maps_size / 2) {
            char *p = realloc(t->maps_text, 2 * t->maps_size);

            if (!p)
                return -1;
            t->maps_text = p;
            t->maps_size *= 2;
        }
    }
    t->maps_text[len] = 0;
    return len ? 0 : -1;
}

static bool parse_mapping(const char *line, struct mapping *m)
{
    char perms[5];
    unsigned int major, minor;
    int name = 0;

    if (sscanf(line, "%"SCNx64"-%"SCNx64" %4s %"SCNx64" %x:%x %"SCNu64" %n",
               &m->start, &m->end, perms, &m->offset, &major, &minor,
               &m->ino, &name) < 7)
        return false;
    m->dev = (uint64_t)major << 32 | minor;
    m->writable = perms[1] == 'w';
    m->shared = perms[3] == 's';
    m->special = !strncmp(line + name, "[v", 2) ||
                 !strncmp(line + name, "anon_inode:", 11);
    return true;
}

static int write_protect(const struct process *p, const struct mapping *m)
{
    struct uffdio_writeprotect wp = {
        .range = { m->start, m->end - m->start },
        .mode = UFFDIO_WRITEPROTECT_MODE_WP,
    };

    return ioctl(p->uffd, UFFDIO_WRITEPROTECT, &wp);
}

static int watch(const struct process *p, const struct mapping *m)
{
    struct uffdio_register reg = {
        .range = { m->start, m->end - m->start },
        .mode = UFFDIO_REGISTER_MODE_WP,
    };

    return ioctl(p->uffd, UFFDIO_REGISTER, &reg);
}

/*
 * Notes the pages of [start, end) that are present and were written: not the
 * zero page, and not the file pages of a private mapping. Assumes that there is
 * no swap, as a protected hole looks like a page that is swapped out.
 */
static int note_present(struct track *t, const struct process *p,
                        const struct mapping *m, uint32_t space,
                        uint64_t start, uint64_t end)
{
    uint64_t inverted = m->shared ? 0 : PAGE_IS_PFNZERO | PAGE_IS_FILE;
    uint64_t base = m->shared ? m->start - m->offset : 0;
    struct page_region found[64];
    struct pm_scan_arg arg = {
        .size = sizeof(arg), .start = start, .end = end,
        .vec = (uintptr_t)found, .vec_len = 64,
        .category_inverted = inverted,
        .category_mask = PAGE_IS_PRESENT | inverted,
    };

    while (arg.start < end) {
        long n = ioctl(p->pagemap, PAGEMAP_SCAN, &arg);

        if (n < 0)
            return -1;
        for (long i = 0; i < n; i++) {
            if (note_dirty(t, p, space, base,
                           (found[i].start - base) >> PAGE_SHIFT,
                           (found[i].end - base) >> PAGE_SHIFT))
                return -1;
        }
        arg.start = arg.walk_end;
    }
    return 0;
}

/*
 * The kernel also reports holes that are not protected yet as written. A page
 * that has a number is none; the others are checked again.
 */
static int note_written(struct track *t, const struct process *p,
                        const struct mapping *m, uint32_t space,
                        const struct page_region *r)
{
    uint64_t base = m->shared ? m->start - m->offset : 0;
    uint64_t first = (r->start - base) >> PAGE_SHIFT;
    uint64_t end = (r->end - base) >> PAGE_SHIFT;

    for (uint64_t page = first; page < end; page++) {
        struct chunk *c = find_chunk(t, space, page / CHUNK_PAGES);

        if (!c)
            return -1;
        if (c->numbers[page % CHUNK_PAGES] == NONE)
            return note_present(t, p, m, space, r->start, r->end);
    }
    return note_dirty(t, p, space, base, first, end);
}

/*
 * Scans a mapping and notes its dirty pages (note false: drops them). The
 * kernel has a fast path for these masks.
 */
static int scan(struct track *t, const struct process *p,
                const struct mapping *m, bool note)
{
    struct pm_scan_arg arg = {
        .size = sizeof(arg),
        .flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
        .start = m->start, .end = m->end,
        .vec = (uintptr_t)t->regions, .vec_len = REGIONS,
        .category_mask = PAGE_IS_WRITTEN, .return_mask = PAGE_IS_WRITTEN,
    };
    uint32_t space = p->space;

    if (m->shared && file_space(t, m, &space))
        return -1;
    while (arg.start < m->end) {
        long n = ioctl(p->pagemap, PAGEMAP_SCAN, &arg);

        if (n < 0)
            return -1;
        for (long i = 0; note && i < n; i++) {
            if (note_written(t, p, m, space, &t->regions[i]))
                return -1;
        }
        arg.start = arg.walk_end;
    }
    return 0;
}

/*
 * Scans a mapping that was not watched yet. All pages of a private one were
 * written since it was mapped, except after a fork. In a shared one, holes are
 * protected, too, as a page that is read later would count as written
 * otherwise. No write before the protection may be lost, so all its pages
 * count as written.
 */
static int scan_new(struct track *t, const struct process *p,
                    const struct mapping *m, bool forked)
{
    uint32_t space;

    if (watch(p, m))
        return errno == EINVAL || errno == ENOMEM ? 0 : -1;
    if (!m->shared)
        return scan(t, p, m, !forked);
    if (file_space(t, m, &space) ||
        (write_protect(p, m) && errno != ENOENT))
        return -1;
    return forked ? 0 : note_present(t, p, m, space, m->start, m->end);
}

/* Reads the mappings. Returns 0, or -1 with errno ESRCH: it is gone. */
static int list_mappings(struct track *t, struct process *p)
{
    char *line, *next;

    if (read_maps(t, p->maps)) {
        errno = ESRCH;
        return -1;
    }
    p->nr = 0;
    for (line = t->maps_text; line && *line; line = next) {
        struct mapping m;

        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (!parse_mapping(line, &m) || m.special ||
            (!m.writable && (m.ino || m.shared)))
            continue;
        if (grow(&p->list, p->nr, &p->max, sizeof(m)))
            return -1;
        p->list[p->nr++] = m;
    }
    p->age = 0;
    return 0;
}

/* Returns the size of the process in pages; 0: it is gone. */
static uint64_t read_size(const struct process *p)
{
    char buf[128];
    ssize_t n = pread(p->statm, buf, sizeof(buf) - 1, 0);

    buf[n > 0 ? n : 0] = 0;
    return strtoull(buf, NULL, 10);
}

/* Returns 0, or -1: the process is gone (errno ESRCH) or an error. */
static int scan_process(struct track *t, struct process *p, bool forked)
{
    uint64_t size = read_size(p);
    bool fresh = false;

    if (size != p->size || !size || ++p->age >= LIST_AGE) {
        if (list_mappings(t, p))
            return -1;
        fresh = true;
    }
    p->size = size;
    for (size_t i = 0; i < p->nr; i++) {
        if (!scan(t, p, &p->list[i], !forked))
            continue;
        if (errno == EPERM && !fresh) {
            /* The mappings have changed: read them, and begin again. */
            p->size = 0;
            return scan_process(t, p, forked);
        }
        /* EPERM: a part is not watched. Otherwise it was unmapped. */
        if (errno == EPERM && !scan_new(t, p, &p->list[i], forked))
            continue;
        if (errno == ENOMEM)
            return -1;
    }
    return 0;
}

int track_add(struct track *t, pid_t pid, char kind, int uffd)
{
    struct uffdio_api api = { .api = UFFD_API, .features =
        UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED |
        UFFD_FEATURE_WP_HUGETLBFS_SHMEM };
    struct process p = { .uffd = uffd }, *all;
    char path[64];
    int r;

    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
    p.pagemap = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    p.maps = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    p.statm = open(path, O_RDONLY | O_CLOEXEC);
    all = realloc(t->processes, (t->nr_processes + 1) * sizeof(p));
    if (all)
        t->processes = all;
    if (!all || p.pagemap < 0 || p.maps < 0 ||
        p.statm < 0 ||
        ioctl(uffd, UFFDIO_API, &api) ||
        add_space(t, &(struct space){ .pid = pid }, &p.space)) {
        r = errno;
        close_process(&p);
        errno = r;
        return -1;
    }
    t->processes[t->nr_processes++] = p;
    t->ever++;
    return scan_process(t, &t->processes[t->nr_processes - 1],
                        kind == TRACK_FORKED);
}

/* Turns the dirty bits into a list and clears them. */
static int list_dirty(struct track *t, size_t *nr_r)
{
    size_t nr = 0;

    for (size_t w = 0; w < t->max_dirty; w++) {
        while (t->dirty[w]) {
            if (grow(&t->found, nr, &t->max_found, sizeof(*t->found)))
                return -1;
            t->found[nr++] = w * 64 + __builtin_ctzll(t->dirty[w]);
            t->dirty[w] &= t->dirty[w] - 1;
        }
    }
    *nr_r = nr;
    return 0;
}

int track_scan(struct track *t, const uint32_t **pages_r, size_t *nr_r)
{
    size_t keep = 0;

    for (size_t i = 0; i < t->nr_processes; i++) {
        struct process p = t->processes[i];

        if (!scan_process(t, &p, false)) {
            t->processes[keep++] = p;
            continue;
        }
        if (errno != ESRCH || forget_space(t, p.space))
            return -1;
        close_process(&p);
    }
    t->nr_processes = keep;
    if (list_dirty(t, nr_r))
        return -1;
    *pages_r = t->found;
    return 0;
}
