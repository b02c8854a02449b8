/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text of unknown origin, such as a guest's name, for files in UTF-8. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stddef.h>

/* U+FFFD, for what is no valid UTF-8. */
#define XPC_UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * The length of the character that s begins with; 0 if it is not valid UTF-8,
 * or if s is empty.
 */
size_t xpc_utf8_char(const char *s);

#endif
