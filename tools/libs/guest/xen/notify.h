/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest is told of its migration, in its own part of xenstore, which it
 * may read and write as it likes:
 *
 *   /local/domain/<domid>/data/precopy/event           "precopy": copying is
 *                                     about to begin. "suspend": so is the
 *                                     suspend. "over": it runs on, here or on
 *                                     the other host
 *                                     /stood-still-ms  with "over": for how
 *                                     long it stood still
 *                                     /acknowledged    written by the guest:
 *                                     "yes", in answer to the event. Removed
 *                                     before each event
 *
 * Nothing else that the guest writes is read, and what it writes there is only
 * compared with that word.
 */
#ifndef XEN_NOTIFY_H
#define XEN_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include <xenstore.h>

#define XEN_NOTIFY_PRECOPY "precopy"
#define XEN_NOTIFY_SUSPEND "suspend"
#define XEN_NOTIFY_OVER "over"

#define XEN_NOTIFY_PATH_LEN 80

/* "/local/domain/<domid>/data/precopy/<leaf>". Returns buf. */
const char *xen_notify_path(char buf[XEN_NOTIFY_PATH_LEN], uint32_t domid,
                            const char *leaf);

/* Tells the guest of an event. Returns 0, or -1 with errno. */
int xen_notify_tell(struct xs_handle *xs, uint32_t domid, const char *event);

bool xen_notify_acknowledged(struct xs_handle *xs, uint32_t domid);

/*
 * Tells a guest that was told of its migration that it is over. A guest that
 * was not, or is no more, gets nothing.
 */
void xen_notify_over(struct xs_handle *xs, uint32_t domid,
                     uint64_t stood_still_ns);

/* The same for a guest that has just arrived on this host. */
void xen_notify_arrived(struct xs_handle *xs, uint32_t domid,
                        uint64_t stood_still_ns);

#endif
