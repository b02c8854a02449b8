/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A save whose toolstack was killed. Nobody is left to tell the helper to
 * stop, and to whoever it has something to say: stock's helper then exits in
 * the middle of the save, with log-dirty on. So the save is ended at once, as
 * by the toolstack's own SIGTERM, and an exit cleans up.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "save/session.h"
#include "xen/logdirty.h"

static pid_t toolstack;

/*
 * It comes too when only the thread that started us has ended. SIGTERM makes
 * the stream unwritable, see stock's helper.
 */
static void parent_died(int sig)
{
    int saved = errno;

    (void)sig;
    if (getppid() != toolstack)
        raise(SIGTERM);
    errno = saved;
}

static void exiting(void)
{
    struct save_ctx *ctx = save_active;

    if (!ctx)
        return;
    save_activate(NULL);
    /* A word to the toolstack would make the helper exit in its exit. */
    ctx->orphaned = true;
    xen_logdirty_off(ctx->domid);
    save_dm_log_end(ctx);
    save_conclude(ctx, -1, EPIPE);
    save_finish(ctx);
}

void save_toolstack_watch(void)
{
    /*
     * When it was only a thread, nothing is to be noticed of it; and a stream
     * that has become unwritable is so when a write is begun anew, too.
     */
    struct sigaction sa = {
        .sa_handler = parent_died, .sa_flags = SA_RESTART,
    };

    toolstack = getppid();
    atexit(exiting);
    sigaction(SIGUSR2, &sa, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    if (getppid() != toolstack)
        raise(SIGTERM);
}
