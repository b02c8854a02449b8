/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/xl_options.h"
#include "conf/load.h"
#include "conf/settings.h"
#include "config/xl_config_check.h"
#include "config/xl_config_print.h"
#include "config/xl_precopy_config.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_migrate_settings.h"

#define COMMAND "precopy-config"

/* Exit status, documented in docs/man/xl-precopy-config.1.pod. */
enum {
    CONFIG_OK = 0,
    CONFIG_FAILED = 1,
    CONFIG_BAD = 2,                 /* also for options */
};

enum { OPT_CHECK = 0x100, OPT_TARGET, OPT_JSON, OPT_FILE };

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "check", no_argument, NULL, OPT_CHECK },
    { "target", required_argument, NULL, OPT_TARGET },
    { "json", no_argument, NULL, OPT_JSON },
    { "file", required_argument, NULL, OPT_FILE },
    { 0 }
};

static const char help[] =
"-h, --help     Print this help.\n"
"--check        Only check the file: every section, with those that may apply\n"
"               together with it.\n"
"--target=HOST  For a migration to this host.\n"
"--json         Print JSON.\n"
"--file=FILE    Read this file instead of precopy.conf.\n"
"\n"
"<Domain> is a name, a number or a UUID. It need not run on this host; if it\n"
"does, what is in xenstore for it is read, too.\n"
"\n"
"Exit status: 0 migrations are not refused for it; 1 failed; 2 they are, or an\n"
"option makes no sense.  More in xl-precopy-config(1).";

const struct xl_usage precopy_config_usage = {
    .name       = COMMAND,
    .summary    = "Show the limits that are in force, and where they are set",
    .arguments  = "[options] [<Domain>]",
    .options    = help,
};

struct config_options {
    bool check, json;
    const char *target, *file, *guest;  /* NULL: none */
};

static int fail(int status, const char *why)
{
    xl_message(COMMAND, "%s", why);
    return status;
}

/* Returns 0, 1 when help is wanted, or -1 with one line in err. */
static int parse_options(int argc, char **argv, struct config_options *o,
                         char *err)
{
    int opt;

    *o = (struct config_options){ 0 };
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == '?' || opt == ':')
            return xl_bad_option(COMMAND, options, opt, argv, err);
        if (opt == OPT_CHECK)
            o->check = true;
        else if (opt == OPT_JSON)
            o->json = true;
        else if (opt == OPT_TARGET ?
                 xl_parse_host("target", optarg, &o->target, err) :
                 xl_parse_file("file", optarg, &o->file, err))
            return -1;
    }
    if (argc - optind > 1)
        return xl_bad(err, "one domain, or none: xl " COMMAND " %s",
                      precopy_config_usage.arguments);
    if (xl_check_names("the domain", argv + optind, argc - optind, err))
        return -1;
    o->guest = argv[optind];
    if (o->check && o->json)
        return xl_bad(err, "--check prints no JSON: leave one of them out");
    return 0;
}

/* ---- the guest --------------------------------------------------------- */

/* Without messages of libxl's: Xen may not be there. */
static libxl_ctx *open_libxl(xentoollog_logger **lg_r)
{
    *lg_r = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr,
                                                              XTL_CRITICAL,
                                                              0);
    return *lg_r ? xl_open_ctx(*lg_r) : NULL;
}

static void close_libxl(libxl_ctx *ctx, xentoollog_logger *lg)
{
    if (ctx)
        libxl_ctx_free(ctx);
    if (lg)
        xtl_logger_destroy(lg);
}

static bool find_uuid(libxl_ctx *ctx, const uint8_t uuid[16],
                      uint32_t *domid_r)
{
    libxl_dominfo *list;
    bool found = false;
    int nr;

    list = libxl_list_domain(ctx, &nr);
    for (int i = 0; list && i < nr && !found; i++) {
        found = !memcmp(libxl_uuid_bytearray(&list[i].uuid), uuid, 16);
        if (found)
            *domid_r = list[i].domid;
    }
    if (list)
        libxl_dominfo_list_free(list, nr);
    return found;
}

