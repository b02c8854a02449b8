/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often a file is opened. */
#ifndef TESTS_SUPPORT_OPENS_H
#define TESTS_SUPPORT_OPENS_H

/* Returns a descriptor for the caller to close. */
int opens_watch(const char *path);
/* Since the last call. Reading is counted, writing is not. */
int opens_count(int watch);

#endif
