/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <xenprecopy/error.h>

void xpc_plain_line(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}
