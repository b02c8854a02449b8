/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is configured for the migrations that xl migrate-predict predicts. */
#ifndef XL_PREDICT_XL_PREDICT_CONF_H
#define XL_PREDICT_XL_PREDICT_CONF_H

#include "conf/file.h"
#include "predict/xl_predict_options.h"

/*
 * Adds to *o what precopy.conf and xenstore set for a domain and the command
 * line does not, and says on standard error where it comes from. name: of the
 * domain, for the file and the message; here: its name or number if it is on
 * this host. Both may be NULL. Returns 0, or -1 with one line in err.
 */
int predict_conf_apply(struct predict_options *o, const struct conf_file *f,
                       const char *name, const char *here,
                       char err[XPC_ERR_LEN]);

/* Are two that were the same before the same with what was added? */
bool predict_conf_same(const struct predict_options *a,
                       const struct predict_options *b);

#endif
