/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "common/xl_common.h"
#include "common/xl_options.h"
#include "migrate/xl_migrate_leftover.h"
#include "migrate/xl_protocol.h"

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), end = strlen(suffix);

    return len > end && !strcmp(name + len - end, suffix);
}

int migrate_check_leftovers(libxl_ctx *ctx, const char *name,
                            char err[XPC_ERR_LEN])
{
    char *away = xl_asprintf("%s" MIGRATE_AWAY, name);
    uint32_t domid;
    int r = 0;

    if (ends_with(name, MIGRATE_INCOMING)) {
        r = xl_bad(err, "%.60s is the copy that a migration to this host "
                   "builds: if none is under way, destroy it: xl destroy "
                   "%.60s", name, name);
    } else if (ends_with(name, MIGRATE_AWAY)) {
        r = xl_bad(err, "%.60s is what a migration left here, suspended: if "
                   "its guest runs on the other host, destroy this one: xl "
                   "destroy %.60s", name, name);
    } else if (!libxl_name_to_domid(ctx, away, &domid)) {
        r = xl_bad(err, "domain %"PRIu32" is called %.60s, which this "
                   "migration needs as a name: an earlier one left it here: "
                   "destroy it if its guest runs elsewhere: xl destroy "
                   "%"PRIu32, domid, away, domid);
    }
    free(away);
    return r;
}

void migrate_warn_leftover(libxl_ctx *ctx, const char *name)
{
    char *incoming = xl_asprintf("%s" MIGRATE_INCOMING, name);
    uint32_t domid;

    if (!libxl_name_to_domid(ctx, incoming, &domid))
        xl_message("migrate", "domain %"PRIu32" here is called %s, as the "
                   "copy that a migration to this host builds: if none is "
                   "under way, destroy it: xl destroy %"PRIu32, domid,
                   incoming, domid);
    free(incoming);
}
