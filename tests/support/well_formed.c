/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "support/torture.h"
#include "support/well_formed.h"

#define DEPTH_MAX 32
#define NAME "abcdefghijklmnopqrstuvwxyz0123456789"

struct element {
    const char *name;
    size_t len;
};

static void wrong(const char *what, const char *at)
{
    fail_msg("%s: %.60s", what, at);
}

static void check_entity(const char *s)
{
    static const char *const known[] = {
        "&lt;", "&gt;", "&amp;", "&quot;", "&#39;",
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strncmp(s, known[i], strlen(known[i])))
            return;
    }
    wrong("an unknown entity", s);
}

/* Returns the end of the attributes, where ">" or "/>" is. */
static const char *skip_attributes(const char *s)
{
    while (*s == ' ') {
        s += 1 + strspn(s + 1, NAME "-B");
        if (strncmp(s, "=\"", 2))
            wrong("an attribute without a value", s);
        for (s += 2; *s && *s != '"'; s++) {
            if (*s == '<')
                wrong("< in an attribute", s);
            if (*s == '&')
                check_entity(s);
        }
        s += *s == '"';
    }
    return s;
}

/* s is behind "<". Returns what follows the tag. */
static const char *read_tag(const char *s, struct element *open, size_t *nr)
{
    struct element e = { s + (*s == '/'), 0 };

    e.len = strspn(e.name, NAME);
    if (!e.len)
        wrong("no name", s);
    if (*s == '/') {
        if (!*nr || open[*nr - 1].len != e.len ||
            strncmp(open[*nr - 1].name, e.name, e.len))
            wrong("closes another element", s);
        --*nr;
        s = e.name + e.len;
    } else {
        s = skip_attributes(e.name + e.len);
        if (*s == '/') {
            s++;
        } else {
            if (*nr == DEPTH_MAX)
                wrong("too deep", s);
            open[(*nr)++] = e;
        }
    }
    if (*s != '>')
        wrong("a tag has no end", s);
    return s + 1;
}

void assert_well_formed(const char *text)
{
    static const char doctype[] = "<!DOCTYPE html>";
    struct element open[DEPTH_MAX];
    size_t nr = 0;

    if (!strncmp(text, doctype, sizeof(doctype) - 1))
        text += sizeof(doctype) - 1;
    while (*text) {
        if (*text == '&')
            check_entity(text);
        if (*text == '<')
            text = read_tag(text + 1, open, &nr);
        else
            text++;
    }
    if (nr)
        wrong("not closed", open[nr - 1].name);
}
