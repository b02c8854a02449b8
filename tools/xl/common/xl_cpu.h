/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU features, as far as a guest can see them: words of CPUID in a fixed
 * order, the same for all versions of Xen.
 */
#ifndef XL_COMMON_XL_CPU_H
#define XL_COMMON_XL_CPU_H

#include <stddef.h>
#include <stdint.h>

#define CPU_WORDS 12
/* Room for cpu_words_put(): hexadecimal, with colons. */
#define CPU_TEXT_LEN (CPU_WORDS * 9 + 1)

/* As libxenctrl has them: a leaf, its subleaf, and its registers. */
struct cpu_leaf {
    uint32_t leaf, subleaf, a, b, c, d;
};

/* Of a list of leaves; what is not in it is 0. */
void cpu_words_from(uint32_t words_r[CPU_WORDS], const struct cpu_leaf *list,
                    size_t nr);

void cpu_words_put(char to[CPU_TEXT_LEN], const uint32_t words[CPU_WORDS]);
/* Fewer words are filled up with 0. Returns 0, or -1: it is none. */
int cpu_words_get(uint32_t words_r[CPU_WORDS], const char *text);

/*
 * Lists what the guest has and the host lacks, by the names of cpuid= in
 * xl.cfg(5), or by leaf, register and bit. Returns how many there are.
 */
unsigned int cpu_missing(const uint32_t guest[CPU_WORDS],
                         const uint32_t host[CPU_WORDS], char *buf,
                         size_t len);

#endif