static bool find_guest(libxl_ctx *ctx, const char *what, uint32_t *domid_r)
{
    char *name = NULL;
    uint8_t uuid[16];
    bool found;

    found = conf_parse_uuid(what, uuid) ? find_uuid(ctx, uuid, domid_r) :
            !xl_find_domain(ctx, what, domid_r, &name);
    free(name);
    return found;
}

/* Of a guest that is not on this host. */
static void read_file_alone(const struct config_options *o,
                            const struct conf_file *f,
                            struct conf_settings *s)
{
    struct conf_guest g = { 0 };

    if (o->guest)
        g.has_uuid = conf_parse_uuid(o->guest, g.uuid);
    if (!g.has_uuid)
        g.name = o->guest;
    conf_settings_init(s);
    conf_add_file(s, f, &g, o->target);
}

/* Returns 0, or -1 with one line in err. */
static int read_settings(const struct config_options *o,
                         const struct conf_file *f, struct conf_settings *s,
                         bool *here_r, char *err)
{
    xentoollog_logger *lg = NULL;
    libxl_ctx *ctx = o->guest ? open_libxl(&lg) : NULL;
    uint32_t domid;
    int r = 0;

    *here_r = ctx && find_guest(ctx, o->guest, &domid);
    if (*here_r)
        r = migrate_read_settings(ctx, domid, o->target, f, s, err);
    else
        read_file_alone(o, f, s);
    close_libxl(ctx, lg);
    return r;
}

/*
 * A misspelt name would leave its guest without a limit. It may also be that of
 * a guest on another host, so this is no error.
 */
static void note_absent(const struct conf_file *f)
{
    xentoollog_logger *lg = NULL;
    libxl_ctx *ctx = open_libxl(&lg);
    char heading[CONF_HEADING_LEN];
    uint32_t domid;
    char *name;

    for (size_t i = 0; ctx && i < f->nr; i++) {
        const struct conf_section *c = &f->sections[i];

        name = NULL;
        if (c->kind == CONF_GUEST &&
            (c->name ? xl_find_domain(ctx, c->name, &domid, &name) :
                       !find_uuid(ctx, c->uuid, &domid)))
            printf("%s:%u: %s is not on this host now\n", f->path, c->line,
                   conf_heading(c, heading));
        free(name);
    }
    close_libxl(ctx, lg);
}

/* ---- the command ------------------------------------------------------- */

static int show(const struct config_options *o, const struct conf_file *f)
{
    struct migrate_options as_migrate = { 0 };
    char err[XPC_ERR_LEN];
    struct conf_settings s;
    struct config_view v = {
        .file = f, .settings = &s, .params = &as_migrate.params,
        .guest = o->guest, .target = o->target,
    };

    if (read_settings(o, f, &s, &v.here, err) ||
        migrate_settle(&as_migrate, &s, err) || conf_check(&s, err))
        return fail(CONFIG_BAD, err);
    if (o->check) {
        printf("%s: %s\n", f->path, f->missing ? "there is no such file" :
               "no mistakes");
        note_absent(f);
    } else if (o->json) {
        config_print_json(stdout, &v);
    } else {
        config_print_text(stdout, &v);
    }
    return CONFIG_OK;
}

int cmd_precopy_config(int argc, char **argv)
{
    struct config_options o;
    char err[XPC_ERR_LEN];
    struct conf_file f;
    int r = parse_options(argc, argv, &o, err);

    if (r > 0) {
        xl_help(&precopy_config_usage, stdout);
        return CONFIG_OK;
    }
    if (r < 0)
        return fail(CONFIG_BAD, err);
    if (conf_load(&f, o.file, err) || (o.check && config_check(&f, err)))
        r = fail(CONFIG_BAD, err);
    else
        r = show(&o, &f);
    conf_dispose(&f);
    return r;
}
