/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>
#include <libxlutil.h>
#include <xenstore.h>

#include "common/xl_boot_id.h"
#include "common/xl_common.h"
#include "common/xl_cpu_xen.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive_host.h"
#include "xen/notify.h"

#define XL_CONF "/etc/xen/xl.conf"
/* libxl never takes more from domain 0 than leaves it this. */
#define DOM0_MIN_KIB (128 * 1024)

/* Where libxl may look for QEMU: Debian's, and Xen's own. */
static const char *const device_models[] = {
    "/usr/libexec/xen-qemu-system-i386",
    "/usr/lib/xen/bin/qemu-system-i386",
    "/usr/local/lib/xen/bin/qemu-system-i386",
    NULL
};

/* A word or number of xl.conf. Returns def if it is not set or unreadable. */
static long read_setting(const char *name, const char *word, long word_value,
                         long def)
{
    FILE *null = fopen("/dev/null", "we");
    XLU_Config *c = null ? xlu_cfg_init(null, XL_CONF) : NULL;
    const char *text;
    long value = def;

    if (c && !xlu_cfg_readfile(c, XL_CONF)) {
        if (word && !xlu_cfg_get_string(c, name, &text, 1) &&
            !strcmp(text, word))
            value = word_value;
        else if (xlu_cfg_get_long(c, name, &value, 1))
            value = def;
    }
    if (c)
        xlu_cfg_destroy(c);
    if (null)
        fclose(null);
    return value;
}

/* By default, xl does it unless Xen was told how much memory domain 0 gets. */
static bool has_autoballoon(libxl_ctx *ctx)
{
    long set = read_setting("autoballoon", "auto", -1, -1);
    const libxl_version_info *v = libxl_get_version_info(ctx);

    if (set >= 0)
        return set;
    return !v || !v->commandline || !strstr(v->commandline, "dom0_mem=");
}

static int op_find(void *opaque, const char *name, int64_t *domid_r,
                   bool *dying_r)
{
    libxl_ctx *ctx = opaque;
    libxl_dominfo info;
    uint32_t domid;
    int rc;

    if (!ctx)
        return -1;
    rc = libxl_name_to_domid(ctx, name, &domid);
    *domid_r = rc ? -1 : (int64_t)domid;
    if (rc)
        return rc == ERROR_INVAL ? 0 : -1;
    libxl_dominfo_init(&info);
    *dying_r = !libxl_domain_info(ctx, &info, domid) && info.dying;
    libxl_dominfo_dispose(&info);
    return 0;
}

static bool is_incoming(libxl_ctx *ctx, uint32_t domid)
{
    static const char end[] = MIGRATE_INCOMING;
    char *name = libxl_domid_to_name(ctx, domid);
    size_t len = name ? strlen(name) : 0;
    bool incoming = len >= strlen(end) &&
                    !strcmp(name + len - strlen(end), end);

    free(name);
    return incoming;
}

/* The pages of a guest are allocated one by one as they arrive. */
static uint64_t find_due_kib(libxl_ctx *ctx)
{
    int nr = 0;
    libxl_dominfo *list = libxl_list_domain(ctx, &nr);
    uint64_t due = 0;

    if (!list)
        return 0;
    for (int i = 0; i < nr; i++) {
        if (list[i].max_memkb > list[i].current_memkb && !list[i].dying &&
            is_incoming(ctx, list[i].domid))
            due += list[i].max_memkb - list[i].current_memkb;
    }
    libxl_dominfo_list_free(list, nr);
    return due;
}

static int op_memory(void *opaque, uint64_t *free_r, uint64_t *more_r,
                     uint64_t *due_r)
{
    libxl_ctx *ctx = opaque;
    libxl_dominfo info;

    *more_r = 0;
    if (!ctx || libxl_get_free_memory(ctx, free_r))
        return -1;
    *due_r = find_due_kib(ctx);
    if (!has_autoballoon(ctx))
        return 0;
    libxl_dominfo_init(&info);
    if (!libxl_domain_info(ctx, &info, 0) &&
        info.current_memkb > DOM0_MIN_KIB)
        *more_r = info.current_memkb - DOM0_MIN_KIB;
    libxl_dominfo_dispose(&info);
    return 0;
}

static int op_runs_scripts(void *opaque)
{
    (void)opaque;
    return read_setting("run_hotplug_scripts", NULL, 0, 1) != 0;
}

static int op_version(void *opaque, unsigned int *major_r,
                      unsigned int *minor_r)
{
    const libxl_version_info *v = opaque ? libxl_get_version_info(opaque) :
                                           NULL;

    if (!v)
        return -1;
    *major_r = v->xen_version_major;
    *minor_r = v->xen_version_minor;
    return 0;
}

static int op_cpu(void *opaque, uint32_t *words_r)
{
    (void)opaque;
    return cpu_words_of_host(words_r);
}

static const struct check_ops ops = {
    .find           = op_find,
    .memory         = op_memory,
    .runs_scripts   = op_runs_scripts,
    .version        = op_version,
    .cpu            = op_cpu,
};

const struct check_host *receive_host_open(struct receive_host *h)
{
    if (h->host.ops)
        return &h->host;
    /* What can't be found out is said in the reply. */
    h->lg = (xentoollog_logger *)
        xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    h->ctx = h->lg ? xl_open_ctx(h->lg) : NULL;
    boot_id_read(h->boot_id, sizeof(h->boot_id));
    h->host = (struct check_host){
        .ops = &ops, .opaque = h->ctx, .boot_id = h->boot_id,
        .script_dir = "/etc/xen/scripts", .net_dir = "/sys/class/net",
        .device_models = device_models,
    };
    return &h->host;
}

void receive_host_notify(struct receive_host *h, const char *name,
                         uint64_t stood_still_ns)
{
    struct xs_handle *xs = xs_open(0);
    uint32_t domid;

    receive_host_open(h);
    if (xs && h->ctx && !libxl_name_to_domid(h->ctx, name, &domid))
        xen_notify_arrived(xs, domid, stood_still_ns);
    if (xs)
        xs_close(xs);
}

void receive_host_close(struct receive_host *h)
{
    if (h->ctx)
        libxl_ctx_free(h->ctx);
    if (h->lg)
        xtl_logger_destroy(h->lg);
    *h = (struct receive_host){ 0 };
}
