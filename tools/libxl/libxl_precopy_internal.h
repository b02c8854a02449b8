/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the add-on share. */
#ifndef LIBXL_PRECOPY_INTERNAL_H
#define LIBXL_PRECOPY_INTERNAL_H

#include "libxl_precopy.h"
#include "xen/store.h"

/* Returns 0, or -1 with errno. */
typedef int libxl__precopy_store_fn(struct xs_handle *xs, uint32_t domid,
                                    void *obj);

/*
 * Calls fn with a xenstore handle. Returns 0, ERROR_NOTFOUND for ENOENT, or
 * ERROR_FAIL.
 */
int libxl__precopy_store(uint32_t domid, libxl__precopy_store_fn *fn,
                         void *obj);

/*
 * Will the save helper that libxl is going to run keep to these parameters?
 * It is run to find out, see xen/probe.h. Nothing is asked of a foreign one
 * (LIBXL_SAVE_HELPER) if the parameters, or NULL, ask for nothing that stock
 * does not do. Returns 0, or ERROR_FAIL with one line in err
 * (LIBXL_PRECOPY_ERR_LEN).
 */
int libxl__precopy_check_helper(const libxl_precopy_params *params,
                                char *err);

/*
 * The end of every _from_json: 0, or for r not 0 the libxl error for errno,
 * with err kept for libxl_precopy_json_error().
 */
int libxl__precopy_json_result(int r, const char *err);

#endif
