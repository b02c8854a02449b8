/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl's control commands on the migration of domain 7, "g1": a helper process,
 * a xenstore (fake_xenstore.h), and the functions of libxl that the commands
 * call. Programs that use it call fake_helper_main() first.
 */
#ifndef TESTS_SUPPORT_CONTROL_FIXTURE_H
#define TESTS_SUPPORT_CONTROL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The parameters with which the migration begins. */
#define CONTROL_PARAMS "{\"downtime-ms\":300,\"duration-ms\":60000," \
                       "\"once\":true,\"device-model\":\"no\"}"

/* The domain as libxl reports it. */
extern struct control_domain {
    bool gone, suspended, shut, renamed;
    bool broken;                /* Xen can't be asked */
    int looks;                      /* calls of libxl_domain_info() */
    void (*on_look[8])(void);       /* called before the nth answer */
} domain;

/* Both outputs of the last command. */
extern char xl_out[8192];

/* For cmocka: a migration in its first iteration. */
int control_setup(void **state);
int control_teardown(void **state);

/* The process that saves the domain. */
pid_t control_helper(void);

/* Runs a command line, without "xl". Returns its exit status. */
int run_xl(const char *line);
/* The same, with outputs to which nothing can be written. */
int run_xl_full(const char *line);

/* Fails unless the last command's output contains part. */
void assert_out(const char *part);
/* The number of lines of that output. */
size_t out_lines(void);

/* What may happen during a migration, also as a hook of the domain. */
void control_publish_iteration(void);   /* publishes the second iteration */
void control_end(const char *outcome, const char *text);
void control_sent(void);            /* all is sent, the guest is suspended */
void control_gone(void);            /* the target has taken the guest over */

#endif
