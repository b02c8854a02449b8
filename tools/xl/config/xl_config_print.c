/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/xl_common.h"
#include "config/xl_config_print.h"
#include "json/migration.h"

/* One value. */
struct row {
    char *option, *value, *source;
    char *section;                  /* NULL: it is not from the file */
    bool unused;
};

struct rows {
    struct row *rows;
    size_t nr;
};

/* ---- the values -------------------------------------------------------- */

static void add_row(struct rows *r, enum xpc_option opt,
                    const struct xpc_params *p, const char *source,
                    const struct conf_section *section, bool unused)
{
    char value[XPC_UNIT_LEN], heading[CONF_HEADING_LEN];

    r->rows[r->nr++] = (struct row){
        .option = xl_asprintf("%s", xpc_option_name(opt)),
        .value = xl_asprintf("%s", xpc_option_text(opt, p, value)),
        .source = xl_asprintf("%s", source),
        .section = section ?
                   xl_asprintf("%s", conf_heading(section, heading)) : NULL,
        .unused = unused,
    };
}

static bool differs(enum xpc_option opt, const struct xpc_params *a,
                    const struct xpc_params *b)
{
    char x[XPC_UNIT_LEN], y[XPC_UNIT_LEN];

    return strcmp(xpc_option_text(opt, a, x), xpc_option_text(opt, b, y));
}

static void list_rows(const struct config_view *v, struct rows *r)
{
    const struct conf_settings *s = v->settings;
    char source[CONF_SOURCE_LEN];

    r->nr = 0;
    r->rows = calloc(XPC_NR_OPTIONS, sizeof(*r->rows));
    for (int opt = 0; r->rows && opt < XPC_NR_OPTIONS; opt++) {
        if (s->given & XPC_OPTION_BIT(opt))
            add_row(r, opt, v->params, conf_source_text(s, opt, source),
                    s->source[opt].section, false);
        else if (s->idle & XPC_OPTION_BIT(opt))
            add_row(r, opt, &s->idle_params, conf_source_text(s, opt, source),
                    s->idle_source[opt].section, true);
        else if (differs(opt, v->params, &s->params))
            add_row(r, opt, v->params, "default of xl migrate", NULL, false);
        else if (opt == XPC_OPT_DOWNTIME &&
                 v->params->policy == XPC_POLICY_LIMIT)
            add_row(r, opt, v->params, "default", NULL, false);
    }
}

static void free_rows(struct rows *r)
{
    for (size_t i = 0; i < r->nr; i++) {
        free(r->rows[i].option);
        free(r->rows[i].value);
        free(r->rows[i].source);
        free(r->rows[i].section);
    }
    free(r->rows);
}

/* ---- text -------------------------------------------------------------- */

static bool is_from_target(const struct conf_settings *s)
{
    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        if (s->given & XPC_OPTION_BIT(opt) && s->source[opt].section &&
            s->source[opt].section->kind == CONF_TARGET)
            return true;
    }
    return false;
}

static const char *policy_text(const struct config_view *v)
{
    const struct conf_settings *s = v->settings;

    if (v->params->policy == XPC_POLICY_LIMIT)
        return "A limit is in force.";
    if (!s->given && !s->idle)
        return "Nothing is set: migrations are those of stock Xen.";
    return s->asked ? "The stock policy was chosen: no limit is in force." :
           "No limit is set: the guest is suspended when stock Xen would.";
}

/* A name as it was given may contain anything. */
static void print_name(FILE *out, const char *name)
{
    char *plain = xl_plain_copy(name);

    fputs(plain, out);
    free(plain);
}

static void print_notes(FILE *out, const struct config_view *v)
{
    const unsigned int over = XPC_OPTION_BIT(XPC_OPT_CHANNELS) |
                              XPC_OPTION_BIT(XPC_OPT_COMPRESS);

    if (v->file->missing)
        fprintf(out, "There is no file %s.\n", v->file->path);
    if (v->guest && !v->here) {
        fputs("No domain ", out);
        print_name(out, v->guest);
        fputs(" was found on this host: only the file was read, for this name "
              "or UUID.\n", out);
    }
    if (is_from_target(v->settings))
        fprintf(out, "[target] is for this package's xl: no other toolstack "
                "tells the host.\n");
    if (v->settings->given & over)
        fprintf(out, "channels and compress are for this package's xl.\n");
}

void config_print_text(FILE *out, const struct config_view *v)
{
    struct rows r;

    list_rows(v, &r);
    if (v->guest || v->target) {
        print_name(out, v->guest ? v->guest : "any guest");
        if (v->target) {
            fputs(" to ", out);
            print_name(out, v->target);
        }
        fputs(":\n", out);
    }
    for (size_t i = 0; i < r.nr; i++)
        fprintf(out, "  %-20s  %-12s  %s%s%s%s\n", r.rows[i].option,
                r.rows[i].value, r.rows[i].source,
                r.rows[i].section ? " " : "",
                r.rows[i].section ? r.rows[i].section : "",
                r.rows[i].unused ? " (not used without a limit)" : "");
    fprintf(out, "%s\n", policy_text(v));
    print_notes(out, v);
    free_rows(&r);
}

/* ---- JSON -------------------------------------------------------------- */

#define STRING(t, key, m) \
    { .name = key, .kind = XPC_FIELD_STRING, .offset = offsetof(t, m) }
#define BOOL(t, key, m) \
    { .name = key, .kind = XPC_FIELD_BOOL, .offset = offsetof(t, m) }

static const struct xpc_field row_fields[] = {
    STRING(struct row, "option", option),
    STRING(struct row, "value", value),
    STRING(struct row, "source", source),
    STRING(struct row, "section", section),
    BOOL(struct row, "unused", unused),
};

static const struct xpc_type row_type = {
    .name = "setting", .size = sizeof(struct row), .fields = row_fields,
    .nr_fields = sizeof(row_fields) / sizeof(row_fields[0]),
};

struct document {
    char *file, *guest, *target;
    bool exists, here;
    struct rows settings;
    struct xpc_params params;
};

static const struct xpc_field document_fields[] = {
    STRING(struct document, "file", file),
    BOOL(struct document, "exists", exists),
    STRING(struct document, "guest", guest),
    BOOL(struct document, "here", here),
    STRING(struct document, "target", target),
    { .name = "settings", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(struct document, settings.rows),
      .count_offset = offsetof(struct document, settings.nr),
      .elem = &row_type },
    { .name = "parameters", .kind = XPC_FIELD_OBJECT,
      .offset = offsetof(struct document, params),
      .elem = &xpc_params_type },
};

static const struct xpc_type document_type = {
    .name = "configuration", .size = sizeof(struct document),
    .fields = document_fields,
    .nr_fields = sizeof(document_fields) / sizeof(document_fields[0]),
};

void config_print_json(FILE *out, const struct config_view *v)
{
    struct document d = {
        .file = v->file->path, .exists = !v->file->missing,
        .guest = (char *)v->guest, .target = (char *)v->target,
        .here = v->here, .params = *v->params,
    };
    char *json;

    list_rows(v, &d.settings);
    json = xpc_to_json(&document_type, &d, true);
    if (json)
        fprintf(out, "%s", json);
    free(json);
    free_rows(&d.settings);
}
