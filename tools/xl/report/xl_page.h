/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page of HTML that is complete in itself: no scripts, no other files. It is
 * well-formed XML, too.
 */
#ifndef XL_REPORT_XL_PAGE_H
#define XL_REPORT_XL_PAGE_H

#include <stdio.h>

void page_begin(FILE *f, const char *title);
void page_end(FILE *f);

/* <tag class="class">text</tag>; class NULL: none. */
void page_element(FILE *f, const char *tag, const char *class,
                  const char *text);
/* A row of a list of terms; text NULL: nothing is written. */
void page_term(FILE *f, const char *term, const char *text);

/* A figure: its finding as a heading; then the picture; then a table. */
void page_figure_begin(FILE *f, const char *finding);
void page_figure_end(FILE *f);

/*
 * A table, closed at first if folded. Cells are ended by NULL; the first one
 * of a row names it.
 */
void page_table_begin(FILE *f, const char *caption, int folded);
__attribute__((sentinel))
void page_head(FILE *f, ...);
__attribute__((sentinel))
void page_row(FILE *f, ...);
void page_table_end(FILE *f, int folded);

#endif
