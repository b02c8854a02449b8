/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#include <xenprecopy/json.h>

#include "core/utf8.h"

#define DEFAULT_MAX_COUNT 65536

/* ---- access to members ---------------------------------------------- */

static void *member(const void *obj, const struct xpc_field *f)
{
    return (char *)obj + f->offset;
}

static size_t *count_of(const void *obj, const struct xpc_field *f)
{
    return (size_t *)((char *)obj + f->count_offset);
}

/* Arrays of numbers have elements of 8 bytes: uint64_t or double. */
static size_t elem_size(const struct xpc_field *f)
{
    return f->elem ? f->elem->size : sizeof(uint64_t);
}

static bool all_zero(const void *obj, const struct xpc_type *type);

static bool is_zero(const void *obj, const struct xpc_field *f)
{
    const void *m = member(obj, f);

    switch (f->kind) {
    case XPC_FIELD_BOOL:   return !*(const bool *)m;
    case XPC_FIELD_U64:    return !*(const uint64_t *)m;
    case XPC_FIELD_DOUBLE: return *(const double *)m == 0;
    case XPC_FIELD_STRING: return !*(char *const *)m;
    case XPC_FIELD_ENUM:   return !*(const int *)m;
    case XPC_FIELD_ARRAY:  return !*count_of(obj, f);
    case XPC_FIELD_OBJECT: return all_zero(m, f->elem);
    }
    return false;
}

static bool all_zero(const void *obj, const struct xpc_type *type)
{
    for (size_t i = 0; i < type->nr_fields; i++) {
        if (!is_zero(obj, &type->fields[i]))
            return false;
    }
    return true;
}

/* ---- writing -------------------------------------------------------- */

static void gen_object(yajl_gen g, const struct xpc_type *type,
                       const void *obj);

/* The name of a domain may be anything, and no reader takes invalid UTF-8. */
static char *valid_text(const char *s)
{
    char *text = malloc(strlen(s) * strlen(XPC_UTF8_REPLACEMENT) + 1);
    char *to = text;

    while (text && *s) {
        size_t len = xpc_utf8_char(s);

        to = len ? mempcpy(to, s, len) : stpcpy(to, XPC_UTF8_REPLACEMENT);
        s += len ? len : 1;
    }
    if (text)
        *to = 0;
    return text;
}

static void gen_text(yajl_gen g, const char *s)
{
    char *text = valid_text(s);

    if (text)
        yajl_gen_string(g, (const unsigned char *)text, strlen(text));
    else
        yajl_gen_null(g);
    free(text);
}

/* "Never" is UINT64_MAX. It is written as the highest number that is read. */
static void gen_u64(yajl_gen g, uint64_t v, uint64_t scale)
{
    const uint64_t most = scale > 1 ? UINT64_C(1) << 62 : INT64_MAX;
    char buf[64];
    int n;

    if (v > most)
        v = most;
    if (scale <= 1) {
        n = snprintf(buf, sizeof(buf), "%"PRIu64, v);
    } else {
        n = snprintf(buf, sizeof(buf), "%"PRIu64, v / scale);
        if (v % scale) {
            /* Scales are powers of ten, so the decimals are exact. */
            int digits = 0;

            for (uint64_t s = scale; s > 1; s /= 10)
                digits++;
            n += snprintf(buf + n, sizeof(buf) - n, ".%0*"PRIu64, digits,
                          v % scale);
            while (buf[n - 1] == '0')
                n--;
        }
    }
    yajl_gen_number(g, buf, n);
}

static void gen_double(yajl_gen g, double v)
{
    char buf[64];

    if (!isfinite(v)) {
        yajl_gen_null(g);
        return;
    }
    yajl_gen_number(g, buf, snprintf(buf, sizeof(buf), "%.9g", v));
}

static void gen_array(yajl_gen g, const struct xpc_field *f, const void *obj)
{
    const char *base = *(char *const *)member(obj, f);
    size_t n = *count_of(obj, f);

    yajl_gen_array_open(g);
    for (size_t i = 0; i < n; i++) {
        const void *e = base + i * elem_size(f);

        if (f->elem)
            gen_object(g, f->elem, e);
        else if (f->elem_kind == XPC_FIELD_DOUBLE)
            gen_double(g, *(const double *)e);
        else
            gen_u64(g, *(const uint64_t *)e, f->scale);
    }
    yajl_gen_array_close(g);
}

