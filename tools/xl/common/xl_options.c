/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "common/xl_options.h"

int xl_bad(char *err, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(err, XPC_ERR_LEN, fmt, al);
    va_end(al);
    xl_plain(err);
    return -1;
}

static const struct option *find_option(const struct option *options, int val)
{
    const struct option *o;

    for (o = options; o->name && o->val != val; o++) {}
    return o;
}

const char *xl_option_name(const struct option *options, int val)
{
    const char *name = find_option(options, val)->name;

    return name ? name : "?";
}

int xl_bad_option(const char *command, const struct option *options, int opt,
                  char *const *argv, char *err)
{
    const struct option *o = find_option(options, optopt);

    if (!optopt)
        return xl_bad(err, "%.80s is no option, or short for several: see xl "
                      "%s --help", argv[optind - 1], command);
    if (o->name)
        return xl_bad(err, "--%s %s", o->name, opt == ':' ? "needs a value" :
                      "takes no value");
    if (opt == ':')
        return xl_bad(err, "-%c needs a value", optopt);
    return xl_bad(err, "-%c is no option: see xl %s --help", optopt, command);
}

int xl_bad_value(const char *name, const char *s, const char *why, char *err)
{
    return xl_bad(err, "--%s=%.60s: %s", name, s, why);
}

int xl_parse_time(const char *name, const char *s, uint64_t *ns_r, char *err)
{
    char why[XPC_ERR_LEN];

    return !xpc_value_time(s, ns_r, why) ? 0 :
           xl_bad_value(name, s, why, err);
}

int xl_parse_limit(const char *name, const char *s, uint64_t *ns_r, char *err)
{
    char why[XPC_ERR_LEN];

    return !xpc_value_limit(s, ns_r, why) ? 0 :
           xl_bad_value(name, s, why, err);
}

int xl_parse_bandwidth(const char *name, const char *s, uint64_t *rate_r,
                       char *err)
{
    char why[XPC_ERR_LEN];

    return !xpc_value_bandwidth(s, rate_r, why) ? 0 :
           xl_bad_value(name, s, why, err);
}

int xl_parse_count(const char *name, const char *s, uint64_t least,
                   uint64_t most, uint64_t *count_r, char *err)
{
    char why[XPC_ERR_LEN];

    return !xpc_value_count(s, least, most, count_r, why) ? 0 :
           xl_bad_value(name, s, why, err);
}

int xl_parse_word(const char *name, const char *s, const char *const *names,
                  unsigned int *value_r, char *err)
{
    char why[XPC_ERR_LEN];

    return !xpc_value_word(s, names, value_r, why) ? 0 :
           xl_bad_value(name, s, why, err);
}

int xl_parse_calc_time(const char *s, uint64_t *ns_r, char *err)
{
    uint64_t ns;

    if (xl_parse_time("calc-time", s, &ns, err))
        return -1;
    if (ns < XPC_PERIOD_MIN_NS || ns > XPC_PERIOD_MAX_NS)
        return xl_bad(err, "--calc-time=%.80s: from 50ms to 60s are possible",
                      s);
    *ns_r = ns;
    return 0;
}

int xl_parse_confidence(const char *name, const char *s,
                        uint64_t *percent_r, char *err)
{
    char why[XPC_ERR_LEN];

    return !xpc_value_confidence(s, percent_r, why) ? 0 :
           xl_bad_value(name, s, why, err);
}

int xl_parse_file(const char *name, const char *s, const char **file_r,
                  char *err)
{
    if (!*s)
        return xl_bad(err, "--%s=: the name of a file is needed", name);
    *file_r = s;
    return 0;
}

int xl_check_names(const char *of, char *const *names, int nr, char *err)
{
    for (int i = 0; i < nr; i++) {
        if (!*names[i])
            return xl_bad(err, "the name of %s is empty", of);
    }
    return 0;
}

int xl_parse_host(const char *name, const char *s, const char **host_r,
                  char *err)
{
    if (!*s)
        return xl_bad(err, "--%s=: the name of a host is needed", name);
    *host_r = s;
    return 0;
}

int xl_parse_plot(const char *s, const char **file_r, char *err)
{
    const char *dot = s ? strrchr(s, '.') : NULL;

    *file_r = NULL;
    if (!s || !strcmp(s, "ascii"))
        return 0;
    if (!dot || (strcmp(dot, ".svg") && strcmp(dot, ".png")))
        return xl_bad(err, "--plot=%.80s: ascii, or a name that ends with "
                      ".svg or .png", s);
    *file_r = s;
    return 0;
}

int xl_check_plot(bool plot, const char *file, bool json, char *err)
{
    if (!plot || file || !json)
        return 0;
    return xl_bad(err, "--plot and --json both want standard output: give "
                  "--plot=FILE");
}

int xl_parse_list(const char *list, xl_item_fn *fn, void *opaque, char *err)
{
    char *copy = xl_asprintf("%s", list), *rest = copy, *item;
    int rc = 0;

    while (!rc && (item = strsep(&rest, ",")))
        rc = fn(opaque, item, err);
    free(copy);
    return rc;
}

struct methods {
    struct xpc_compress_method *list;
    size_t nr;
};

static int add_method(void *opaque, const char *item, char *err)
{
    struct methods *m = opaque;
    struct xpc_compress_method new;
    char why[XPC_ERR_LEN];

    if (xpc_compress_parse(item, &new, why))
        return xl_bad_value("compress", item, why, err);
    for (size_t i = 0; i < m->nr; i++) {
        if (xpc_compress_same(&m->list[i], &new))
            return xl_bad(err, "--compress: %.20s is named twice", item);
    }
    if (m->nr == XPC_COMPRESS_METHODS_MAX)
        return xl_bad(err, "--compress: %u are the most",
                      XPC_COMPRESS_METHODS_MAX);
    m->list[m->nr++] = new;
    return 0;
}

int xl_parse_methods(const char *list, struct xpc_compress_method *methods,
                     size_t *nr_r, char *err)
{
    struct methods m = { .list = methods };

    if (xl_parse_list(list, add_method, &m, err))
        return -1;
    *nr_r = m.nr;
    return 0;
}
