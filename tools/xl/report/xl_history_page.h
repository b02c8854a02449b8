/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The history of migrations as a page of HTML. */
#ifndef XL_REPORT_XL_HISTORY_PAGE_H
#define XL_REPORT_XL_HISTORY_PAGE_H

#include <stdio.h>

#include "history/xl_history_print.h"

void history_page(FILE *f, const struct history_targets *t);

#endif
