/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/error.h>

#include "support/fuzz.h"

void fuzz_require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

void fuzz_require_line(const char *err)
{
    size_t len = strlen(err);

    fuzz_require(len > 0 && len < XPC_ERR_LEN, "an error has a line");
    for (size_t i = 0; i < len; i++)
        fuzz_require((unsigned char)err[i] >= 0x20 && err[i] != 0x7f,
                     "the line is one plain line");
}
