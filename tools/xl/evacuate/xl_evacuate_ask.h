/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl says on a target. */
#ifndef XL_EVACUATE_XL_EVACUATE_ASK_H
#define XL_EVACUATE_XL_EVACUATE_ASK_H

#include <xenprecopy/error.h>

#include "evacuate/xl_evacuate_guests.h"

/*
 * Runs xl with this question there, for at most a minute. Returns what it
 * prints, malloc()ed and terminated; or NULL with one line in err, and errno
 * EINTR if interrupt_fd (-1: none) became readable meanwhile.
 */
char *evacuate_ask(const struct evacuation *e, const char *host,
                   const char *question, int interrupt_fd,
                   char err[XPC_ERR_LEN]);

#endif
