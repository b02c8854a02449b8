/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/xl_startup.h"
#include "config/xl_precopy_config.h"
#include "control/xl_migrate_cancel.h"
#include "control/xl_migrate_set.h"
#include "control/xl_migrate_status.h"
#include "evacuate/xl_evacuate.h"
#include "evacuate/xl_evacuate_options.h"
#include "history/xl_migrate_history.h"
#include "measure/xl_dirty_rate.h"
#include "measure/xl_dirty_rate_options.h"
#include "migrate/xl_migrate.h"
#include "migrate/xl_migrate_options.h"
#include "predict/xl_migrate_predict.h"
#include "predict/xl_predict_options.h"
#include "receive/xl_receive.h"
#include "report/xl_migrate_report.h"
#include "xl_cmdtable.h"

static const struct xl_command commands[] = {
    { &migrate_usage, cmd_migrate },
    { &dirty_rate_usage, cmd_dirty_rate },
    { &predict_usage, cmd_migrate_predict },
    { &migrate_status_usage, cmd_migrate_status },
    { &migrate_set_usage, cmd_migrate_set },
    { &migrate_cancel_usage, cmd_migrate_cancel },
    { &history_usage, cmd_migrate_history },
    { &migrate_report_usage, cmd_migrate_report },
    { &receive_usage, cmd_migrate_receive },
    { &evacuate_usage, cmd_evacuate },
    { &precopy_config_usage, cmd_precopy_config },
};

/* The stock xl has these itself; it does not list the latter. */
static bool is_stock(const struct xl_usage *usage)
{
    return usage == &migrate_usage || usage == &receive_usage;
}

void xl_list_commands(FILE *out)
{
    fputs("\nxl commands of xen-precopy, and more options of migrate:\n\n",
          out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct xl_usage *usage = commands[i].usage;

        if (!is_stock(usage))
            fprintf(out, " %-19s %s\n", usage->name, usage->summary);
    }
}

int xl_run_command(const struct xl_command *cmd, int argc, char **argv)
{
    return xl_finish(cmd->usage->name, cmd->run(argc, argv));
}

const struct xl_command *xl_find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!strcmp(commands[i].usage->name, name))
            return &commands[i];
    }
    return NULL;
}
