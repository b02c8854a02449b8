/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libinih splits the lines into keys and values. It ignores some mistakes: an
 * unknown section without keys, text behind a heading, a name or a line that is
 * too long, a line that it takes for the continuation of the one before. So
 * next_line(), which passes it the lines, checks for these.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ini.h>

#include "conf/error.h"
#include "conf/file.h"

/* The longest line, other than a comment, and heading that libinih accepts. */
#define LINE_MAX_BYTES 190
#define HEADING_MAX_BYTES 49

struct parser {
    struct conf_file *f;
    const char *text, *end;
    char heading[HEADING_MAX_BYTES + 1];    /* as libinih should see it */
    unsigned int line;              /* last one passed to libinih */
    unsigned int failed;            /* the line of the error; 0: none */
    char *err;
};

#define BAD(p, ...) \
    ((p)->failed = (p)->line, \
     conf_bad((p)->err, (p)->f->path, (p)->line, __VA_ARGS__))

/* ---- names ------------------------------------------------------------- */

bool conf_parse_uuid(const char *s, uint8_t uuid[16])
{
    static const char digits[] = "0123456789abcdef";
    unsigned int nr = 0;
    size_t i;

    for (i = 0; i < 36; i++) {
        const char *d = strchr(digits, tolower((unsigned char)s[i]));

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s[i] != '-')
                return false;
            continue;
        }
        if (!s[i] || !d)
            return false;
        uuid[nr / 2] = nr % 2 ? uuid[nr / 2] | (d - digits) :
                                (d - digits) << 4;
        nr++;
    }
    return !s[36];
}

const char *conf_host(const char *target)
{
    const char *at = strrchr(target, '@');

    return at ? at + 1 : target;
}

const char *conf_heading(const struct conf_section *s,
                         char buf[CONF_HEADING_LEN])
{
    const uint8_t *u = s->uuid;

    if (s->kind == CONF_DEFAULT)
        snprintf(buf, CONF_HEADING_LEN, "[default]");
    else if (s->name)
        snprintf(buf, CONF_HEADING_LEN, "[%s %s]",
                 s->kind == CONF_TARGET ? "target" : "guest", s->name);
    else
        snprintf(buf, CONF_HEADING_LEN, "[guest %02x%02x%02x%02x-%02x%02x-"
                 "%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x]", u[0], u[1],
                 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10],
                 u[11], u[12], u[13], u[14], u[15]);
    return buf;
}

/* ---- sections ---------------------------------------------------------- */

static bool is_same(const struct conf_section *a, const struct conf_section *b)
{
    if (a->kind != b->kind || !a->name != !b->name)
        return false;
    if (!a->name)
        return !memcmp(a->uuid, b->uuid, sizeof(a->uuid));
    return a->kind == CONF_TARGET ? !strcasecmp(a->name, b->name) :
                                    !strcmp(a->name, b->name);
}

static int take_guest(struct parser *p, struct conf_section *s,
                      const char *name)
{
    s->kind = CONF_GUEST;
    if (conf_parse_uuid(name, s->uuid))
        return 0;
    if (name[strspn(name, "0123456789")] == 0)
        return BAD(p, "[guest %s]: a domain's number changes with each "
                   "migration: use its name, or its UUID", name);
    s->name = strdup(name);
    return s->name ? 0 : BAD(p, "out of memory");
}

static int take_target(struct parser *p, struct conf_section *s,
                       const char *name)
{
    s->kind = CONF_TARGET;
    if (name != conf_host(name))
        return BAD(p, "[target %s]: without the user: [target %s]", name,
                   conf_host(name));
    s->name = strdup(name);
    return s->name ? 0 : BAD(p, "out of memory");
}

/* The name in a heading that begins with the word, or NULL. */
static const char *name_behind(const char *heading, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(heading, word, len) || !isblank((unsigned char)heading[len]))
        return NULL;
    heading += len;
    return heading + strspn(heading, " \t");
}

static int take_heading(struct parser *p, struct conf_section *s,
                        const char *heading)
{
    const char *guest = name_behind(heading, "guest");
    const char *target = name_behind(heading, "target");
    const char *name = guest ? guest : target;

    if (!strcmp(heading, "default"))
        return 0;
    if (!name || !*name)
        return BAD(p, "[%s] is no section: [default], [target HOST] and "
                   "[guest NAME] are, NAME being the guest's name or UUID",
                   heading);
    if (*name == '"' || *name == '\'')
        return BAD(p, "[%s]: names are written without quotes", heading);
    return guest ? take_guest(p, s, guest) : take_target(p, s, target);
}

