/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl migrate-status prints. */
#ifndef XL_CONTROL_XL_STATUS_H
#define XL_CONTROL_XL_STATUS_H

#include "control/xl_control.h"

/* Several lines of text. */
void status_print(FILE *out, const struct control *c,
                  const struct control_state *st);
/* One line of JSON. */
void status_print_json(FILE *out, const struct control *c,
                       const struct control_state *st);
/* One line of text, without a newline. Returns buf. */
const char *status_line(const struct control *c,
                        const struct control_state *st, char *buf,
                        size_t len);
/* A string that changes when there is something new to show. malloc()ed. */
char *status_key(const struct control_state *st);

#endif