static void gen_field(yajl_gen g, const struct xpc_field *f, const void *obj)
{
    const void *m = member(obj, f);

    switch (f->kind) {
    case XPC_FIELD_BOOL:
        yajl_gen_bool(g, *(const bool *)m);
        break;
    case XPC_FIELD_U64:
        if (f->null_zero && !*(const uint64_t *)m)
            yajl_gen_null(g);
        else
            gen_u64(g, *(const uint64_t *)m, f->scale);
        break;
    case XPC_FIELD_DOUBLE:
        gen_double(g, *(const double *)m);
        break;
    case XPC_FIELD_STRING:
        if (*(char *const *)m)
            gen_text(g, *(char *const *)m);
        else
            yajl_gen_null(g);
        break;
    case XPC_FIELD_ENUM:
        gen_text(g, f->names[*(const int *)m]);
        break;
    case XPC_FIELD_OBJECT:
        gen_object(g, f->elem, m);
        break;
    case XPC_FIELD_ARRAY:
        gen_array(g, f, obj);
        break;
    }
}

static void gen_object(yajl_gen g, const struct xpc_type *type,
                       const void *obj)
{
    yajl_gen_map_open(g);
    for (size_t i = 0; i < type->nr_fields; i++) {
        const struct xpc_field *f = &type->fields[i];

        if (f->omit_zero && is_zero(obj, f))
            continue;
        gen_text(g, f->name);
        gen_field(g, f, obj);
    }
    yajl_gen_map_close(g);
}

char *xpc_to_json(const struct xpc_type *type, const void *obj, bool pretty)
{
    const unsigned char *text;
    size_t len;
    char *out = NULL;
    yajl_gen g = yajl_gen_alloc(NULL);

    if (!g) {
        errno = ENOMEM;
        return NULL;
    }
    yajl_gen_config(g, yajl_gen_beautify, pretty);
    yajl_gen_config(g, yajl_gen_indent_string, "  ");
    gen_object(g, type, obj);
    if (yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok)
        out = strndup((const char *)text, len);
    yajl_gen_free(g);
    return out;
}

/* ---- reading -------------------------------------------------------- */

struct reader {
    const char *doc;        /* name of the document, for error lines */
    char *err;
};

static int read_object(struct reader *r, const struct xpc_type *type,
                       void *obj, yajl_val v);

__attribute__((format(printf, 3, 4)))
static int fail(struct reader *r, const char *key, const char *fmt, ...)
{
    va_list al;
    int n = snprintf(r->err, XPC_ERR_LEN, "%s: %s%s", r->doc, key ? key : "",
                     key ? ": " : "");

    if (n >= 0 && n < XPC_ERR_LEN) {
        va_start(al, fmt);
        vsnprintf(r->err + n, XPC_ERR_LEN - n, fmt, al);
        va_end(al);
    }
    xpc_plain_line(r->err);
    errno = EINVAL;
    return -1;
}

static const char *kind_of(yajl_val v)
{
    if (YAJL_IS_STRING(v)) return "a string";
    if (YAJL_IS_NUMBER(v)) return "a number";
    if (YAJL_IS_OBJECT(v)) return "an object";
    if (YAJL_IS_ARRAY(v))  return "an array";
    if (YAJL_IS_NULL(v))   return "null";
    return "true or false";
}

static int read_u64(struct reader *r, const struct xpc_field *f,
                    uint64_t *out, yajl_val v)
{
    uint64_t scale = f->scale ? f->scale : 1;
    uint64_t max = f->max ? f->max : UINT64_MAX, value;
    double d;

    if (f->null_zero && YAJL_IS_NULL(v)) {
        *out = 0;
        return 0;
    }
    if (!YAJL_IS_NUMBER(v))
        return fail(r, f->name, "expected a number, got %s", kind_of(v));
    if (YAJL_IS_INTEGER(v) && YAJL_GET_INTEGER(v) >= 0 &&
        !__builtin_mul_overflow((uint64_t)YAJL_GET_INTEGER(v), scale,
                                &value)) {
        /* exact */
    } else {
        d = YAJL_IS_DOUBLE(v) ? YAJL_GET_DOUBLE(v) : -1;
        if (!isfinite(d) || d < 0)
            return fail(r, f->name, "%s is not a number from 0 to 2^63",
                        YAJL_GET_NUMBER(v));
        if (scale == 1 && d != floor(d))
            return fail(r, f->name, "%s is not a whole number",
                        YAJL_GET_NUMBER(v));
        d = round(d * scale);
        if (d >= 0x1p63)
            return fail(r, f->name, "%s is out of range", YAJL_GET_NUMBER(v));
        value = d;
    }
    if (value < f->min || value > max)
        return fail(r, f->name, "%s is out of range (%"PRIu64" to %"PRIu64")",
                    YAJL_GET_NUMBER(v), f->min / scale, max / scale);
    *out = value;
    return 0;
}

