/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <xenprecopy/xenprecopy.h>

#include "core/zero.h"

#define LINE 64
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

/* Prefetch a group of lines this many bytes ahead. */
#define PREFETCH_AHEAD XPC_PAGE_SIZE
#define GROUP (4 * LINE)
/* Prefetch the first line of a page this many pages ahead. */
#define FIRST_AHEAD 4

/*
 * Most pages with data have some at their beginning, middle or end. Three reads
 * identify these without reading the whole page.
 */
static inline bool looks_zero(const void *page)
{
    const word *p = page;
    const size_t last = XPC_PAGE_SIZE / sizeof(*p) - 1;

    return !(p[0] | p[last / 2] | p[last]);
}

/*
 * Defines a version. any(p) says whether a GROUP of bytes contains one that is
 * not zero. The hardware prefetcher stops at the end of a page, so the next
 * page is prefetched while this one is read.
 */
#define VERSION(fn_name, any, ...)                                           \
__VA_ARGS__ static bool fn_name##_page(const char *p)                        \
{                                                                            \
    for (size_t i = 0; i < XPC_PAGE_SIZE; i += GROUP) {                      \
        for (size_t j = 0; j < GROUP; j += LINE)                             \
            __builtin_prefetch(p + i + j + PREFETCH_AHEAD);                  \
        if (any(p + i))                                                      \
            return false;                                                    \
    }                                                                        \
    return true;                                                             \
}                                                                            \
                                                                             \
static void fn_name(const void *const *page, size_t nr, bool *zero_r)        \
{                                                                            \
    for (size_t i = 0; i < nr; i++) {                                        \
        if (i + FIRST_AHEAD < nr)                                            \
            __builtin_prefetch(page[i + FIRST_AHEAD]);                       \
        zero_r[i] = looks_zero(page[i]) && fn_name##_page(page[i]);          \
    }                                                                        \
}

static inline bool any_word(const char *p)
{
    const word *q = (const word *)p;
    uint64_t sum = 0;

    for (size_t i = 0; i < GROUP / sizeof(*q); i++)
        sum |= q[i];
    return sum;
}
VERSION(zero_words, any_word)

#ifdef __x86_64__

static inline bool any_sse2(const char *p)
{
    const __m128i *q = (const __m128i *)p;
    __m128i sum = _mm_setzero_si128();

    for (size_t i = 0; i < GROUP / sizeof(*q); i++)
        sum = _mm_or_si128(sum, _mm_loadu_si128(q + i));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(sum, _mm_setzero_si128())) !=
           0xffff;
}
VERSION(zero_sse2, any_sse2)

__attribute__((target("avx2")))
static inline bool any_avx2(const char *p)
{
    const __m256i *q = (const __m256i *)p;
    __m256i sum = _mm256_setzero_si256();

    for (size_t i = 0; i < GROUP / sizeof(*q); i++)
        sum = _mm256_or_si256(sum, _mm256_loadu_si256(q + i));
    return !_mm256_testz_si256(sum, sum);
}
VERSION(zero_avx2, any_avx2, __attribute__((target("avx2"))))

__attribute__((target("avx512f")))
static inline bool any_avx512(const char *p)
{
    const __m512i *q = (const __m512i *)p;
    __m512i sum = _mm512_setzero_si512();

    for (size_t i = 0; i < GROUP / sizeof(*q); i++)
        sum = _mm512_or_si512(sum, _mm512_loadu_si512(q + i));
    return _mm512_test_epi64_mask(sum, sum);
}
VERSION(zero_avx512, any_avx512, __attribute__((target("avx512f"))))

#endif

size_t xpc_zero_versions(struct xpc_zero_version to[XPC_ZERO_VERSIONS_MAX])
{
    size_t n = 0;

    to[n++] = (struct xpc_zero_version){ "words", zero_words };
#ifdef __x86_64__
    to[n++] = (struct xpc_zero_version){ "sse2", zero_sse2 };
    if (__builtin_cpu_supports("avx2"))
        to[n++] = (struct xpc_zero_version){ "avx2", zero_avx2 };
    if (__builtin_cpu_supports("avx512f"))
        to[n++] = (struct xpc_zero_version){ "avx512", zero_avx512 };
#endif
    return n;
}

static xpc_zero_fn *widest;

__attribute__((constructor))
static void select_version(void)
{
    struct xpc_zero_version v[XPC_ZERO_VERSIONS_MAX];

    widest = v[xpc_zero_versions(v) - 1].fn;
}

void xpc_zero_pages(const void *const *page, size_t nr, bool *zero_r)
{
    widest(page, nr, zero_r);
}
