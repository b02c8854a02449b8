/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SVG and HTML as text. Everything that is not a class or a number of ours is
 * escaped, so that a guest's name remains a name.
 */
#ifndef XL_REPORT_XL_SVG_H
#define XL_REPORT_XL_SVG_H

#include <stddef.h>
#include <stdio.h>

/* Writes s as text of HTML, SVG or an attribute. */
void svg_escape(FILE *f, const char *s);

struct svg_point {
    double x, y;
};

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* An image of this size in pixels. label: what it shows, for screen readers. */
void svg_begin(FILE *f, const char *class, double width, double height,
               const char *label);
void svg_end(FILE *f);
void svg_line(FILE *f, const char *class, double x1, double y1, double x2,
              double y2);
void svg_rect(FILE *f, const char *class, double x, double y, double width,
              double height);
void svg_circle(FILE *f, const char *class, double x, double y, double r);
/* A line through the points, or the area within them. */
void svg_path(FILE *f, const char *class, const struct svg_point *points,
              size_t nr);
void svg_area(FILE *f, const char *class, const struct svg_point *points,
              size_t nr);
void svg_text(FILE *f, const char *class, double x, double y,
              enum svg_anchor anchor, const char *text);

#endif