static int read_double(struct reader *r, const struct xpc_field *f,
                       double *out, yajl_val v)
{
    if (YAJL_IS_NULL(v)) {
        *out = NAN;
        return 0;
    }
    if (!YAJL_IS_NUMBER(v) || !YAJL_IS_DOUBLE(v) ||
        !isfinite(YAJL_GET_DOUBLE(v)))
        return fail(r, f->name, "expected a finite number, got %s",
                    YAJL_IS_NUMBER(v) ? YAJL_GET_NUMBER(v) : kind_of(v));
    *out = YAJL_GET_DOUBLE(v);
    return 0;
}

static int read_string(struct reader *r, const struct xpc_field *f,
                       char **out, yajl_val v)
{
    char *s = NULL;

    if (!YAJL_IS_NULL(v)) {
        if (!YAJL_IS_STRING(v))
            return fail(r, f->name, "expected a string, got %s", kind_of(v));
        s = strdup(v->u.string);
        if (!s)
            return -1;
    }
    free(*out);
    *out = s;
    return 0;
}

static int read_enum(struct reader *r, const struct xpc_field *f, int *out,
                     yajl_val v)
{
    char known[128] = "";
    size_t len = 0;

    for (int i = 0; f->names[i]; i++) {
        if (YAJL_IS_STRING(v) && !strcmp(v->u.string, f->names[i])) {
            *out = i;
            return 0;
        }
        if (len < sizeof(known))
            len += snprintf(known + len, sizeof(known) - len, "%s%s",
                            i ? ", " : "", f->names[i]);
    }
    return fail(r, f->name, "%.40s is not one of: %s",
                YAJL_IS_STRING(v) ? v->u.string : kind_of(v), known);
}

static void free_array(const struct xpc_field *f, void *obj)
{
    char **base = member(obj, f);
    size_t *n = count_of(obj, f);

    for (size_t i = 0; f->elem && i < *n; i++)
        xpc_dispose(f->elem, *base + i * f->elem->size);
    free(*base);
    *base = NULL;
    *n = 0;
}

static int read_array(struct reader *r, const struct xpc_field *f, void *obj,
                      yajl_val v)
{
    size_t max = f->max_count ? f->max_count : DEFAULT_MAX_COUNT;
    char **base = member(obj, f);
    size_t *count = count_of(obj, f), n;
    int rc = 0;

    if (!YAJL_IS_ARRAY(v))
        return fail(r, f->name, "expected an array, got %s", kind_of(v));
    n = v->u.array.len;
    if (n > max)
        return fail(r, f->name, "%zu entries, at most %zu are allowed", n, max);
    free_array(f, obj);
    if (!n)
        return 0;
    *base = calloc(n, elem_size(f));
    if (!*base)
        return -1;
    *count = n;
    for (size_t i = 0; i < n && !rc; i++) {
        yajl_val e = v->u.array.values[i];
        void *p = *base + i * elem_size(f);

        if (f->elem)
            rc = read_object(r, f->elem, p, e);
        else if (f->elem_kind == XPC_FIELD_DOUBLE)
            rc = read_double(r, f, p, e);
        else
            rc = read_u64(r, f, p, e);
    }
    return rc;
}

static int read_field(struct reader *r, const struct xpc_field *f, void *obj,
                      yajl_val v)
{
    void *m = member(obj, f);

    switch (f->kind) {
    case XPC_FIELD_BOOL:
        if (!YAJL_IS_TRUE(v) && !YAJL_IS_FALSE(v))
            return fail(r, f->name, "expected true or false, got %s",
                        kind_of(v));
        *(bool *)m = YAJL_IS_TRUE(v);
        return 0;
    case XPC_FIELD_U64:    return read_u64(r, f, m, v);
    case XPC_FIELD_DOUBLE: return read_double(r, f, m, v);
    case XPC_FIELD_STRING: return read_string(r, f, m, v);
    case XPC_FIELD_ENUM:   return read_enum(r, f, m, v);
    case XPC_FIELD_OBJECT: return read_object(r, f->elem, m, v);
    case XPC_FIELD_ARRAY:  return read_array(r, f, obj, v);
    }
    return fail(r, f->name, "unknown kind of field");
}

static const struct xpc_field *find_field(const struct xpc_type *type,
                                          const char *key)
{
    for (size_t i = 0; i < type->nr_fields; i++) {
        if (!strcmp(type->fields[i].name, key))
            return &type->fields[i];
    }
    return NULL;
}

