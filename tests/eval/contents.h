/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the pages hold that a recorded program writes: how well they compress,
 * and how many were written with what they held before.
 */
#ifndef CONTENTS_H
#define CONTENTS_H

#include <stdio.h>

#include "track.h"

struct contents;

/* Returns NULL with errno. */
struct contents *contents_new(void);
void contents_free(struct contents *c);

/*
 * Looks at the pages that a scan has found at now_ns. count: also counts them;
 * before, they are only remembered. Returns 0, or -1 with errno.
 */
int contents_look(struct contents *c, const struct track *t, uint64_t now_ns,
                  const uint32_t *pages, size_t nr, bool count);

/* Looks at the pages that were not written, and writes JSON. The same. */
int contents_write(struct contents *c, const struct track *t, FILE *f);

#endif
