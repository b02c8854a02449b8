/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>

#include "core/utf8.h"

size_t xpc_utf8_char(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    /* The lowest code point of each length: longer forms are invalid. */
    static const uint32_t least[] = { 0, 1, 0x80, 0x800, 0x10000 };
    size_t len = *u < 0x80 ? *u != 0 : *u < 0xc0 ? 0 : *u < 0xe0 ? 2 :
                 *u < 0xf0 ? 3 : *u < 0xf8 ? 4 : 0;
    uint32_t code = len > 1 ? *u & (0x7f >> len) : *u;

    for (size_t i = 1; i < len; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (u[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    return len;
}