static int read_object(struct reader *r, const struct xpc_type *type,
                       void *obj, yajl_val v)
{
    bool seen[XPC_TYPE_FIELDS_MAX] = { false };

    if (type->nr_fields > XPC_TYPE_FIELDS_MAX)
        return fail(r, NULL, "a %s has too many fields", type->name);
    if (!YAJL_IS_OBJECT(v))
        return fail(r, NULL, "expected an object, got %s", kind_of(v));
    for (size_t i = 0; i < v->u.object.len; i++) {
        const char *key = v->u.object.keys[i];
        const struct xpc_field *f = find_field(type, key);

        if (!f && type->strict)
            return fail(r, NULL, "unknown key \"%.60s\"", key);
        if (!f)
            continue;
        if (seen[f - type->fields])
            return fail(r, f->name, "given twice");
        seen[f - type->fields] = true;
        if (read_field(r, f, obj, v->u.object.values[i]))
            return -1;
    }
    for (size_t i = 0; i < type->nr_fields; i++) {
        if (type->fields[i].required && !seen[i])
            return fail(r, NULL, "\"%s\" is missing", type->fields[i].name);
    }
    return 0;
}

/* yajl frees a tree recursively: it must not get a deeply nested document. */
static bool too_deep(const char *json, size_t len)
{
    unsigned int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (in_string && json[i] == '\\')
            i++;
        else if (json[i] == '"')
            in_string = !in_string;
        else if (in_string)
            continue;
        else if (json[i] == '{' || json[i] == '[')
            depth++;
        else if (depth && (json[i] == '}' || json[i] == ']'))
            depth--;
        if (depth > XPC_JSON_MAX_DEPTH)
            return true;
    }
    return false;
}

static bool owns_memory(const struct xpc_type *type)
{
    for (size_t i = 0; i < type->nr_fields; i++) {
        const struct xpc_field *f = &type->fields[i];

        if (f->kind == XPC_FIELD_STRING || f->kind == XPC_FIELD_ARRAY ||
            (f->kind == XPC_FIELD_OBJECT && owns_memory(f->elem)))
            return true;
    }
    return false;
}

static int read_tree(const struct xpc_type *type, void *obj, yajl_val tree,
                     char *err)
{
    struct reader r = { .doc = type->name, .err = err };
    char *tmp = calloc(1, type->size);
    int rc = -1, saved;

    if (!tmp)
        return -1;
    if (!owns_memory(type))
        memcpy(tmp, obj, type->size);
    rc = read_object(&r, type, tmp, tree);
    if (!rc) {
        xpc_dispose(type, obj);
        memcpy(obj, tmp, type->size);
        free(tmp);
        return 0;
    }
    saved = errno;
    xpc_dispose(type, tmp);
    free(tmp);
    errno = saved;
    return rc;
}

int xpc_from_json(const struct xpc_type *type, void *obj, const char *json,
                  size_t len, char err[XPC_ERR_LEN])
{
    struct reader r = { .doc = type->name, .err = err };
    char yajl_err[160] = "";
    char *text = NULL;
    yajl_val tree = NULL;
    int rc = -1, saved;

    snprintf(err, XPC_ERR_LEN, "%s: out of memory", type->name);
    if (len > XPC_JSON_MAX_BYTES)
        return fail(&r, NULL, "longer than %u bytes", XPC_JSON_MAX_BYTES);
    if (memchr(json, 0, len))
        return fail(&r, NULL, "not JSON: a NUL byte in it");
    if (too_deep(json, len))
        return fail(&r, NULL, "nested deeper than %u", XPC_JSON_MAX_DEPTH);
    text = strndup(json, len);
    if (!text)
        goto out;
    if (!text[strspn(text, " \t\r\n")]) {
        rc = fail(&r, NULL, "not JSON: empty");
        goto out;
    }
    tree = yajl_tree_parse(text, yajl_err, sizeof(yajl_err));
    if (!tree) {
        yajl_err[strcspn(yajl_err, "\n")] = 0;
        rc = fail(&r, NULL, "not JSON: %s", yajl_err);
        goto out;
    }
    rc = read_tree(type, obj, tree, err);

 out:
    saved = errno;
    yajl_tree_free(tree);
    free(text);
    errno = saved;
    return rc;
}

void xpc_dispose(const struct xpc_type *type, void *obj)
{
    for (size_t i = 0; i < type->nr_fields; i++) {
        const struct xpc_field *f = &type->fields[i];

        if (f->kind == XPC_FIELD_STRING)
            free(*(char **)member(obj, f));
        else if (f->kind == XPC_FIELD_ARRAY)
            free_array(f, obj);
        else if (f->kind == XPC_FIELD_OBJECT)
            xpc_dispose(f->elem, member(obj, f));
    }
    memset(obj, 0, type->size);
}
