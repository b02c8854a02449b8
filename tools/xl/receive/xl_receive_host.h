/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This host, as xl migrate-receive looks at it for xl_receive_check.h. */
#ifndef XL_RECEIVE_XL_RECEIVE_HOST_H
#define XL_RECEIVE_XL_RECEIVE_HOST_H

#include <libxl.h>

#include "receive/xl_receive_check.h"

/* Opened when it is first needed. All 0 initially. */
struct receive_host {
    libxl_ctx *ctx;
    xentoollog_logger *lg;
    struct check_host host;
    char boot_id[64];
};

const struct check_host *receive_host_open(struct receive_host *h);

/*
 * Tells the guest of this name, which has arrived, how long it stood still
 * (xen/notify.h).
 */
void receive_host_notify(struct receive_host *h, const char *name,
                         uint64_t stood_still_ns);

/* May be called repeatedly. */
void receive_host_close(struct receive_host *h);

#endif
