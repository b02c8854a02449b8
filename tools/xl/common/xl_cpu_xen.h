/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPU features of this host's Xen and its guests. */
#ifndef XL_COMMON_XL_CPU_XEN_H
#define XL_COMMON_XL_CPU_XEN_H

#include "common/xl_cpu.h"

/*
 * What the domain was given, and what an HVM or PVH guest can be given at
 * most here. Return 0, or -1: not known.
 */
int cpu_words_of_domain(uint32_t words_r[CPU_WORDS], uint32_t domid);
int cpu_words_of_host(uint32_t words_r[CPU_WORDS]);

#endif
