/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the administrator's file is, and who may have written it. */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "conf/file.h"

/* Names another file. It must then exist. */
#define CONF_ENV "XEN_PRECOPY_CONF"
/* The one that is in force. Others are for tests. */
extern const char *conf_path;
/* The largest file. */
#define CONF_BYTES_MAX (256u << 10)

/*
 * Reads a file; path NULL: the one that is in force, which may be missing.
 * Returns 0, or -1 with one line in err that begins with the path and, for a
 * line, its number. The caller disposes of *f_r in either case.
 */
int conf_load(struct conf_file *f_r, const char *path,
              char err[XPC_ERR_LEN]);

#endif
