/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fuzz targets require; they have no test framework. */
#ifndef SUPPORT_FUZZ_H
#define SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run, and leaves the input behind, unless the condition is true. */
void fuzz_require(int condition, const char *what);
/* err is one line of plain text, shorter than XPC_ERR_LEN. */
void fuzz_require_line(const char *err);

#endif