static int add_section(struct parser *p, const char *heading)
{
    struct conf_file *f = p->f;
    struct conf_section *grown, *s;

    if (f->nr == CONF_SECTIONS_MAX)
        return BAD(p, "there are more than %u sections", CONF_SECTIONS_MAX);
    grown = realloc(f->sections, (f->nr + 1) * sizeof(*grown));
    if (!grown)
        return BAD(p, "out of memory");
    f->sections = grown;
    s = &f->sections[f->nr++];
    *s = (struct conf_section){ .line = p->line };
    xpc_params_init(&s->params);
    if (take_heading(p, s, heading))
        return -1;
    for (size_t i = 0; i + 1 < f->nr; i++) {
        if (is_same(&f->sections[i], s))
            return BAD(p, "[%s] is there twice, first in line %u", heading,
                       f->sections[i].line);
    }
    return 0;
}

/* line begins with the bracket. */
static int begin_section(struct parser *p, const char *line)
{
    const char *end = strchr(line, ']'), *rest;
    char trimmed[HEADING_MAX_BYTES + 1];
    size_t len, blank;

    if (!end)
        return BAD(p, "the heading has no ]");
    len = end - line - 1;
    rest = end + 1 + strspn(end + 1, " \t");
    if (*rest && (rest == end + 1 || !strchr(";#", *rest)))
        return BAD(p, "\"%.40s\" has no effect behind a heading", rest);
    if (len > HEADING_MAX_BYTES)
        return BAD(p, "the name is too long for a section: name a guest by "
                   "its UUID, a host by a shorter name");
    memcpy(p->heading, line + 1, len);
    p->heading[len] = 0;
    blank = strspn(p->heading, " \t");
    strcpy(trimmed, p->heading + blank);
    for (len = strlen(trimmed); len && strchr(" \t", trimmed[len - 1]); len--)
        trimmed[len - 1] = 0;
    return add_section(p, trimmed);
}

/* ---- lines ------------------------------------------------------------- */

static bool has_control(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') ||
            line[i] == 0x7f)
            return true;
    }
    return false;
}

static int check_line(struct parser *p, const char *line, size_t len)
{
    if (memchr(line, 0, len))
        return BAD(p, "a NUL byte: this is no text");
    if (len && line[len - 1] == '\r')
        return BAD(p, "ends with CR LF: dos2unix it");
    if (p->line == 1 && len >= 3 && !memcmp(line, "\xef\xbb\xbf", 3))
        return BAD(p, "begins with a byte order mark: save it without");
    if (has_control(line, len))
        return BAD(p, "a control character");
    return 0;
}

/*
 * Called by libinih for the next line, like fgets(). Removes the indentation,
 * because libinih takes an indented line for a continuation.
 */
static char *next_line(char *str, int num, void *stream)
{
    struct parser *p = stream;
    const char *line = p->text, *end;
    size_t len;

    if (p->failed || line == p->end || num < 3)
        return NULL;
    end = memchr(line, '\n', p->end - line);
    len = (end ? end : p->end) - line;
    p->text = end ? end + 1 : p->end;
    p->line++;
    if (check_line(p, line, len))
        return NULL;
    while (len && strchr(" \t", *line)) {
        line++;
        len--;
    }
    if (len && strchr(";#", *line))
        len = 0;
    if (len > LINE_MAX_BYTES || len + 2 > (size_t)num) {
        BAD(p, "%zu bytes in a line: %d are possible", len, LINE_MAX_BYTES);
        return NULL;
    }
    memcpy(str, line, len);
    str[len] = 0;
    if (*str == '[' && begin_section(p, str))
        return NULL;
    strcpy(str + len, "\n");
    return str;
}

static int unknown_key(struct parser *p, const char *name)
{
    const char *prefix = strstr(name, "precopy-");
    const char *rest = prefix ? prefix + strlen("precopy-") : NULL;

    if (rest && xpc_option_find(rest) >= 0)
        return BAD(p, "%.40s: write %s", name, rest);
    return BAD(p, "there is no key %.40s: see precopy.conf(5)", name);
}

const char *conf_next_name(const char **list, size_t *len)
{
    const char *name = *list + strspn(*list, ", \t"), *end;

    if (!*name)
        return NULL;
    end = name + strcspn(name, ",");
    *list = end;
    while (end > name && strchr(" \t", end[-1]))
        end--;
    *len = end - name;
    return name;
}

static bool is_listed(const char *list, const char *name, size_t len)
{
    const char *other;
    size_t n;

    while (list && (other = conf_next_name(&list, &n))) {
        if (n == len && !strncmp(other, name, len))
            return true;
    }
    return false;
}

