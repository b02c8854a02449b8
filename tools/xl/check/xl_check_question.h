/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest needs of a target, as a question (channels/question.h). */
#ifndef XL_CHECK_XL_CHECK_QUESTION_H
#define XL_CHECK_XL_CHECK_QUESTION_H

#include <libxl.h>

#include "channels/question.h"

/*
 * Asks for what the guest's configuration names: disks, bridges, hotplug
 * scripts, the device model. What another domain provides is left out, and so
 * is what only its hotplug script knows how to find.
 */
void check_ask_devices(struct question *q, const libxl_domain_config *config);

/*
 * Asks for everything that a migration needs of its target and that is quickly
 * known. config is the JSON that will be sent. What can't be found out here is
 * left out. name may be NULL.
 */
void check_ask_needs(struct question *q, libxl_ctx *ctx, uint32_t domid,
                     const char *name, const char *config);

/* Asks for Xen's version, the guest's CPU features and the clock. */
void check_ask_host(struct question *q, libxl_ctx *ctx, uint32_t domid);

#endif
