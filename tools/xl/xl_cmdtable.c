/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/xl.h"
#include "control/xl_control.h"
#include "history/xl_history.h"
#include "measure/xl_dirty_rate.h"
#include "migrate/xl_migrate.h"
#include "predict/xl_predict.h"

const struct xl_command xl_commands[] = {
    { "migrate", cmd_migrate,
      "Migrate a domain to another host, with a limit to its downtime",
      "[options] <Domain> <host>", migrate_help },
    { "dirty-rate", cmd_dirty_rate,
      "Measure how fast domains dirty their memory, as a curve",
      "[options] <Domain>...", dirty_rate_help },
    { "migrate-predict", cmd_migrate_predict,
      "Predict how long migrations take, their downtime, and what would help",
      "[options] [<Domain>...]", predict_help },
    { "migrate-status", cmd_migrate_status,
      "Show how far a migration under way is",
      "[options] [<Domain>]", migrate_status_help },
    { "migrate-set", cmd_migrate_set,
      "Change the limits of a migration under way",
      "<options> <Domain>", migrate_set_help },
    { "migrate-cancel", cmd_migrate_cancel,
      "End a migration under way; the domain goes on running here",
      "[options] <Domain>", migrate_cancel_help },
    { "migrate-history", cmd_migrate_history,
      "Show earlier migrations, and what was learned from them",
      "[options] [<host>...]", history_help },
    { "migrate-receive", cmd_migrate_receive,
      "Receive a domain: what xl migrate runs on the other host",
      "[-F] [-e] [-d] [-p]", NULL },
    { 0 }
};

const struct xl_command *xl_find_command(const char *name)
{
    const struct xl_command *cmd;

    for (cmd = xl_commands; cmd->name; cmd++) {
        if (!strcmp(cmd->name, name))
            return cmd;
    }
    return NULL;
}

void xl_help(const struct xl_command *cmd, FILE *out)
{
    fprintf(out, "Usage: xl [-vtT] %s %s\n\n%s.\n\n", cmd->name, cmd->usage,
            cmd->summary);
    if (cmd->options)
        fprintf(out, "Options:\n\n%s\n", cmd->options);
}
