/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A save whose toolstack was killed.
 *
 * Nobody is left to tell the helper to stop, and as soon as it has something to
 * say to the toolstack, stock's helper exits in the middle of the save, with
 * log-dirty on. So a save ends as soon as its toolstack has ended, just as if
 * the toolstack had sent SIGTERM; and when the process exits, whatever is left
 * of the save is cleaned up.
 */
#ifndef SAVE_TOOLSTACK_WATCH_H
#define SAVE_TOOLSTACK_WATCH_H

/*
 * From now on this process's save ends with its parent. at_exit is called when
 * the process exits. Once per process.
 */
void save_toolstack_watch(void (*at_exit)(void));

#endif
