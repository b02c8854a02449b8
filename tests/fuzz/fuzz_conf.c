/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the administrator's file. The error for one that is refused must be
 * one line. Of one that is accepted, every value must be in force for the guest
 * or the target of its section, and be said to come from its line.
 */
#include <string.h>

#include "conf/settings.h"
#include "support/fuzz.h"

static void check_section(const struct conf_file *f,
                          const struct conf_section *c, unsigned int lines)
{
    struct conf_guest g = { .has_uuid = c->kind == CONF_GUEST && !c->name };
    char err[XPC_ERR_LEN] = "", heading[CONF_HEADING_LEN];
    char text[CONF_SHORT_TEXT_LEN];
    const struct conf_source *sources;
    struct conf_settings s;

    if (c->kind == CONF_GUEST && c->name)
        g.name = c->name;
    memcpy(g.uuid, c->uuid, sizeof(g.uuid));
    conf_settings_init(&s);
    conf_add_file(&s, f, &g, c->kind == CONF_TARGET ? c->name : NULL);
    conf_settle(&s);
    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        if (!(c->given & XPC_OPTION_BIT(opt)))
            continue;
        fuzz_require(c->lines[opt] > c->line && c->lines[opt] <= lines,
                     "a key follows its heading");
        sources = s.idle & XPC_OPTION_BIT(opt) ? s.idle_source : s.source;
        fuzz_require(sources[opt].section == c,
                     "a value is in force where its section applies");
    }
    if (conf_check(&s, err))
        fuzz_require_line(err);
    conf_settings_text(&s, text, sizeof(text));
    fuzz_require(strlen(text) < sizeof(text), "the text fits");
    fuzz_require(strlen(conf_heading(c, heading)) < CONF_HEADING_LEN,
                 "the heading fits");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char err[XPC_ERR_LEN] = "";
    unsigned int lines = 1;
    struct conf_file f;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (conf_parse(&f, "/etc/xen/precopy.conf", (const char *)data, size,
                   err)) {
        fuzz_require_line(err);
    } else {
        for (size_t i = 0; i < f.nr && i < 64; i++)
            check_section(&f, &f.sections[i], lines);
    }
    conf_dispose(&f);
    return 0;
}
