/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <xenprecopy/error.h>

#include "core/utf8.h"

/* How many bytes text begins with that a terminal may take for a command. */
static size_t control_len(const char *text, size_t char_len)
{
    const unsigned char *u = (const unsigned char *)text;

    if (*u < 0x20 || *u == 0x7f)
        return 1;
    /* U+0080 to U+009F, also as single bytes, which are no UTF-8. */
    if (!char_len)
        return *u >= 0x80 && *u < 0xa0;
    return *u == 0xc2 && u[1] < 0xa0 ? 2 : 0;
}

void xpc_plain_line(char *text)
{
    while (*text) {
        size_t len = xpc_utf8_char(text), control = control_len(text, len);

        memset(text, '?', control);
        text += len ? len : 1;
    }
}
