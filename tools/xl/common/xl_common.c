/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxl_utils.h>

#include <xenprecopy/json.h>

#include "common/xl_common.h"

struct xl_globals xl_globals = { .level = XL_LEVEL_DEFAULT };

void xl_help(const struct xl_usage *usage, FILE *out)
{
    fprintf(out, "Usage: xl [-vtT] %s %s\n\n%s.\n\n", usage->name,
            usage->arguments, usage->summary);
    if (usage->options)
        fprintf(out, "Options:\n\n%s\n", usage->options);
}

uint64_t xl_bytes_written(pid_t pid)
{
    char path[64], line[128];
    uint64_t bytes = 0;
    FILE *io;

    snprintf(path, sizeof(path), "/proc/%ld/io", (long)pid);
    io = fopen(path, "re");
    while (io && fgets(line, sizeof(line), io))
        sscanf(line, "wchar: %"SCNu64, &bytes);
    if (io)
        fclose(io);
    return bytes;
}

__attribute__((format(printf, 1, 0)))
static char *format(const char *fmt, va_list al)
{
    char *s;

    if (vasprintf(&s, fmt, al) < 0) {
        fputs("xl: out of memory\n", stderr);
        exit(1);
    }
    return s;
}

char *xl_asprintf(const char *fmt, ...)
{
    char *s;
    va_list al;

    va_start(al, fmt);
    s = format(fmt, al);
    va_end(al);
    return s;
}

const char *xl_span_text(char buf[XPC_UNIT_LEN], uint64_t ns)
{
    uint64_t s = (ns + XPC_S - 1) / XPC_S;

    if (ns < 99 * XPC_S / 10)
        snprintf(buf, XPC_UNIT_LEN, "%.1fs", ceil(ns / 1e8) / 10);
    else if (s < 60)
        snprintf(buf, XPC_UNIT_LEN, "%"PRIu64"s", s);
    else if (s < 3600)
        snprintf(buf, XPC_UNIT_LEN, "%"PRIu64"m%02"PRIu64"s", s / 60, s % 60);
    else
        snprintf(buf, XPC_UNIT_LEN, "%"PRIu64"h%02"PRIu64"m", s / 3600,
                 s % 3600 / 60);
    return buf;
}

char *xl_plain(char *s)
{
    xpc_plain_line(s);
    return s;
}

char *xl_plain_copy(const char *s)
{
    return xl_plain(xl_asprintf("%s", s));
}

const char *xl_plain_name(char buf[XL_NAME_LEN], const char *s)
{
    snprintf(buf, XL_NAME_LEN, "%s", s ? s : "");
    return xl_plain(buf);
}

void xl_message(const char *command, const char *fmt, ...)
{
    char *s;
    va_list al;

    va_start(al, fmt);
    s = format(fmt, al);
    va_end(al);
    fprintf(stderr, "xl %s: %s\n", command, xl_plain(s));
    free(s);
}

libxl_ctx *xl_open_ctx(xentoollog_logger *lg)
{
    /* libxl is to reap its own children only, not the transport. */
    static const libxl_childproc_hooks hooks = {
        .chldowner = libxl_sigchld_owner_libxl_always_selective_reap,
    };
    libxl_ctx *ctx;

    if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, lg))
        return NULL;
    libxl_childproc_setmode(ctx, &hooks, NULL);
    return ctx;
}

/* libxl would take the last 32 bits of the number. */
static bool is_no_domid(const char *what)
{
    size_t digits = strspn(what, "0123456789");

    return digits && !what[digits] &&
           (digits > 10 || strtoull(what, NULL, 10) > UINT32_MAX);
}

int xl_find_domain(libxl_ctx *ctx, const char *what, uint32_t *domid_r,
                   char **name_r)
{
    if (is_no_domid(what) ||
        libxl_domain_qualifier_to_domid(ctx, what, domid_r))
        return -1;
    *name_r = libxl_domid_to_name(ctx, *domid_r);
    return 0;
}
