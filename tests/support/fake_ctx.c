/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A context of libxl without Xen, in place of libxl's own functions. */
#include <libxl_event.h>

static char nothing;

int libxl_ctx_alloc(libxl_ctx **ctx_r, int version, unsigned int flags,
                    xentoollog_logger *lg)
{
    (void)version;
    (void)flags;
    (void)lg;
    *ctx_r = (libxl_ctx *)&nothing;
    return 0;
}

int libxl_ctx_free(libxl_ctx *ctx)
{
    (void)ctx;
    return 0;
}

void libxl_childproc_setmode(libxl_ctx *ctx,
                             const libxl_childproc_hooks *hooks, void *user)
{
    (void)ctx;
    (void)hooks;
    (void)user;
}
