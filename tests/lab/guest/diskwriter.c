// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest program that must not lose a write.
 *
 *   diskwriter DEVICE RATE
 *
 * Writes numbered records (disk.h), RATE a second, each with O_DIRECT and
 * O_DSYNC. When the disk has acknowledged one, prints "disk NUMBER" on the
 * console, which dom0 logs: the log outlives the guest.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xen/arch-x86/cpuid.h>

#include "disk.h"

/*
 * Asked of Xen anew for every record, and without xenstore: a copy that runs
 * though it must not would not get an answer there.
 */
static uint32_t own_domid(void)
{
    unsigned int base, eax, ebx, ecx, edx;

    for (base = XEN_CPUID_FIRST_LEAF; base < XEN_CPUID_FIRST_LEAF + 0x10000;
         base += 0x100) {
        __cpuid(base, eax, ebx, ecx, edx);
        if (ebx != XEN_CPUID_SIGNATURE_EBX)
            continue;
        __cpuid_count(base + 4, 0, eax, ebx, ecx, edx);
        if (eax & XEN_HVM_CPUID_DOMID_PRESENT)
            return ecx;
        break;
    }
    fprintf(stderr, "diskwriter: Xen does not tell the domain's id\n");
    exit(1);
}

static void make_record(struct disk_record *r, uint64_t number)
{
    r->magic = DISK_MAGIC;
    r->number = number;
    r->domid = own_domid();
    r->sum = disk_sum(number, r->domid);
    for (unsigned int i = 0; i < DISK_FILL; i++)
        r->fill[i] = r->sum;
}

/* The device may appear some time after its driver was loaded. */
static int open_disk(const char *path)
{
    const struct timespec tick = { .tv_nsec = 50 * 1000000 };
    int fd;

    for (int i = 0; i < 400; i++) {
        fd = open(path, O_RDWR | O_DIRECT | O_DSYNC);
        if (fd >= 0)
            return fd;
        nanosleep(&tick, NULL);
    }
    fprintf(stderr, "diskwriter: %s: %s\n", path, strerror(errno));
    exit(1);
}

int main(int argc, char **argv)
{
    struct disk_record *r = NULL;
    struct timespec pause;
    uint64_t number, sectors;
    long rate;
    int fd;

    if (argc != 3) {
        fprintf(stderr, "usage: diskwriter DEVICE RATE\n");
        return 2;
    }
    rate = atol(argv[2]);
    if (rate < 2)
        rate = 50;
    pause = (struct timespec){ .tv_nsec = 1000000000L / rate };
    fd = open_disk(argv[1]);
    sectors = lseek(fd, 0, SEEK_END) / DISK_SECTOR;
    r = aligned_alloc(4096, 4096);
    if (!r || !sectors)
        return 1;
    for (number = 1;; number++) {
        uint64_t place;

        make_record(r, number);
        place = disk_place(number, r->domid, sectors);
        if (pwrite(fd, r, sizeof(*r), place * DISK_SECTOR) != sizeof(*r)) {
            fprintf(stderr, "diskwriter: record %llu: %s\n",
                    (unsigned long long)number, strerror(errno));
            return 1;
        }
        printf("disk %llu\n", (unsigned long long)number);
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
}
