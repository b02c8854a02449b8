/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that can open few files more.
 */
#ifndef TESTS_SUPPORT_FEW_FILES_H
#define TESTS_SUPPORT_FEW_FILES_H

/* Until few_files_end(), opening fails with EMFILE once that many more are. */
void few_files(int more);
void few_files_end(void);

#endif
