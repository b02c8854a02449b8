/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "common/xl_cpu.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive_check.h"

/* What the items so far have said about the source. */
struct asker {
    bool here;                      /* it is this very host */
    int64_t domid;                  /* of its domain */
};

struct check {
    const struct check_host *host;
    struct asker asker;
    struct check_asked *asked;
    struct reply_item *to;
};

__attribute__((format(printf, 3, 4)))
static void reply(struct check *c, enum reply_status status, const char *fmt,
                  ...)
{
    va_list al;

    c->to->status = status;
    va_start(al, fmt);
    vsnprintf(c->to->text, sizeof(c->to->text), fmt, al);
    va_end(al);
}

static void reply_ok(struct check *c)
{
    c->to->status = REPLY_OK;
}

/* ---- names --------------------------------------------------------------- */

static void check_source(struct check *c, const char *value)
{
    size_t len = strcspn(value, " ");
    char *end;
    long domid = strtol(value + len, &end, 10);

    c->asker.here = len && !strncmp(value, c->host->boot_id, len) &&
                    !c->host->boot_id[len] && !*end;
    c->asker.domid = c->asker.here ? domid : -1;
    c->to->number = c->asker.here;
    reply_ok(c);
}

/* Returns -1 after a reply, or 0 with the domain that has this name. */
static int find(struct check *c, const char *name, const char *suffix,
                int64_t *domid_r, bool *dying_r)
{
    char full[QUESTION_VALUE_MAX + 32];

    *dying_r = false;
    snprintf(full, sizeof(full), "%s%s", name, suffix);
    if (c->host->ops->find(c->host->opaque, full, domid_r, dying_r)) {
        reply(c, REPLY_UNKNOWN, "Xen can't be asked there");
        return -1;
    }
    return 0;
}

/* A domain that is dying loses its name before the guest needs it. */
static void check_name(struct check *c, const char *name)
{
    int64_t domid;
    bool dying;

    if (find(c, name, "", &domid, &dying))
        return;
    if (domid < 0 || dying || (c->asker.here && domid == c->asker.domid))
        reply_ok(c);
    else
        reply(c, REPLY_WRONG, "domain %"PRId64" there is called %.60s "
              "already: rename or destroy it there, if it is not the guest "
              "itself", domid, name);
}

static void check_incoming(struct check *c, const char *name)
{
    int64_t domid;
    bool dying;

    if (find(c, name, MIGRATE_INCOMING, &domid, &dying))
        return;
    if (domid < 0)
        reply_ok(c);
    else if (dying)
        reply(c, REPLY_WRONG, "%.60s" MIGRATE_INCOMING " is being destroyed "
              "there: try again later", name);
    else
        reply(c, REPLY_WRONG, "domain %"PRId64" there is called %.60s"
              MIGRATE_INCOMING ", as the copy that another migration builds: "
              "if none is under way, destroy it there: xl destroy %"PRId64,
              domid, name, domid);
}

/* On this host, the source has checked it. */
static void check_away(struct check *c, const char *name)
{
    int64_t domid;
    bool dying;

    if (find(c, name, MIGRATE_AWAY, &domid, &dying))
        return;
    if (domid < 0 || dying || c->asker.here)
        reply_ok(c);
    else
        reply(c, REPLY_WRONG, "domain %"PRId64" there is called %.60s"
              MIGRATE_AWAY ", which a migration from there left, suspended: "
              "destroy it there: xl destroy %"PRId64, domid, name, domid);
}

/* ---- resources ----------------------------------------------------------- */

static void check_memory(struct check *c, const char *value)
{
    char need[XPC_UNIT_LEN], have[XPC_UNIT_LEN], due[XPC_UNIT_LEN + 48] = "";
    uint64_t kib, free_kib, more_kib, due_kib, all_kib;
    char *end;

    errno = 0;
    kib = strtoull(value, &end, 10);
    if (*end || end == value || errno || kib > UINT64_MAX / 1024) {
        reply(c, REPLY_UNKNOWN, "the number is not understood there");
        return;
    }
    if (c->host->ops->memory(c->host->opaque, &free_kib, &more_kib,
                               &due_kib)) {
        reply(c, REPLY_UNKNOWN, "Xen can't be asked there");
        return;
    }
    all_kib = free_kib + more_kib;
    c->to->number = all_kib > due_kib ? all_kib - due_kib : 0;
    if (kib <= c->to->number) {
        reply_ok(c);
        return;
    }
    if (due_kib)
        snprintf(due, sizeof(due), ", of which other migrations will take %s",
                 xpc_format_bytes(have, due_kib * 1024));
    xpc_format_bytes(need, kib * 1024);
    xpc_format_bytes(have, free_kib * 1024);
    reply(c, REPLY_WRONG, "the guest needs %s of memory and Xen has %s free "
          "there%s%s: free some, or give the guest less", need, have,
          more_kib ? ", with what domain 0 can give" : "", due);
}

static void check_disk(struct check *c, const char *path)
{
    struct stat st;

    if (*path != '/')
        reply(c, REPLY_UNKNOWN, "it is no path");
    else if (!stat(path, &st))
        reply_ok(c);
    else
        reply(c, REPLY_WRONG, "disk %.120s: %s there: attach or share it",
              path, strerror(errno));
}

