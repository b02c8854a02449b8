/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all functions named _from_json share. */
#ifndef LIBXL_PRECOPY_TYPES_H
#define LIBXL_PRECOPY_TYPES_H

/*
 * Turns the result r of a reader (0, or -1 with errno) into a libxl error, and
 * keeps err for libxl_precopy_json_error(). Returns 0 for 0.
 */
int libxl__precopy_json_result(int r, const char *err);

#endif
