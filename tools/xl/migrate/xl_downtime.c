/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/units.h>

#include "migrate/xl_downtime.h"

#define BAR_WIDTH 60
#define PARTS_MAX 9

struct part {
    const char *name;
    char sign;                  /* drawn in the bar */
    uint64_t ns, bytes;
};

/* A point in time that ends a part. */
struct mark {
    const char *name;
    char sign;
    uint64_t at_ns, bytes;
};

/* Leaves out marks that were not reached or are out of order. */
static size_t find_parts(const struct xpc_report *r, struct part *parts)
{
    const struct mark marks[] = {
        { "bitmap", 'b', r->final_bitmap_ns, 0 },
        { "pages", 'p', r->pages_sent_ns, r->final_bytes - r->device_bytes },
        { "state", 's', r->state_sent_ns, r->device_bytes },
        { "stream end", 'e', r->stream_end_ns, 0 },
        { "restore", 'r', r->target_ready_ns, 0 },
        { "go", 'g', r->go_ns, 0 },
        { "start", 't', r->target_started_ns, 0 },
        { "broken off", 'o', r->broken_off_ns, 0 },
        { "taken back", 'x', r->resumed_ns, 0 },
    };
    uint64_t last = r->suspended_ns;
    size_t nr = 0;

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const struct mark *m = &marks[i];

        if (m->at_ns <= last)
            continue;
        parts[nr++] = (struct part){ m->name, m->sign, m->at_ns - last,
                                     m->bytes };
        last = m->at_ns;
    }
    return nr;
}

/* Each column shows the part at its middle. */
static void print_bar(FILE *out, const struct part *parts, size_t nr)
{
    uint64_t all = 0, end = 0;
    char bar[BAR_WIDTH + 1];
    size_t at = 0;

    for (size_t i = 0; i < nr; i++)
        all += parts[i].ns;
    for (size_t i = 0; i < nr; i++) {
        end += parts[i].ns;
        while (at < BAR_WIDTH && (2 * at + 1) * all < 2 * BAR_WIDTH * end)
            bar[at++] = parts[i].sign;
    }
    bar[at] = 0;
    fprintf(out, "  [%s]\n", bar);
}

void downtime_print(FILE *out, const struct xpc_report *r)
{
    struct part parts[PARTS_MAX];
    size_t nr = r->suspended_ns ? find_parts(r, parts) : 0;
    char t[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    if (!nr)
        return;
    print_bar(out, parts, nr);
    for (size_t i = 0; i < nr; i++) {
        fprintf(out, "%s%c %s %s", i % 4 ? ", " : "   ", parts[i].sign,
                parts[i].name, xpc_format_time(t, parts[i].ns));
        if (parts[i].bytes)
            fprintf(out, " (%s)", xpc_format_bytes(b, parts[i].bytes));
        if (i % 4 == 3 || i + 1 == nr)
            fputc('\n', out);
    }
    if (r->suspended_ns > r->suspend_asked_ns && r->suspend_asked_ns)
        fprintf(out, "   before it, the guest took %s to suspend\n",
                xpc_format_time(t, r->suspended_ns - r->suspend_asked_ns));
}
