/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_SUPPORT_WELL_FORMED_H
#define TESTS_SUPPORT_WELL_FORMED_H

/*
 * Fails the test unless the text is well-formed XML, as far as pages need it:
 * elements are closed in their order, attributes are quoted, and < and & stand
 * for nothing else.
 */
void assert_well_formed(const char *text);

#endif
