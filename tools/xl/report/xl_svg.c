/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/utf8.h"
#include "report/xl_svg.h"

/* What no document may contain, or could confuse: C0, DEL, C1, and bidi. */
static int is_forbidden(const unsigned char *u, size_t len)
{
    if (len == 1)
        return (*u < 0x20 && *u != '\n' && *u != '\t') || *u == 0x7f;
    if (len == 2)
        return *u == 0xc2 && u[1] < 0xa0;
    if (len != 3)
        return 0;
    /* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069, U+FFFE, U+FFFF */
    return (*u == 0xe2 && u[1] == 0x80 && (u[2] == 0x8e || u[2] == 0x8f ||
                                           (u[2] >= 0xaa && u[2] <= 0xae))) ||
           (*u == 0xe2 && u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9) ||
           (*u == 0xef && u[1] == 0xbf && u[2] >= 0xbe);
}

void svg_escape(FILE *f, const char *s)
{
    while (*s) {
        size_t len = xpc_utf8_char(s);

        if (!len || is_forbidden((const unsigned char *)s, len))
            fputs(XPC_UTF8_REPLACEMENT, f);
        else if (*s == '<')
            fputs("&lt;", f);
        else if (*s == '>')
            fputs("&gt;", f);
        else if (*s == '&')
            fputs("&amp;", f);
        else if (*s == '"')
            fputs("&quot;", f);
        else if (*s == '\'')
            fputs("&#39;", f);
        else
            fwrite(s, 1, len, f);
        s += len ? len : 1;
    }
}

void svg_begin(FILE *f, const char *class, double width, double height,
               const char *label)
{
    fprintf(f, "<svg class=\"%s\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 "
            "%.0f %.0f\" role=\"img\" aria-label=\"", class, width, height,
            width, height);
    svg_escape(f, label);
    fputs("\">\n", f);
}

void svg_end(FILE *f)
{
    fputs("</svg>\n", f);
}

void svg_line(FILE *f, const char *class, double x1, double y1, double x2,
              double y2)
{
    fprintf(f, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
            "y2=\"%.1f\"/>\n", class, x1, y1, x2, y2);
}

void svg_rect(FILE *f, const char *class, double x, double y, double width,
              double height)
{
    fprintf(f, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
            "height=\"%.1f\"/>\n", class, x, y, width, height);
}

void svg_circle(FILE *f, const char *class, double x, double y, double r)
{
    fprintf(f, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n",
            class, x, y, r);
}

static void write_path(FILE *f, const char *class,
                       const struct svg_point *points, size_t nr,
                       const char *end)
{
    if (!nr)
        return;
    fprintf(f, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < nr; i++)
        fprintf(f, "%s%.1f %.1f", i ? "L" : "M", points[i].x, points[i].y);
    fprintf(f, "%s\"/>\n", end);
}

void svg_path(FILE *f, const char *class, const struct svg_point *points,
              size_t nr)
{
    write_path(f, class, points, nr, "");
}

void svg_area(FILE *f, const char *class, const struct svg_point *points,
              size_t nr)
{
    write_path(f, class, points, nr, "Z");
}

void svg_text(FILE *f, const char *class, double x, double y,
              enum svg_anchor anchor, const char *text)
{
    static const char *const anchors[] = {
        [SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end",
    };

    fprintf(f, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
            class, x, y, anchors[anchor]);
    svg_escape(f, text);
    fputs("</text>\n", f);
}
