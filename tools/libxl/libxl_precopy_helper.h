/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The save helper that libxl will run. */
#ifndef LIBXL_PRECOPY_HELPER_H
#define LIBXL_PRECOPY_HELPER_H

#include "libxl_precopy.h"

/*
 * Checks that the helper will keep to these parameters, by running it (see
 * xen/probe.h). A helper that is not ours (LIBXL_SAVE_HELPER) is not run if
 * the parameters ask for nothing but what stock does; NULL asks for nothing.
 * Returns 0, or ERROR_FAIL with one line in err (LIBXL_PRECOPY_ERR_LEN).
 */
int libxl__precopy_check_helper(const libxl_precopy_params *params,
                                char *err);

#endif
