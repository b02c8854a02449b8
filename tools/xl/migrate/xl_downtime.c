/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/units.h>

#include "migrate/xl_downtime.h"

#define BAR_WIDTH 60

/* A point in time that ends a part. */
struct mark {
    const char *name, *words;
    char sign;
    uint64_t at_ns, bytes;
};

/* Leaves out marks that were not reached or are out of order. */
size_t downtime_parts(const struct xpc_report *r,
                      struct downtime_part parts[DOWNTIME_PARTS_MAX])
{
    const struct mark marks[] = {
        { "bitmap", "reading the last dirty bitmap", 'b',
          r->final_bitmap_ns, 0 },
        { "pages", "sending the last pages", 'p',
          r->pages_sent_ns, r->final_bytes - r->device_bytes },
        { "state", "sending vCPU and device state", 's',
          r->state_sent_ns, r->device_bytes },
        { "stream end", "ending the stream", 'e',
          r->stream_end_ns, 0 },
        { "restore", "restoring on the target", 'r',
          r->target_ready_ns, 0 },
        { "go", "giving the permission to start", 'g',
          r->go_ns, 0 },
        { "start", "starting on the target", 't',
          r->target_started_ns, 0 },
        { "broken off", "waiting until it was broken off", 'o',
          r->broken_off_ns, 0 },
        { "taken back", "taking the guest back", 'x',
          r->resumed_ns, 0 },
    };
    uint64_t last = r->suspended_ns;
    size_t nr = 0;

    for (size_t i = 0; last && i < sizeof(marks) / sizeof(marks[0]); i++) {
        const struct mark *m = &marks[i];

        if (m->at_ns <= last)
            continue;
        parts[nr++] = (struct downtime_part){ m->name, m->words, m->sign,
                                              m->at_ns - last, m->bytes };
        last = m->at_ns;
    }
    return nr;
}

/* Each column shows the part at its middle. */
static void print_bar(FILE *out, const struct downtime_part *parts, size_t nr)
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
    struct downtime_part parts[DOWNTIME_PARTS_MAX];
    size_t nr = downtime_parts(r, parts);
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