/* vif-bridge takes bridges of the kernel only. */
static void check_bridge(struct check *c, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    if (!*name || *name == '.' || strchr(name, '/')) {
        reply(c, REPLY_UNKNOWN, "it is no name of a bridge");
        return;
    }
    snprintf(path, sizeof(path), "%s/%s", c->host->net_dir, name);
    if (stat(path, &st)) {
        reply(c, REPLY_WRONG, "there is no bridge %.40s there: create it",
              name);
        return;
    }
    snprintf(path, sizeof(path), "%s/%s/bridge", c->host->net_dir, name);
    if (!stat(path, &st))
        reply_ok(c);
    else
        reply(c, REPLY_WRONG, "%.40s is no bridge there: create one of that "
              "name", name);
}

static void check_script(struct check *c, const char *script)
{
    char path[PATH_MAX];

    if (!*script) {
        reply(c, REPLY_UNKNOWN, "it is no path");
        return;
    }
    if (!c->host->ops->runs_scripts(c->host->opaque)) {
        reply(c, REPLY_OK, "udev runs the scripts there");
        return;
    }
    snprintf(path, sizeof(path), "%s%s%s",
             *script == '/' ? "" : c->host->script_dir,
             *script == '/' ? "" : "/", script);
    if (!access(path, X_OK))
        reply_ok(c);
    else
        reply(c, REPLY_WRONG, "hotplug script %.120s: %s there: install it",
              path, errno == EACCES ? "it can't be executed" :
              strerror(errno));
}

/* path: where the source has it, or what the configuration names. */
static void check_device_model(struct check *c, const char *path)
{
    const char *const *p;

    if (*path == '/' && !access(path, X_OK)) {
        reply_ok(c);
        return;
    }
    for (p = c->host->device_models; *p; p++) {
        if (!access(*p, X_OK)) {
            reply_ok(c);
            return;
        }
    }
    reply(c, REPLY_WRONG, "no device model is installed there, neither as "
          "%.80s nor as %.60s: install it (Debian: qemu-system-xen)",
          *path ? path : "the source's", c->host->device_models[0]);
}

/* ---- the host ------------------------------------------------------------ */

/* Guests can be moved to a newer Xen, but not back. */
static void check_xen(struct check *c, const char *value)
{
    unsigned int major, minor, of_major, of_minor;

    if (sscanf(value, "%u.%u", &of_major, &of_minor) != 2 ||
        c->host->ops->version(c->host->opaque, &major, &minor)) {
        reply(c, REPLY_UNKNOWN, "Xen can't be asked there");
        return;
    }
    c->to->number = ((uint64_t)major << 16) + minor;
    if (major > of_major || (major == of_major && minor >= of_minor))
        reply(c, REPLY_OK, "%u.%u", major, minor);
    else
        reply(c, REPLY_WRONG, "Xen there is %u.%u, older than %u.%u here, "
              "which guests can't be relied on to survive: upgrade it first",
              major, minor, of_major, of_minor);
}

static void check_cpu(struct check *c, const char *value)
{
    uint32_t guest[CPU_WORDS], host[CPU_WORDS];
    char names[160];

    if (cpu_words_get(guest, value) ||
        c->host->ops->cpu(c->host->opaque, host)) {
        reply(c, REPLY_UNKNOWN, "what its processors can do is not known");
        return;
    }
    if (cpu_missing(guest, host, names, sizeof(names)))
        reply(c, REPLY_WRONG, "the processors there lack %s, which the guest "
              "was given: start it with a cpuid= that leaves them out", names);
    else
        reply_ok(c);
}

static void check_clock(struct check *c, const char *value)
{
    struct timespec now;

    (void)value;
    clock_gettime(CLOCK_REALTIME, &now);
    c->to->number = now.tv_sec * XPC_S + now.tv_nsec;
    reply_ok(c);
}

static void check_notify(struct check *c, const char *name)
{
    snprintf(c->asked->notify, sizeof(c->asked->notify), "%s", name);
    reply_ok(c);
}

void check_reply(struct reply *r, const struct question *q,
                 const struct check_host *host, struct check_asked *asked)
{
    static void (*const checks[])(struct check *, const char *) = {
        [QUESTION_SOURCE] = check_source,
        [QUESTION_NAME] = check_name,
        [QUESTION_INCOMING] = check_incoming,
        [QUESTION_AWAY] = check_away,
        [QUESTION_MEMORY] = check_memory,
        [QUESTION_DISK] = check_disk,
        [QUESTION_BRIDGE] = check_bridge,
        [QUESTION_SCRIPT] = check_script,
        [QUESTION_DEVICE_MODEL] = check_device_model,
        [QUESTION_XEN] = check_xen,
        [QUESTION_CPU] = check_cpu,
        [QUESTION_CLOCK] = check_clock,
        [QUESTION_NOTIFY] = check_notify,
    };
    struct check c = { .host = host, .asker.domid = -1, .asked = asked };

    r->nr = q->nr;
    for (unsigned int i = 0; i < q->nr; i++) {
        unsigned int kind = q->item[i].kind;

        c.to = &r->item[i];
        *c.to = (struct reply_item){ .kind = kind };
        if (kind < QUESTION_KINDS && checks[kind])
            checks[kind](&c, q->item[i].value);
        else
            reply(&c, REPLY_UNKNOWN, "the receiver there does not know how");
    }
}
