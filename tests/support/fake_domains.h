/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The domains of a host as libxl lists and names them, in place of libxl's own
 * functions. Each is called by the number that it has here.
 */
#ifndef TESTS_SUPPORT_FAKE_DOMAINS_H
#define TESTS_SUPPORT_FAKE_DOMAINS_H

#include <libxl.h>

#define FAKE_DOMAINS_MAX 320

extern struct fake_domain {
    const char *name;               /* NULL: none */
    libxl_dominfo info;             /* its domid is set when it is listed, and
                                     * the last byte of its UUID, too */
} fake_domains[FAKE_DOMAINS_MAX];
extern int nr_fake_domains;

/* There are none. */
void fake_domains_reset(void);

#endif
