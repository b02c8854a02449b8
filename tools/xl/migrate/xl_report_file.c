/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/xl_common.h"
#include "json/migration.h"
#include "migrate/xl_report_file.h"

int report_file_open(struct xl_output *o, const char *path,
                     char err[XPC_ERR_LEN])
{
    *o = (struct xl_output){ 0 };
    return path ? xl_output_open(o, "report", path, -1, err) : 0;
}

int report_file_close(struct xl_output *o, const struct xpc_report *report)
{
    const char *path = o->path;
    char *json;
    int r;

    if (!path)
        return 0;
    json = report ? xpc_to_json(&xpc_report_type, report, true) : NULL;
    if (!json) {
        if (report)
            xl_message("migrate", "the report can't be written to %s: out of "
                       "memory", path);
        xl_output_discard(o);
        return report ? -1 : 0;
    }
    r = xl_output_write(o, json);
    if (r)
        xl_message("migrate", "the report can't be written to %s: %s", path,
                   strerror(errno));
    free(json);
    return r;
}
