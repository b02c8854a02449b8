/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds values in JSON text without parsing it: for text that is not JSON the
 * results are arbitrary, but within it. The values found are for the parser.
 */
#ifndef JSON_SPAN_H
#define JSON_SPAN_H

#include <stdbool.h>

/* The text from p up to end. */
struct span {
    const char *p, *end;
};

struct span span_skip_spaces(struct span s);
bool span_starts_with(struct span s, const char *with);
bool span_contains(struct span s, const char *what);

/* Removes and returns the first value of *s, or all of it if none is found. */
struct span span_take_value(struct span *s);

/* The value of a member of an object; empty if there is no such member. */
struct span span_member(struct span object, const char *name);
bool span_has_member(struct span object, const char *name);

#endif
