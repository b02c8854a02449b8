/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constants of stock xl's migration protocol that more than one file needs.
 */
#ifndef XL_MIGRATE_XL_PROTOCOL_H
#define XL_MIGRATE_XL_PROTOCOL_H

/* Prefixes of the messages of both ends, as stock's. */
#define SENDER "migration sender: "
#define RECEIVER "migration target: "

/* What the receiver sends first. */
#define MIGRATE_BANNER \
    "xl migration receiver ready, send binary domain data.\n"
/* Size of the header with which a stock source begins. */
#define MIGRATE_HEADER_SIZE 48

/* Suffix of the domain's name on the source once the guest is suspended. */
#define MIGRATE_AWAY "--migratedaway"
/* Suffix of its name on the target until it is started. */
#define MIGRATE_INCOMING "--incoming"

#endif
