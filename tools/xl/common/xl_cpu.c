/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xl_cpu.h"

#define NO_SUBLEAF UINT32_MAX

/* Where each word is. New ones go to the end, which older ends ignore. */
static const struct {
    uint32_t leaf, subleaf;
    char reg;
} places[CPU_WORDS] = {
    { 0x1, NO_SUBLEAF, 'd' }, { 0x1, NO_SUBLEAF, 'c' },
    { 0x80000001, NO_SUBLEAF, 'd' }, { 0x80000001, NO_SUBLEAF, 'c' },
    { 0x7, 0, 'b' }, { 0x7, 0, 'c' }, { 0x7, 0, 'd' },
    { 0xd, 1, 'a' }, { 0x80000008, NO_SUBLEAF, 'b' }, { 0x7, 1, 'a' },
    { 0x80000021, NO_SUBLEAF, 'a' }, { 0x80000007, NO_SUBLEAF, 'd' },
};

/* Those that a guest's kernel or programs are most likely to use. */
static const struct {
    unsigned char word, bit;
    const char *name;
} names[] = {
    { 0, 26, "sse2" }, { 1, 0, "sse3" }, { 1, 1, "pclmulqdq" },
    { 1, 9, "ssse3" }, { 1, 12, "fma" }, { 1, 13, "cmpxchg16" },
    { 1, 19, "sse4.1" }, { 1, 20, "sse4.2" }, { 1, 21, "x2apic" },
    { 1, 22, "movbe" }, { 1, 23, "popcnt" }, { 1, 25, "aes" },
    { 1, 26, "xsave" }, { 1, 28, "avx" }, { 1, 29, "f16c" },
    { 1, 30, "rdrand" }, { 2, 11, "syscall" }, { 2, 20, "nx" },
    { 2, 26, "page1gb" }, { 2, 27, "rdtscp" }, { 2, 29, "lm" },
    { 3, 0, "lahfsahf" }, { 3, 5, "abm" }, { 3, 6, "sse4a" },
    { 3, 11, "xop" }, { 3, 16, "fma4" }, { 4, 0, "fsgsbase" },
    { 4, 3, "bmi1" }, { 4, 4, "hle" }, { 4, 5, "avx2" }, { 4, 7, "smep" },
    { 4, 8, "bmi2" }, { 4, 9, "erms" }, { 4, 10, "invpcid" },
    { 4, 11, "rtm" }, { 4, 16, "avx512f" }, { 4, 17, "avx512dq" },
    { 4, 18, "rdseed" }, { 4, 19, "adx" }, { 4, 20, "smap" },
    { 4, 21, "avx512-ifma" }, { 4, 23, "clflushopt" }, { 4, 24, "clwb" },
    { 4, 28, "avx512cd" }, { 4, 29, "sha" }, { 4, 30, "avx512bw" },
    { 4, 31, "avx512vl" }, { 5, 1, "avx512-vbmi" }, { 5, 2, "umip" },
    { 5, 3, "pku" }, { 5, 9, "vaes" }, { 5, 10, "vpclmulqdq" },
    { 6, 26, "ibrsb" }, { 6, 27, "stibp" }, { 6, 31, "ssbd" },
    { 7, 0, "xsaveopt" }, { 7, 1, "xsavec" }, { 7, 3, "xsaves" },
    { 8, 12, "ibpb" }, { 8, 24, "amd-ssbd" },
};

static uint32_t reg_of(const struct cpu_leaf *l, char reg)
{
    return reg == 'a' ? l->a : reg == 'b' ? l->b : reg == 'c' ? l->c : l->d;
}

/*
 * AMD's processors repeat these bits of leaf 1 in leaf 0x80000001, for guests
 * only: what Xen says of the host does not have them twice.
 */
#define WORD_REPEATS 2
#define REPEATED 0x0183f3ffu

void cpu_words_from(uint32_t words_r[CPU_WORDS], const struct cpu_leaf *list,
                    size_t nr)
{
    memset(words_r, 0, CPU_WORDS * sizeof(*words_r));
    for (size_t i = 0; i < nr; i++) {
        for (size_t w = 0; w < CPU_WORDS; w++) {
            if (list[i].leaf == places[w].leaf &&
                list[i].subleaf == places[w].subleaf)
                words_r[w] = reg_of(&list[i], places[w].reg);
        }
    }
    words_r[WORD_REPEATS] &= ~REPEATED;
}

void cpu_words_put(char to[CPU_TEXT_LEN], const uint32_t words[CPU_WORDS])
{
    for (size_t w = 0; w < CPU_WORDS; w++)
        to += sprintf(to, "%s%08x", w ? ":" : "", words[w]);
}

int cpu_words_get(uint32_t words_r[CPU_WORDS], const char *text)
{
    char *end;

    memset(words_r, 0, CPU_WORDS * sizeof(*words_r));
    for (size_t w = 0; w < CPU_WORDS; w++) {
        words_r[w] = strtoul(text, &end, 16);
        if (end != text + 8 || (*end && *end != ':'))
            return -1;
        if (!*end)
            return 0;
        text = end + 1;
    }
    return 0;       /* a later version's has more */
}

static const char *find_name(size_t word, unsigned int bit)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].word == word && names[i].bit == bit)
            return names[i].name;
    }
    return NULL;
}

static void add_feature(char *buf, size_t len, size_t word, unsigned int bit)
{
    const char *name = find_name(word, bit);
    size_t n = strlen(buf);

    if (name)
        snprintf(buf + n, len - n, "%s%s", n ? ", " : "", name);
    else
        snprintf(buf + n, len - n, "%s%x:e%cx:%u", n ? ", " : "",
                 places[word].leaf, places[word].reg, bit);
}

unsigned int cpu_missing(const uint32_t guest[CPU_WORDS],
                         const uint32_t host[CPU_WORDS], char *buf,
                         size_t len)
{
    unsigned int nr = 0;

    *buf = 0;
    for (size_t w = 0; w < CPU_WORDS; w++) {
        uint32_t missing = guest[w] & ~host[w];

        for (unsigned int bit = 0; bit < 32; bit++) {
            if (missing & (UINT32_C(1) << bit)) {
                add_feature(buf, len, w, bit);
                nr++;
            }
        }
    }
    return nr;
}
