/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/xl_options.h"
#include "conf/settings.h"
#include "config/xl_config_check.h"

/* Any of the sections may be NULL. */
static int check(const struct conf_file *f,
                 const struct conf_section *everywhere,
                 const struct conf_section *target,
                 const struct conf_section *guest, char *err)
{
    char a[CONF_HEADING_LEN], b[CONF_HEADING_LEN], why[XPC_ERR_LEN];
    struct conf_settings s;

    conf_settings_init(&s);
    s.path = f->path;
    if (everywhere)
        conf_add_section(&s, everywhere);
    if (target)
        conf_add_section(&s, target);
    if (guest)
        conf_add_section(&s, guest);
    conf_settle(&s);
    if (!conf_check(&s, why))
        return 0;
    if (!target && !guest)
        return xl_bad(err, "%s", why);
    return xl_bad(err, "%s%s%s: %s", target ? conf_heading(target, a) : "",
                  target && guest ? ", " : "",
                  guest ? conf_heading(guest, b) : "", why);
}

static int check_guests(const struct conf_file *f,
                        const struct conf_section *everywhere,
                        const struct conf_section *target, char *err)
{
    if (check(f, everywhere, target, NULL, err))
        return -1;
    for (size_t i = 0; i < f->nr; i++) {
        if (f->sections[i].kind == CONF_GUEST &&
            check(f, everywhere, target, &f->sections[i], err))
            return -1;
    }
    return 0;
}

int config_check(const struct conf_file *f, char err[XPC_ERR_LEN])
{
    const struct conf_section *everywhere = NULL;

    for (size_t i = 0; i < f->nr; i++) {
        if (f->sections[i].kind == CONF_DEFAULT)
            everywhere = &f->sections[i];
    }
    if (check_guests(f, everywhere, NULL, err))
        return -1;
    for (size_t i = 0; i < f->nr; i++) {
        if (f->sections[i].kind == CONF_TARGET &&
            check_guests(f, everywhere, &f->sections[i], err))
            return -1;
    }
    return 0;
}
