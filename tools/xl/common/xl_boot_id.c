/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/xl_boot_id.h"

void boot_id_read(char *buf, size_t len)
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

    *buf = 0;
    if (f && fgets(buf, len, f))
        buf[strcspn(buf, "\n")] = 0;
    if (f)
        fclose(f);
}
