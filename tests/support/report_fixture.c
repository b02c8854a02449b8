/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/report_fixture.h"
#include "support/torture.h"

char report_dir[64], report_path[128];

int report_setup(void **state)
{
    (void)state;
    strcpy(report_dir, "/tmp/torture_xl_report.XXXXXX");
    assert_non_null(mkdtemp(report_dir));
    snprintf(report_path, sizeof(report_path), "%s/report", report_dir);
    return 0;
}

int report_remove_files(void)
{
    DIR *d = opendir(report_dir);
    struct dirent *e;
    int n = 0;

    assert_non_null(d);
    while ((e = readdir(d))) {
        if (*e->d_name != '.')
            n += !unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return n;
}

int report_teardown(void **state)
{
    (void)state;
    report_remove_files();
    rmdir(report_dir);
    return 0;
}

void read_file(const char *name, char *buf, size_t len)
{
    FILE *f = fopen(name, "r");

    assert_non_null(f);
    buf[fread(buf, 1, len - 1, f)] = 0;
    fclose(f);
}

void report_fill(struct xpc_report *r)
{
    xpc_report_init(r);
    r->outcome = XPC_OUTCOME_MIGRATED;
    r->text = strdup("suspending: fits");
    r->suspended_ns = 1000000000;
    r->suspend_asked_ns = 995000000;
    r->final_bitmap_ns = 1001000000;
    r->pages_sent_ns = 1090000000;
    r->state_sent_ns = 1100000000;
    r->stream_end_ns = 1101000000;
    r->target_ready_ns = 1180000000;
    r->go_ns = 1180500000;
    r->target_started_ns = 1225000000;
    r->final_pages = 128;
    r->final_bytes = (512 << 10) + 32768;
    r->device_bytes = 32768;
    r->predicted_downtime_ns = 250000000;
    r->actual_downtime_ns = 225000000;
    r->total_bytes = 1 << 20;
    r->total_time_ns = 2000000000;
    r->iterations = calloc(1, sizeof(*r->iterations));
    r->nr_iterations = 1;
    r->iterations[0] = (struct xpc_iteration){
        .number = 1, .pages = 32784, .bytes = 134283264,
        .duration_ns = 1000000000, .dirty_pages = 77,
    };
}
