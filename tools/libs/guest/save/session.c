/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "save/session.h"

void save_session_init(struct save_session *s, xc_interface *xch, int io_fd,
                       uint32_t domid)
{
    struct save_context *ctx = &s->ctx;

    *s = (struct save_session){
        .ctx        = { .xch = xch, .domid = domid, .io_fd = io_fd },
        .claim      = { .ctx = ctx, .lock_fd = -1 },
        .control    = { .ctx = ctx, .slow = &s->slow },
        .dm_log     = { .ctx = ctx },
        .switchover = { .ctx = ctx },
        .gate       = { .ctx = ctx, .control = &s->control,
                        .switchover = &s->switchover },
        .flow       = { .ctx = ctx },
        .slow       = { .ctx = ctx },
        .writer     = { .flow = &s->flow, .skip = &s->skip },
        .notify     = { .ctx = ctx, .control = &s->control },
        .guard      = { .fd = -1 },
        .turn       = SAVE_TURN_INIT,
    };
}
