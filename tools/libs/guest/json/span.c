/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "json/span.h"

struct span span_skip_spaces(struct span s)
{
    while (s.p < s.end && (*s.p == ' ' || *s.p == '\t' || *s.p == '\r' ||
                           *s.p == '\n'))
        s.p++;
    return s;
}

bool span_starts_with(struct span s, const char *with)
{
    size_t n = strlen(with);

    return (size_t)(s.end - s.p) >= n && !memcmp(s.p, with, n);
}

bool span_contains(struct span s, const char *what)
{
    return s.p < s.end && memmem(s.p, s.end - s.p, what, strlen(what));
}

/*
 * The end of the value at the beginning of s. For text that is not JSON the
 * result is arbitrary, as the parser will refuse the value; s.p if there is no
 * end.
 */
static const char *value_end(struct span s)
{
    const char *p = s.p;
    bool quoted = false;
    int depth = 0;

    for (; p < s.end; p++) {
        if (quoted) {
            if (*p == '\\')
                p++;
            else if (*p == '"')
                quoted = false;
            if (!quoted && !depth)
                return p + 1;
        } else if (*p == '"') {
            if (!depth && p > s.p)
                return p;
            quoted = true;
        } else if (*p == '{' || *p == '[') {
            if (!depth++ && p > s.p)
                return p;
        } else if (*p == '}' || *p == ']') {
            if (!depth && p > s.p)
                return p;
            if (--depth <= 0)
                return p + 1;
        } else if (!depth && memchr(" \t\r\n,:", *p, 6)) {
            return p;
        }
    }
    return s.end;
}

struct span span_take_value(struct span *s)
{
    struct span v = { s->p, value_end(*s) };

    if (v.end <= v.p || v.end > s->end)
        v.end = s->end;
    s->p = v.end;
    return v;
}

struct span span_member(struct span object, const char *name)
{
    struct span s = { object.p + 1, object.end }, key, value;

    while (span_starts_with(s = span_skip_spaces(s), "\"")) {
        key = span_take_value(&s);
        s = span_skip_spaces(s);
        if (!span_starts_with(s, ":"))
            break;
        s.p++;
        s = span_skip_spaces(s);
        value = span_take_value(&s);
        if ((size_t)(key.end - key.p) == strlen(name) + 2 &&
            span_starts_with((struct span){ key.p + 1, key.end }, name))
            return value;
        s = span_skip_spaces(s);
        if (!span_starts_with(s, ","))
            break;
        s.p++;
    }
    return (struct span){ s.end, s.end };
}

bool span_has_member(struct span object, const char *name)
{
    struct span v = span_member(object, name);

    return v.p < v.end;
}
