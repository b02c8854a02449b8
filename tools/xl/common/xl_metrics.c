/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/xl_metrics.h"
#include "common/xl_options.h"
#include "common/xl_output.h"
#include "core/utf8.h"

int metrics_open(struct metrics *m)
{
    *m = (struct metrics){ 0 };
    m->f = open_memstream(&m->text, &m->len);
    return m->f ? 0 : -1;
}

static bool is_counter(const struct metric_family *family)
{
    size_t len = strlen(family->name);

    return len > 6 && !strcmp(family->name + len - 6, "_total");
}

static void begin_family(struct metrics *m, const struct metric_family *family)
{
    fprintf(m->f, "# HELP %s %s\n", family->name, family->help);
    if (!is_counter(family)) {
        fprintf(m->f, "# TYPE %s gauge\n", family->name);
        if (family->unit)
            fprintf(m->f, "# UNIT %s %s\n", family->name, family->unit);
    }
    m->family = family;
}

static void write_label(FILE *f, const char *s)
{
    while (*s) {
        size_t len = xpc_utf8_char(s);

        if (!len)
            fputs(XPC_UTF8_REPLACEMENT, f);
        else if (*s == '\n')
            fputs("\\n", f);
        else if (*s == '"' || *s == '\\')
            fprintf(f, "\\%c", *s);
        else
            fwrite(s, 1, len, f);
        s += len ? len : 1;
    }
}

/* With as few digits as tell the value from all others. */
static void write_value(FILE *f, double value)
{
    char text[32];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, f);
}

void metrics_add(struct metrics *m, const struct metric_family *family,
                 double value, ...)
{
    const char *label, *sep = "{";
    va_list al;

    if (m->family != family)
        begin_family(m, family);
    fputs(family->name, m->f);
    va_start(al, value);
    while ((label = va_arg(al, const char *))) {
        fprintf(m->f, "%s%s=\"", sep, label);
        write_label(m->f, va_arg(al, const char *));
        fputc('"', m->f);
        sep = ",";
    }
    va_end(al);
    fputs(*sep == ',' ? "} " : " ", m->f);
    write_value(m->f, value);
    fputc('\n', m->f);
}

int metrics_close(struct metrics *m, const char *file, char err[XPC_ERR_LEN])
{
    int rc = 0;

    fputs("# EOF\n", m->f);
    if (fclose(m->f) || !m->text)
        rc = xl_bad(err, "out of memory");
    else if (file)
        rc = xl_output_text("openmetrics", file, 0644, m->text, err);
    else
        fputs(m->text, stdout);
    free(m->text);
    *m = (struct metrics){ 0 };
    return rc;
}
