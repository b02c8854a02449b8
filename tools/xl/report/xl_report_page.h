/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of a migration as a page of HTML. */
#ifndef XL_REPORT_XL_REPORT_PAGE_H
#define XL_REPORT_XL_REPORT_PAGE_H

#include <stdio.h>

#include <xenprecopy/xenprecopy.h>

void report_page(FILE *f, const struct xpc_report *r);

/* "Migration of g1 to host2", as far as it is known. malloc()ed. */
char *report_title(const struct xpc_report *r);
/* When it began; NULL: unknown. */
const char *report_start(const struct xpc_report *r, char *buf, size_t len);

#endif
