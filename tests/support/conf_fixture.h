/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An administrator's file for tests. */
#ifndef TESTS_SUPPORT_CONF_FIXTURE_H
#define TESTS_SUPPORT_CONF_FIXTURE_H

/*
 * Makes the code under test read this text instead of the host's file, until
 * the next call. Returns the path, a static string.
 */
const char *conf_fixture_use(const char *text);

#endif
