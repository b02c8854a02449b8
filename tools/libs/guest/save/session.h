/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A save with a policy: the context that its parts share, and the parts. The
 * save helper makes one save per process.
 */
#ifndef SAVE_SESSION_H
#define SAVE_SESSION_H

#include "save/claim.h"
#include "save/context.h"
#include "save/control.h"
#include "save/dm_log.h"
#include "save/guard.h"
#include "save/notify.h"
#include "save/sampler.h"
#include "save/skip.h"
#include "save/slow.h"
#include "save/stream/flow.h"
#include "save/stream/gate.h"
#include "save/stream/sink.h"
#include "save/stream/writer.h"
#include "save/suspend_time.h"
#include "save/switchover.h"
#include "save/turn.h"
#include "save/workset.h"

struct save_session {
    struct save_context ctx;
    struct save_claim claim;
    struct save_control control;
    struct save_dm_log dm_log;
    struct save_switchover switchover;
    struct save_gate gate;
    struct save_flow flow;
    struct save_writer writer;
    struct save_skip skip;
    struct save_slow slow;
    struct save_notify notify;
    struct save_guard guard;            /* none for a toolstack of ours */
    struct save_turn turn;              /* to send the last pages */
    struct save_sampler *sampler;       /* NULL: it could not start */
    struct xpc_workset workset;
    bool standing;              /* the parameters are from the leaf "params" */
    bool find_zero_pages;       /* XPC_ZERO_PAGES_AUTO was asked for */
    uint64_t clean_ns;          /* when the bitmap was last cleaned */
    /* What had been written when the iteration, or the switchover, began. */
    struct channel_count iteration_begin, suspend_begin;
    uint64_t iteration_wire_bytes;
    uint64_t iteration_skipped; /* pages left out before the iteration */
    /* The last iteration; published when the guest runs again. */
    struct xpc_iteration last;
    bool last_pending;
    bool handed_over;           /* the toolstack suspends the guest */
    struct suspend_time *suspend_time;      /* meanwhile; may be NULL */
};

/* Connects the parts. Nothing is allocated or started. */
void save_session_init(struct save_session *s, xc_interface *xch, int io_fd,
                       uint32_t domid);

#endif
