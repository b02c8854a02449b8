/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/value.h"

int xpc_value_bad(char *why, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(why, XPC_ERR_LEN, fmt, al);
    va_end(al);
    xpc_plain_line(why);
    return -1;
}

/* Whether only the unit is missing. */
static bool is_bare_number(const char *s)
{
    size_t n = strspn(s, "0123456789.");
    const char *dot = strchr(s, '.');

    return n && !s[n] && strspn(s, ".") != n && !(dot && strchr(dot + 1, '.'));
}

int xpc_value_time(const char *s, uint64_t *ns_r, char *why)
{
    if (!xpc_parse_time(s, ns_r))
        return 0;
    if (errno == ERANGE)
        return xpc_value_bad(why, "too long");
    if (is_bare_number(s))
        return xpc_value_bad(why, "a unit is needed, for example %.80sms", s);
    return xpc_value_bad(why, "not a time: a number with " XPC_TIME_UNITS
                         " is accepted, for example 300ms");
}

int xpc_value_limit(const char *s, uint64_t *ns_r, char *why)
{
    uint64_t ns;

    if (xpc_value_time(s, &ns, why))
        return -1;
    if (!ns)
        return xpc_value_bad(why, "more than 0 is needed, for example 300ms");
    *ns_r = ns;
    return 0;
}

int xpc_value_bandwidth(const char *s, uint64_t *bytes_per_s_r, char *why)
{
    if (!xpc_parse_bandwidth(s, bytes_per_s_r))
        return 0;
    if (errno == ERANGE || (is_bare_number(s) && strspn(s, "0.") == strlen(s)))
        return xpc_value_bad(why, "out of range: from 1 byte to 8 EiB per "
                             "second are possible");
    if (is_bare_number(s))
        return xpc_value_bad(why, "a unit is needed, for example %.80sMbit",
                             s);
    return xpc_value_bad(why, "not a bandwidth: a number with " XPC_BIT_UNITS
                         ", " XPC_BYTE_UNITS ", per second is accepted, for "
                         "example 10Gbit");
}

int xpc_value_bandwidth_or(const char *word, const char *s,
                           uint64_t *bytes_per_s_r, char *why)
{
    size_t n;

    if (strcmp(s, word) && xpc_value_bandwidth(s, bytes_per_s_r, why)) {
        n = strlen(why);
        snprintf(why + n, XPC_ERR_LEN - n, "; or %s", word);
        return -1;
    }
    if (!strcmp(s, word))
        *bytes_per_s_r = 0;
    return 0;
}

int xpc_value_count(const char *s, uint64_t least, uint64_t most,
                    uint64_t *count_r, char *why)
{
    uint64_t count;

    if (!xpc_parse_count(s, &count) && count >= least && count <= most) {
        *count_r = count;
        return 0;
    }
    if (most == UINT64_MAX)
        return xpc_value_bad(why, "a whole number from %"PRIu64" on is "
                             "accepted", least);
    return xpc_value_bad(why, "a whole number from %"PRIu64" to %"PRIu64
                         " is accepted", least, most);
}

int xpc_value_confidence(const char *s, uint64_t *percent_r, char *why)
{
    return xpc_value_count(s, 50, 99, percent_r, why);
}

int xpc_value_word(const char *s, const char *const *names,
                   unsigned int *value_r, char *why)
{
    char known[96] = "";
    size_t len = 0;
    int i;

    for (i = 0; names[i]; i++) {
        if (!strcmp(s, names[i])) {
            *value_r = i;
            return 0;
        }
        len += snprintf(known + len, sizeof(known) - len, "%s%s",
                        !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
    }
    return xpc_value_bad(why, "%s is accepted", known);
}
