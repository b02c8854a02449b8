/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells whether two programs run on the same host. */
#ifndef XL_COMMON_XL_BOOT_ID_H
#define XL_COMMON_XL_BOOT_ID_H

#include <stddef.h>

/* Reads the identity of this kernel's boot; "" if it is not known. */
void boot_id_read(char *buf, size_t len);

#endif
