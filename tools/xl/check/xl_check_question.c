/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>
#include <xenstore.h>

#include "check/xl_check_question.h"
#include "common/xl_boot_id.h"
#include "common/xl_cpu_xen.h"

#define BRIDGE_SCRIPT "vif-bridge"
#define DISK_SCRIPT "block"

/* An item that is there already is not added again. */
static void ask(struct question *q, unsigned int kind, const char *value)
{
    for (unsigned int i = 0; i < q->nr; i++) {
        if (q->item[i].kind == kind && !strcmp(q->item[i].value, value))
            return;
    }
    question_add(q, kind, value);
}

/* ---- devices ------------------------------------------------------------- */

static bool is_script(const char *script, const char *name)
{
    const char *slash = strrchr(script, '/');

    return !strcmp(slash ? slash + 1 : script, name);
}

static bool is_elsewhere(uint32_t backend_domid, const char *backend_name)
{
    return backend_domid || (backend_name && strcmp(backend_name, "0") &&
                             strcmp(backend_name, "Domain-0"));
}

static void ask_disk(struct question *q, const libxl_device_disk *d)
{
    const char *path = d->pdev_path;

    /* An empty drive. */
    if (is_elsewhere(d->backend_domid, d->backend_domname) || !path || !*path)
        return;
    if (d->script || d->backend == LIBXL_DISK_BACKEND_PHY)
        ask(q, QUESTION_SCRIPT, d->script ? d->script : DISK_SCRIPT);
    if (*path == '/' && (!d->script || is_script(d->script, DISK_SCRIPT)))
        ask(q, QUESTION_DISK, path);
}

static void ask_nic(struct question *q, const libxl_device_nic *n)
{
    const char *script = n->script ? n->script : BRIDGE_SCRIPT;

    if (is_elsewhere(n->backend_domid, n->backend_domname))
        return;
    ask(q, QUESTION_SCRIPT, script);
    if (n->bridge && *n->bridge && is_script(script, BRIDGE_SCRIPT))
        ask(q, QUESTION_BRIDGE, n->bridge);
}

static bool is_set(libxl_defbool b)
{
    return !libxl_defbool_is_default(b) && libxl_defbool_val(b);
}

static void ask_device_model(struct question *q,
                             const libxl_domain_config *config)
{
    const libxl_domain_build_info *b = &config->b_info;

    if (config->c_info.type != LIBXL_DOMAIN_TYPE_HVM ||
        is_set(b->device_model_stubdomain) ||
        b->device_model_version ==
        LIBXL_DEVICE_MODEL_VERSION_QEMU_XEN_TRADITIONAL)
        return;
    ask(q, QUESTION_DEVICE_MODEL, b->device_model ? b->device_model : "");
}

void check_ask_devices(struct question *q, const libxl_domain_config *config)
{
    for (int i = 0; i < config->num_disks; i++)
        ask_disk(q, &config->disks[i]);
    for (int i = 0; i < config->num_nics; i++)
        ask_nic(q, &config->nics[i]);
    ask_device_model(q, config);
}

/* ---- everything ---------------------------------------------------------- */

static void ask_names(struct question *q, uint32_t domid, const char *name)
{
    char boot[64], source[96];

    boot_id_read(boot, sizeof(boot));
    snprintf(source, sizeof(source), "%s %"PRIu32, boot, domid);
    ask(q, QUESTION_SOURCE, source);
    if (!name)
        return;
    ask(q, QUESTION_NAME, name);
    ask(q, QUESTION_INCOMING, name);
    ask(q, QUESTION_AWAY, name);
}

static void ask_memory(struct question *q, libxl_ctx *ctx, uint32_t domid,
                       const libxl_domain_config *config)
{
    libxl_domain_config copy;
    char value[24];
    uint64_t kib;

    /* The call fills defaults in. */
    libxl_domain_config_init(&copy);
    libxl_domain_config_copy(ctx, &copy, config);
    if (!libxl_domain_need_memory(ctx, &copy, domid, &kib)) {
        snprintf(value, sizeof(value), "%"PRIu64, kib);
        ask(q, QUESTION_MEMORY, value);
    }
    libxl_domain_config_dispose(&copy);
}

/*
 * The default device model is where the source has it, or where the target's
 * libxl looks for it.
 */
static void name_device_model(struct question *q, uint32_t domid)
{
    char path[64], link[64], exe[PATH_MAX];
    struct xs_handle *xs = xs_open(0);
    char *pid = NULL;
    ssize_t n = -1;

    snprintf(path, sizeof(path), "/local/domain/%"PRIu32
             "/image/device-model-pid", domid);
    if (xs)
        pid = xs_read(xs, XBT_NULL, path, NULL);
    if (pid) {
        snprintf(link, sizeof(link), "/proc/%ld/exe", strtol(pid, NULL, 10));
        n = readlink(link, exe, sizeof(exe) - 1);
    }
    for (unsigned int i = 0; n > 0 && i < q->nr; i++) {
        struct question_item *item = &q->item[i];

        if (item->kind == QUESTION_DEVICE_MODEL && !*item->value &&
            (size_t)n < sizeof(item->value)) {
            memcpy(item->value, exe, n);
            item->value[n] = 0;
        }
    }
    free(pid);
    if (xs)
        xs_close(xs);
}

void check_ask_needs(struct question *q, libxl_ctx *ctx, uint32_t domid,
                     const char *name, const char *config)
{
    libxl_domain_config c;

    ask_names(q, domid, name);
    libxl_domain_config_init(&c);
    if (!libxl_domain_config_from_json(ctx, &c, config)) {
        ask_memory(q, ctx, domid, &c);
        check_ask_devices(q, &c);
        name_device_model(q, domid);
    }
    libxl_domain_config_dispose(&c);
}

void check_ask_host(struct question *q, libxl_ctx *ctx, uint32_t domid)
{
    const libxl_version_info *v = libxl_get_version_info(ctx);
    uint32_t words[CPU_WORDS];
    char text[CPU_TEXT_LEN];
    libxl_dominfo info;

    if (v) {
        snprintf(text, sizeof(text), "%d.%d", v->xen_version_major,
                 v->xen_version_minor);
        ask(q, QUESTION_XEN, text);
    }
    libxl_dominfo_init(&info);
    /* A PV guest sees the processor itself. */
    if (!libxl_domain_info(ctx, &info, domid) &&
        info.domain_type != LIBXL_DOMAIN_TYPE_PV &&
        !cpu_words_of_domain(words, domid)) {
        cpu_words_put(text, words);
        ask(q, QUESTION_CPU, text);
    }
    libxl_dominfo_dispose(&info);
    ask(q, QUESTION_CLOCK, "");
}
