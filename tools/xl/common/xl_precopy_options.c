/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/xl_options.h"
#include "common/xl_precopy_options.h"

static const struct option options[] = { XL_PRECOPY_OPTIONS { 0 } };

int xl_parse_precopy(int opt, const char *s, struct xpc_params *p,
                     unsigned int *given, char *err)
{
    enum xpc_option o = opt - XL_OPT_PRECOPY;
    char why[XPC_ERR_LEN];

    *given |= XPC_OPTION_BIT(o);
    /* --precopy-strict alone. */
    if (!s)
        s = "on";
    return !xpc_option_parse(o, s, p, why) ? 0 :
           xl_bad_value(xl_option_name(options, opt), s, why, err);
}

const char *xl_precopy_in_vain(const struct xpc_params *p,
                               unsigned int given)
{
    const struct option *o;

    given &= XPC_OPTIONS_LIMITS;
    for (o = options; p->policy == XPC_POLICY_STOCK && o->name; o++) {
        if (given & XPC_OPTION_BIT(o->val - XL_OPT_PRECOPY))
            return o->name;
    }
    return NULL;
}

/* ---- as text ----------------------------------------------------------- */

/* Appends to the comma-separated list in buf. */
static void add_text(char *buf, size_t len, int opt, const char *from,
                     const char *to)
{
    size_t n = strlen(buf);

    snprintf(buf + n, len - n, "%s%s %s%s%s", n ? ", " : "",
             xpc_option_name(opt), from, to ? " -> " : "", to ? to : "");
}

void xl_precopy_text(const struct xpc_params *p, char *buf, size_t len)
{
    char value[XPC_UNIT_LEN];
    const char *text;

    *buf = 0;
    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        text = xpc_option_text(opt, p, value);
        if (strcmp(text, "none"))
            add_text(buf, len, opt, text, NULL);
    }
}

void xl_precopy_changes(const struct xpc_params *from,
                        const struct xpc_params *to, char *buf, size_t len)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];
    const char *old, *new;

    *buf = 0;
    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        old = xpc_option_text(opt, from, a);
        new = xpc_option_text(opt, to, b);
        if (strcmp(old, new))
            add_text(buf, len, opt, old, new);
    }
}