/* against: the list of those that it must not have. */
static int set_affinity(struct parser *p, const char *key, char **list,
                        const char *against, const char *value)
{
    const struct conf_section *s = &p->f->sections[p->f->nr - 1];
    const char *rest = value, *name;
    size_t len;

    if (s->kind != CONF_GUEST)
        return BAD(p, "%s is for the section of a guest", key);
    if (*list)
        return BAD(p, "%s is set twice in this section: write all names in "
                   "one line, with commas", key);
    if (!conf_next_name(&rest, &len))
        return BAD(p, "%s has no value", key);
    for (rest = value; (name = conf_next_name(&rest, &len));) {
        if (strspn(name, "0123456789") >= len)
            return BAD(p, "%s = %.*s: a domain's number changes with each "
                       "migration: use its name, or its UUID", key, (int)len,
                       name);
        if (s->name && strlen(s->name) == len && !strncmp(s->name, name, len))
            return BAD(p, "%s = %.*s: that is the guest itself", key, (int)len,
                       name);
        if (is_listed(against, name, len))
            return BAD(p, "%s = %.*s: a guest can't be apart and together "
                       "with another", key, (int)len, name);
    }
    *list = strdup(value);
    return *list ? 0 : BAD(p, "out of memory");
}

static int set_option(struct parser *p, const char *name, const char *value)
{
    static const char *const affinities[] = { "apart", "together" };
    struct conf_section *s = &p->f->sections[p->f->nr - 1];
    int opt = xpc_option_find(name);
    char why[XPC_ERR_LEN];

    for (int i = 0; i < CONF_AFFINITIES; i++) {
        if (!strcmp(name, affinities[i]))
            return set_affinity(p, name, &s->affinity[i], s->affinity[!i],
                                value);
    }
    if (opt < 0)
        return unknown_key(p, name);
    if (s->given & XPC_OPTION_BIT(opt))
        return BAD(p, "%s is set twice in this section, first in line %u",
                   name, s->lines[opt]);
    if (!*value)
        return BAD(p, "%s has no value", name);
    if (xpc_option_parse(opt, value, &s->params, why))
        return BAD(p, "%s = %.60s: %s", name, value, why);
    s->given |= XPC_OPTION_BIT(opt);
    s->lines[opt] = p->line;
    return 0;
}

/* Called by libinih. Returns 0 for an error. */
static int take_key(void *user, const char *section, const char *name,
                    const char *value)
{
    struct parser *p = user;

    if (p->failed)
        return 0;
    if (!p->f->nr)
        BAD(p, "%.40s is in no section: [default], for example, comes before "
            "it", name);
    else if (strcmp(section, p->heading) || !name || !value)
        BAD(p, "can't be parsed");
    else
        set_option(p, name, value);
    return !p->failed;
}

/* ---- the whole --------------------------------------------------------- */

static int check_sections(struct parser *p)
{
    for (size_t i = 0; i < p->f->nr; i++) {
        const struct conf_section *s = &p->f->sections[i];

        if (s->params.policy != XPC_POLICY_STOCK)
            continue;
        for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
            if (!(s->given & XPC_OPTIONS_LIMITS & XPC_OPTION_BIT(opt)))
                continue;
            p->line = s->lines[opt];
            return BAD(p, "%s has no effect with policy = stock in line %u: "
                       "leave one of them out", xpc_option_name(opt),
                       s->lines[XPC_OPT_POLICY]);
        }
    }
    return 0;
}

int conf_parse(struct conf_file *f, const char *path, const char *text,
               size_t len, char err[XPC_ERR_LEN])
{
    struct parser p = {
        .f = f, .text = text, .end = text + len, .err = err,
    };
    int line;

    *f = (struct conf_file){ .path = strdup(path) };
    if (!f->path)
        return conf_bad(err, path, 0, "out of memory");
    line = ini_parse_stream(next_line, &p, take_key, &p);
    /* libinih goes on after an error of its own. */
    if (line > 0 && (!p.failed || (unsigned int)line < p.failed))
        return conf_bad(err, path, line, "neither a section's heading, nor "
                        "KEY = VALUE, nor a comment");
    if (p.failed)
        return -1;
    if (line || p.text != p.end)
        return conf_bad(err, path, 0, "can't be parsed");
    return check_sections(&p);
}

void conf_dispose(struct conf_file *f)
{
    for (size_t i = 0; i < f->nr; i++) {
        free(f->sections[i].name);
        for (int k = 0; k < CONF_AFFINITIES; k++)
            free(f->sections[i].affinity[k]);
    }
    free(f->sections);
    free(f->path);
    *f = (struct conf_file){ 0 };
}
