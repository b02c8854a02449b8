/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of this xl; all others are run by the stock xl. */
#ifndef XL_XL_CMDTABLE_H
#define XL_XL_CMDTABLE_H

#include "common/xl_common.h"

struct xl_command {
    const struct xl_usage *usage;
    /* argv[0] is the command's name. Returns the exit status. */
    int (*run)(int argc, char **argv);
};

/* Runs a command, and checks that standard output was written. */
int xl_run_command(const struct xl_command *cmd, int argc, char **argv);

/* NULL: not one of ours. */
const struct xl_command *xl_find_command(const char *name);

/* Prints those that the stock xl does not list, as it would list them. */
void xl_list_commands(FILE *out);

#endif
