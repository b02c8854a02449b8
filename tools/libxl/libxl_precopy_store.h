/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access to xenstore for the functions of libxl_precopy.h. */
#ifndef LIBXL_PRECOPY_STORE_H
#define LIBXL_PRECOPY_STORE_H

#include "libxl_precopy.h"
#include "xen/store.h"

/* Returns 0, or -1 with errno. */
typedef int libxl__precopy_store_fn(struct xs_handle *xs, uint32_t domid,
                                    void *obj);

/*
 * Calls fn with a xenstore handle of its own. Returns 0, ERROR_NOTFOUND for
 * ENOENT, else ERROR_FAIL.
 */
int libxl__precopy_store(uint32_t domid, libxl__precopy_store_fn *fn,
                         void *obj);

#endif
