/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* _init, _dispose, _to_json and _from_json in libxl's style. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json/migration.h"
#include "libxl_precopy.h"
#include "libxl_precopy_types.h"

static _Thread_local char json_error[XPC_ERR_LEN];

int libxl__precopy_json_result(int r, const char *err)
{
    int rc = !r ? 0 : errno == ENOMEM ? ERROR_NOMEM : ERROR_INVAL;

    snprintf(json_error, sizeof(json_error), "%s", rc ? err : "");
    return rc;
}

const char *libxl_precopy_json_error(void)
{
    return json_error;
}

static int from_json(const struct xpc_type *type, void *obj, const char *s)
{
    char err[XPC_ERR_LEN];
    int r = xpc_from_json(type, obj, s, strlen(s), err);

    return libxl__precopy_json_result(r, err);
}

void libxl_precopy_params_init(libxl_precopy_params *p)
{
    xpc_params_init(p);
}

void libxl_precopy_params_dispose(libxl_precopy_params *p)
{
    xpc_dispose(&xpc_params_type, p);
}

char *libxl_precopy_params_to_json(libxl_ctx *ctx,
                                   const libxl_precopy_params *p)
{
    (void)ctx;
    return xpc_to_json(&xpc_params_type, p, true);
}

int libxl_precopy_params_from_json(libxl_ctx *ctx, libxl_precopy_params *p,
                                   const char *s)
{
    (void)ctx;
    return from_json(&xpc_params_type, p, s);
}

void libxl_precopy_report_init(libxl_precopy_report *p)
{
    xpc_report_init(p);
}

void libxl_precopy_report_dispose(libxl_precopy_report *p)
{
    xpc_report_dispose(p);
}

char *libxl_precopy_report_to_json(libxl_ctx *ctx,
                                   const libxl_precopy_report *p)
{
    (void)ctx;
    return xpc_to_json(&xpc_report_type, p, true);
}

int libxl_precopy_report_from_json(libxl_ctx *ctx, libxl_precopy_report *p,
                                   const char *s)
{
    (void)ctx;
    return from_json(&xpc_report_type, p, s);
}
