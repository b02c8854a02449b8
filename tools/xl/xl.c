/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a command of xl_cmdtable.c, or the stock xl for all others. */
#include <string.h>
#include <unistd.h>

#include "common/xl_startup.h"
#include "common/xl_stock.h"
#include "xl_cmdtable.h"

/* Returns 0, or -1 for an option that the stock xl has to judge. */
static int parse_globals(int argc, char **argv)
{
    int opt;

    opterr = 0;
    while ((opt = getopt(argc, argv, "+vftTN")) >= 0) {
        switch (opt) {
        case 'v':
            if (xl_globals.level > 0)
                xl_globals.level--;
            break;
        case 'f':
            xl_globals.force = true;
            break;
        case 't':
            xl_globals.progress_cr = true;
            break;
        case 'T':
            xl_globals.timestamps = true;
            break;
        case 'N':
            xl_globals.dryrun = true;
            break;
        default:
            return -1;
        }
    }
    return 0;
}

/* "xl", "xl help": what the stock xl prints, and our commands. */
static int list_commands(char **argv)
{
    int status;

    xl_startup();
    status = xl_run_stock(argv);
    xl_list_commands(stdout);
    return xl_finish("help", status);
}

int main(int argc, char **argv)
{
    const struct xl_command *cmd = NULL;
    char **args;

    xl_globals.argv = argv;
    if (parse_globals(argc, argv))
        return xl_exec_stock(argv);
    args = argv + optind;
    if (!args[0] || (!strcmp(args[0], "help") && !args[1]))
        return list_commands(argv);
    if (!strcmp(args[0], "help") && args[1]) {
        cmd = xl_find_command(args[1]);
        if (cmd) {
            xl_startup();
            xl_help(cmd->usage, stdout);
            return xl_finish("help", 0);
        }
    }
    cmd = xl_find_command(args[0]);
    if (!cmd)
        return xl_exec_stock(argv);
    xl_startup();
    argc -= optind;
    optind = 0;     /* restart getopt for the command's own options */
    return xl_run_command(cmd, argc, args);
}
