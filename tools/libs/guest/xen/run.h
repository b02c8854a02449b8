/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directory for sockets and locks: /run/xen-precopy, or what
 * XEN_PRECOPY_RUN names.
 */
#ifndef XEN_RUN_H
#define XEN_RUN_H

#include <xenprecopy/json.h>

const char *xen_run_path(void);

/*
 * Creates the directory if it is missing, and checks that it belongs to this
 * user and that nobody else has access. Returns a descriptor
 * (close-on-exec), or -1 with errno and one line in err.
 */
int xen_run_open(char err[XPC_ERR_LEN]);

#endif
