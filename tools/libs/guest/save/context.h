/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every part of the plug-in knows of the save under way. Parts hold a
 * pointer to it; the session (save/session.h) owns it.
 *
 * It is for the main thread. The plug-in's other threads share nothing with
 * it but what their own headers say.
 */
#ifndef SAVE_CONTEXT_H
#define SAVE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>
#include <xenguest.h>
#include <xenstore.h>

#include <xenprecopy/xenprecopy.h>

#include "core/policy.h"

struct save_context {
    xc_interface *xch;
    struct xs_handle *xs;       /* NULL: xenstore is not to be told */
    uint32_t domid;
    int io_fd;                  /* the stream */
    bool hvm;                   /* HVM or PVH */
    const struct save_callbacks *stock;     /* the toolstack's */
    struct xpc_params params;
    struct xpc_engine engine;
    struct xpc_report report;
    bool live;                  /* precopy is under way */
    bool ours;                  /* our toolstack has given the parameters, and
                                 * tells its user what became of them */
    bool orphaned;              /* the toolstack is gone: log nothing */
};

/* The time since the save began, in ns. */
uint64_t save_since_start_ns(const struct save_context *ctx);

/*
 * Has the toolstack asked for the save to end? On SIGTERM stock's helper
 * replaces the stream by a descriptor that can only be read.
 */
bool save_is_stopped(const struct save_context *ctx);

/*
 * Logs one line in the toolstack's log, and in the system's if the toolstack is
 * not ours: it may keep its log to itself.
 */
__attribute__((format(printf, 2, 3)))
void save_log(struct save_context *ctx, const char *fmt, ...);

/* XPC_ZERO_PAGES_AUTO without channels is XPC_ZERO_PAGES_SEND. */
void save_settle_zero_pages(struct xpc_params *p);

/* Frees *text and replaces it by a copy of value. */
void save_set_text(char **text, const char *value);

#endif
