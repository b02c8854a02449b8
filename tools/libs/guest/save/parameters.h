/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which parameters a save is to keep to. */
#ifndef SAVE_PARAMETERS_H
#define SAVE_PARAMETERS_H

#include <xenprecopy/error.h>

#include "save/session.h"

/*
 * Reads the parameters that our toolstack has left for this save; or else what
 * the administrator's file and xenstore say for all saves. Sets the context's
 * parameters, and in the report where they come from. Returns 1; 0: there are
 * none; or -1 with one line in err.
 */
int save_read_parameters(struct save_session *s, char err[XPC_ERR_LEN]);

#endif
