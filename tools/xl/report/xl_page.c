/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdarg.h>

#include "report/xl_page.h"
#include "report/xl_svg.h"

/*
 * The colours are of the palette by Okabe and Ito, which the colour-blind can
 * tell apart, darker or lighter where text needs more contrast.
 */
static const char style[] =
":root{color-scheme:light dark;--paper:#fff;--ink:#1b1b1b;--muted:#595959;"
"--grid:#e2e2e2;--c1:#0068a3;--c2:#b84300;--c3:#00755a;--c4:#8f3f73}\n"
"@media(prefers-color-scheme:dark){:root{--paper:#15181b;--ink:#ececec;"
"--muted:#adadad;--grid:#353a40;--c1:#5cb8ee;--c2:#ff9d52;--c3:#35c797;"
"--c4:#e394c2}}\n"
"*{box-sizing:border-box}\n"
"body{margin:0 auto;padding:16px;max-width:800px;background:var(--paper);"
"color:var(--ink);font:16px/1.5 system-ui,sans-serif;"
"overflow-wrap:anywhere}\n"
"h1,h2{text-wrap:balance}\n"
"h1{font-size:1.5em;line-height:1.25;margin:.4em 0}\n"
"h2{font-size:1.1em;line-height:1.3;margin:0 0 .5em}\n"
".lead{font-size:1.05em}\n"
"dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;"
"margin:1em 0}\n"
"dt{color:var(--muted)}\ndd{margin:0}\n"
"figure{margin:2.2em 0;padding-top:1.4em;border-top:1px solid var(--grid)}\n"
"svg{display:block;max-width:100%;overflow:visible;"
"font:13px system-ui,sans-serif}\n"
".narrow{display:none}\n"
"@media(max-width:791px){.wide{display:none}.narrow{display:block}"
"dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5em}}\n"
".grid{stroke:var(--grid)}\n.axis{stroke:var(--muted)}\n"
".tick,.name{fill:var(--muted);font-size:12px}\n.value{fill:var(--ink)}\n"
".c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}"
".c4{--c:var(--c4)}\n"
".line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}\n"
".level{stroke:var(--c);stroke-width:2;stroke-dasharray:7 5}\n"
".band{fill:var(--c);fill-opacity:.22}\n"
".dot,.bar{fill:var(--c)}\n"
".ring{fill:var(--paper);stroke:var(--c);stroke-width:2}\n"
".lead.c1,.lead.c2,.lead.c3,.lead.c4{stroke:var(--c);stroke-width:1;"
"stroke-opacity:.5}\n"
".mark{fill:var(--c);font-weight:600}\n"
".scroll{overflow-x:auto}\n"
"table{border-collapse:collapse;font-size:.85em;margin:.5em 0;"
"font-variant-numeric:tabular-nums;overflow-wrap:normal}\n"
"caption{text-align:left;color:var(--muted)}\n"
"th,td{padding:.2em .7em .2em 0;text-align:right;white-space:nowrap;"
"border-bottom:1px solid var(--grid)}\n"
"th{font-weight:600}\ntr>:first-child{text-align:left}\n"
"summary{cursor:pointer;color:var(--muted);margin-top:.6em}\n"
"footer{color:var(--muted);font-size:.85em;margin-top:3em}\n";

void page_begin(FILE *f, const char *title)
{
    fputs("<!DOCTYPE html>\n"
          "<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
          "<meta charset=\"utf-8\"/>\n"
          "<meta http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
          "<meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\"/>\n<title>", f);
    svg_escape(f, title);
    fputs("</title>\n<style>\n", f);
    fputs(style, f);
    fputs("</style>\n</head>\n<body>\n<main>\n", f);
    page_element(f, "h1", NULL, title);
}

void page_end(FILE *f)
{
    fputs("</main>\n<footer>Written by xl migrate-report of xen-precopy."
          "</footer>\n</body>\n</html>\n", f);
}

void page_element(FILE *f, const char *tag, const char *class,
                  const char *text)
{
    if (class)
        fprintf(f, "<%s class=\"%s\">", tag, class);
    else
        fprintf(f, "<%s>", tag);
    svg_escape(f, text);
    fprintf(f, "</%s>\n", tag);
}

void page_term(FILE *f, const char *term, const char *text)
{
    if (!text)
        return;
    page_element(f, "dt", NULL, term);
    page_element(f, "dd", NULL, text);
}

/* Keeps a number and what follows it on one line. */
static void bind_numbers(char *to, size_t room, const char *s)
{
    static const char nbsp[] = "\xc2\xa0";
    size_t n = 0;

    for (; *s && n + sizeof(nbsp) < room; s++) {
        if (*s == ' ' && n && isdigit((unsigned char)to[n - 1]))
            n += sprintf(to + n, "%s", nbsp);
        else
            to[n++] = *s;
    }
    to[n] = 0;
}

void page_figure_begin(FILE *f, const char *finding)
{
    char text[512];

    bind_numbers(text, sizeof(text), finding);
    fputs("<figure>\n<figcaption>", f);
    page_element(f, "h2", NULL, text);
    fputs("</figcaption>\n", f);
}

void page_figure_end(FILE *f)
{
    fputs("</figure>\n", f);
}

void page_table_begin(FILE *f, const char *caption, int folded)
{
    if (folded)
        fputs("<details>\n<summary>The same as a table</summary>\n", f);
    fputs("<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
          "aria-label=\"", f);
    svg_escape(f, caption);
    fputs("\">\n<table>\n", f);
    page_element(f, "caption", NULL, caption);
}

static void write_cells(FILE *f, const char *first_scope,
                        const char *scope, va_list al)
{
    const char *cell;

    fputs("<tr>", f);
    for (size_t i = 0; (cell = va_arg(al, const char *)); i++) {
        const char *s = i ? scope : first_scope;

        if (s)
            fprintf(f, "<th scope=\"%s\">", s);
        else
            fputs("<td>", f);
        svg_escape(f, cell);
        fputs(s ? "</th>" : "</td>", f);
    }
    fputs("</tr>\n", f);
}

void page_head(FILE *f, ...)
{
    va_list al;

    va_start(al, f);
    write_cells(f, "col", "col", al);
    va_end(al);
}

void page_row(FILE *f, ...)
{
    va_list al;

    va_start(al, f);
    write_cells(f, "row", NULL, al);
    va_end(al);
}

void page_table_end(FILE *f, int folded)
{
    fputs(folded ? "</table>\n</div>\n</details>\n" : "</table>\n</div>\n", f);
}
