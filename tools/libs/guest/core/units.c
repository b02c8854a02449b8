/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit time_units[] = {
    { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 },
    { "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 },
};

static const struct unit bandwidth_units[] = {
    { "kbit", 1e3 / 8 }, { "Kbit", 1e3 / 8 }, { "mbit", 1e6 / 8 },
    { "Mbit", 1e6 / 8 }, { "gbit", 1e9 / 8 }, { "Gbit", 1e9 / 8 },
    { "Kibit", 0x1p10 / 8 }, { "Mibit", 0x1p20 / 8 }, { "Gibit", 0x1p30 / 8 },
    { "kB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 },
    { "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 }, { NULL, 0 },
};

/* Only with "/s" or "ps", as in "10Gbps", is a "b" a bit. */
static const struct unit bps_units[] = {
    { "kb", 1e3 / 8 }, { "Kb", 1e3 / 8 }, { "mb", 1e6 / 8 },
    { "Mb", 1e6 / 8 }, { "gb", 1e9 / 8 }, { "Gb", 1e9 / 8 }, { NULL, 0 },
};

/*
 * Parses a decimal number in plain notation, and spaces before a unit. strtod()
 * would also accept "nan", "0x10", "1e3" and the locale's comma.
 */
static int parse_decimal(const char *s, double *value_r, const char **end_r)
{
    double value = 0, place = 1;
    int digits = 0;

    for (; isdigit((unsigned char)*s); s++, digits++)
        value = value * 10 + (*s - '0');
    if (*s == '.') {
        for (s++; isdigit((unsigned char)*s); s++, digits++)
            value += (*s - '0') * (place /= 10);
    }
    if (!digits) {
        errno = EINVAL;
        return -1;
    }
    *value_r = value;
    *end_r = *s == ' ' && s[strspn(s, " ")] ? s + strspn(s, " ") : s;
    return 0;
}

static const struct unit *find_unit(const struct unit *u, const char *name)
{
    for (; u->name; u++) {
        if (!strcmp(u->name, name))
            return u;
    }
    errno = EINVAL;
    return NULL;
}

static int store(double value, uint64_t *out)
{
    if (!(value < 0x1p63)) {
        errno = ERANGE;
        return -1;
    }
    *out = llround(value);
    return 0;
}

int xpc_parse_time(const char *s, uint64_t *ns_r)
{
    const struct unit *u;
    double value;

    if (parse_decimal(s, &value, &s))
        return -1;
    if (!*s && value == 0) {
        *ns_r = 0;
        return 0;
    }
    u = find_unit(time_units, s);
    return u ? store(value * u->factor, ns_r) : -1;
}

int xpc_parse_bandwidth(const char *s, uint64_t *bytes_per_s_r)
{
    const struct unit *u;
    double value;
    char name[8];
    size_t len;

    if (parse_decimal(s, &value, &s))
        return -1;
    len = strlen(s);
    if (len > 2 && (!strcmp(s + len - 2, "/s") || !strcmp(s + len - 2, "ps")))
        len -= 2;
    if (len >= sizeof(name)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(name, s, len);
    name[len] = 0;
    u = find_unit(bandwidth_units, name);
    if (!u && s[len])
        u = find_unit(bps_units, name);
    if (!u)
        return -1;
    if (value * u->factor < 1) {
        errno = ERANGE;
        return -1;
    }
    return store(value * u->factor, bytes_per_s_r);
}

int xpc_parse_count(const char *s, uint64_t *count_r)
{
    char *end;

    if (!isdigit((unsigned char)*s)) {
        errno = EINVAL;
        return -1;
    }
    errno = 0;
    *count_r = strtoull(s, &end, 10);
    if (!errno && *end)
        errno = EINVAL;
    return errno ? -1 : 0;
}

/* Formats value in the largest unit in which it is at least 1. */
static const char *format(char *buf, double value, const char *const *names,
                          double step)
{
    while (value >= step * 0.9995 && names[1]) {
        value /= step;
        names++;
    }
    snprintf(buf, XPC_UNIT_LEN, value < 10 ? "%.2f %s" :
             value < 100 ? "%.1f %s" : "%.0f %s", value, *names);
    return buf;
}

const char *xpc_format_time(char buf[XPC_UNIT_LEN], uint64_t ns)
{
    static const char *const names[] = { "ns", "us", "ms", "s", NULL };

    if (!ns)
        return strcpy(buf, "0 ms");
    return format(buf, ns, names, 1000);
}

const char *xpc_format_bandwidth(char buf[XPC_UNIT_LEN], uint64_t bytes_per_s)
{
    static const char *const names[] = {
        "bit/s", "kbit/s", "Mbit/s", "Gbit/s", NULL
    };

    return format(buf, bytes_per_s * 8.0, names, 1000);
}

const char *xpc_format_bytes(char buf[XPC_UNIT_LEN], uint64_t bytes)
{
    static const char *const names[] = {
        "bytes", "KiB", "MiB", "GiB", "TiB", NULL
    };

    if (bytes < 1024) {
        snprintf(buf, XPC_UNIT_LEN, "%"PRIu64" bytes", bytes);
        return buf;
    }
    return format(buf, bytes, names, 1024);
}
