/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XL_CONFIG_XL_CONFIG_PRINT_H
#define XL_CONFIG_XL_CONFIG_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "conf/settings.h"

/* What is shown. */
struct config_view {
    const struct conf_file *file;
    const struct conf_settings *settings;   /* of the file and of xenstore */
    const struct xpc_params *params;    /* in force with xl migrate */
    const char *guest, *target;         /* NULL: none was named */
    bool here;                          /* the guest is on this host, and
                                         * xenstore was read */
};

void config_print_text(FILE *out, const struct config_view *v);
void config_print_json(FILE *out, const struct config_view *v);

#endif
