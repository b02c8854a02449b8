/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-predict. */
#ifndef XL_PREDICT_XL_MIGRATE_PREDICT_H
#define XL_PREDICT_XL_MIGRATE_PREDICT_H

/* Returns the exit status. */
int cmd_migrate_predict(int argc, char **argv);

#endif
