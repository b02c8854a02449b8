/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the save plug-in (save/guard.h) and its guard (tools/xl/migrate) say to
 * each other: a byte each, over a socket.
 */
#ifndef XEN_SAVE_GUARD_H
#define XEN_SAVE_GUARD_H

/* The program, in the folder of the plug-in. Arguments: domid, toolstack. */
#define XEN_SAVE_GUARD "save-guard"

enum xen_save_guard_message {
    XEN_SAVE_GUARD_READY = 'r',     /* from the guard: it has started */
    XEN_SAVE_GUARD_ASKED = 'a',     /* the guest is about to be asked to
                                     * suspend */
    XEN_SAVE_GUARD_SUSPENDED = 's', /* it has suspended */
    XEN_SAVE_GUARD_FAILED = 'f',    /* the save failed, and its report is
                                     * written. The end of the file without
                                     * it: the helper was killed */
    XEN_SAVE_GUARD_COMPLETE = 'c',  /* all was sent: the target may come to run
                                     * the guest. The lock is to be released */
    XEN_SAVE_GUARD_DONE = 'd',      /* nothing is left to do */
};

/* The guard's descriptors: the plug-in, and the domain's lock. */
#define XEN_SAVE_GUARD_FD 0
#define XEN_SAVE_GUARD_LOCK_FD 3

#endif
