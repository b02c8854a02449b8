/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of unknown origin, such as a guest's name, for files in UTF-8. */
#ifndef XL_COMMON_XL_UTF8_H
#define XL_COMMON_XL_UTF8_H

#include <stddef.h>

/* U+FFFD, for what is no valid UTF-8. */
#define XL_UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * The length of the character that s begins with; 0 if it is not valid UTF-8,
 * or if s is empty.
 */
size_t xl_utf8_char(const char *s);

#endif
