/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For libvirtd, or virtxend: preloaded into it, it completes what libvirt's Xen
 * driver does when a migration fails.
 *
 * - libvirt's error is always "Failed to send migration data to destination
 *   host". The reason in the plug-in's report is appended, so that virsh shows
 *   it.
 * - After a complete save, only the toolstack can know whether the target may
 *   run the guest (save/guard.h). In libvirt it may not if sending has failed:
 *   the target starts the guest in the phase Finish, which is then told to
 *   destroy it. So a guest that was suspended is resumed.
 *
 * The driver is a module that libvirtd loads, with these functions as
 * undefined symbols; so ours are found first. If libvirt changes so that they
 * are not called any more, everything is as without this library.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>
#include <xenstore.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "json/migration.h"
#include "xen/store.h"

/* The reason of this thread's last failure, until it is reported; else "". */
static __thread char why[768];

/* ---- the environment ----------------------------------------------------- */

/* libvirtd's children need none of this. */
__attribute__((constructor))
static void remove_preload(void)
{
    const char *old = getenv("LD_PRELOAD");
    char *value, *out, *name, *next;
    Dl_info info;

    if (!old || !dladdr((void *)remove_preload, &info) || !info.dli_fname)
        return;
    value = strdup(old);
    out = value ? calloc(1, strlen(old) + 2) : NULL;
    for (name = value; out && (name = strtok_r(name, ": ", &next));
         name = NULL) {
        if (!strcmp(name, info.dli_fname))
            continue;
        if (*out)
            strcat(out, ":");
        strcat(out, name);
    }
    if (out && *out)
        setenv("LD_PRELOAD", out, 1);
    else if (out)
        unsetenv("LD_PRELOAD");
    free(out);
    free(value);
}

/* ---- sending ------------------------------------------------------------- */

/* Reads the report of a save that began at begun_ns or later. */
static bool read_report(uint32_t domid, uint64_t begun_ns,
                        struct xpc_report *r)
{
    struct xs_handle *xs = xs_open(0);
    char err[XPC_ERR_LEN];
    bool ok = xs && !xen_store_read(xs, XBT_NULL, domid, "report",
                                    &xpc_report_head_type, r, err);

    if (xs)
        xs_close(xs);
    /* It is stored in microseconds. */
    return ok && r->start_monotonic_ns + XPC_US > begun_ns;
}

static bool resume(libxl_ctx *ctx, uint32_t domid)
{
    static typeof(libxl_domain_resume) *real;

    if (!real)
        real = dlsym(RTLD_NEXT, "libxl_domain_resume");
    return real && !real(ctx, domid, 1, NULL);
}

static void handle_failure(libxl_ctx *ctx, uint32_t domid, uint64_t begun_ns)
{
    struct xpc_report r;
    const char *where;

    xpc_report_init(&r);
    if (!read_report(domid, begun_ns, &r))
        goto out;
    where = r.outcome == XPC_OUTCOME_SENT ?
                resume(ctx, domid) ? "the guest was resumed here" :
                                     "the guest is suspended here" :
            r.outcome == XPC_OUTCOME_REFUSED ? "the guest was not touched" :
            r.suspended_ns ? "the guest is being resumed here" :
            "the guest keeps running here";
    snprintf(why, sizeof(why), "%s; %s", r.outcome == XPC_OUTCOME_SENT ?
             "failed: after the guest's memory was sent" :
             r.text ? r.text : xpc_outcome_names[r.outcome], where);
    xpc_plain_line(why);

 out:
    xpc_report_dispose(&r);
}

int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *ao_how)
{
    static typeof(libxl_domain_suspend) *real;
    uint64_t begun_ns = clock_now_ns();
    int rc;

    *why = 0;
    if (!real)
        real = dlsym(RTLD_NEXT, "libxl_domain_suspend");
    if (!real)
        return ERROR_FAIL;
    rc = real(ctx, domid, fd, flags, ao_how);
    if (rc && flags & LIBXL_SUSPEND_LIVE && !ao_how)
        handle_failure(ctx, domid, begun_ns);
    return rc;
}

/* ---- libvirt's errors ---------------------------------------------------- */

/* Private to libvirt; the same in all versions since 1.0. */
typedef void report_fn(int domain, int code, const char *file,
                       const char *function, size_t line, const char *fmt,
                       ...);
report_fn virReportErrorHelper;

__attribute__((format(printf, 6, 7)))
void virReportErrorHelper(int domain, int code, const char *file,
                          const char *function, size_t line, const char *fmt,
                          ...)
{
    static report_fn *real;
    char text[1024];
    int saved = errno;
    va_list al;

    if (!real)
        real = (report_fn *)dlsym(RTLD_NEXT, "virReportErrorHelper");
    if (!real)
        return;
    va_start(al, fmt);
    vsnprintf(text, sizeof(text), fmt, al);
    va_end(al);
    if (*why)
        real(domain, code, file, function, line, "%s: %s", text, why);
    else
        real(domain, code, file, function, line, "%s", text);
    *why = 0;
    errno = saved;
}
