/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include <xenprecopy/xenprecopy.h>

#include "sources/process/register.h"

int process_register(int uffd, uint64_t start, uint64_t nr_pages)
{
    struct uffdio_register reg = {
        .range = { .start = start, .len = nr_pages * XPC_PAGE_SIZE },
        .mode = UFFDIO_REGISTER_MODE_WP,
    };

    return ioctl(uffd, UFFDIO_REGISTER, &reg) ? -1 : 0;
}
