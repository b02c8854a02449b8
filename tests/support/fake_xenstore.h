/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A xenstore in the test's memory, in place of libxenstore's functions.
 *
 * There is one transaction at a time. All watches belong to one connection,
 * and any change fires all of them.
 */
#ifndef TESTS_SUPPORT_FAKE_XENSTORE_H
#define TESTS_SUPPORT_FAKE_XENSTORE_H

#include <stdbool.h>
#include <stddef.h>

#include <xenstore.h>

/* Where the parameters and the progress of domain 7's migration are. */
#define PRECOPY "/libxl/7/precopy/"

/* What the test sets and looks at. */
extern struct fake_store {
    bool gone;                      /* xs_open() fails */
    int refusals;                   /* that many calls of it fail */
    const char *unreadable;         /* xs_read() of this path fails: EIO */
    int conflicts;                  /* that many transactions fail */
    unsigned int reads, writes;     /* calls of xs_read() and xs_write() */
    void (*on_read)(const char *path);  /* called before each xs_read() */
    void (*on_transaction)(void);   /* called once, as one begins */
    void (*on_commit)(void);        /* called once, before one is committed */
    void (*on_directory)(const char *path); /* after each xs_directory() */
} store;

#define STORE_NODES 256

/* Returns the path of the i-th of STORE_NODES places, or NULL: it is free. */
const char *store_path(size_t i);
/* Returns the value of a node, valid until it is changed; NULL: none. */
const char *store_get(const char *path);
/* Sets a node without counting a write. value is copied; NULL: removes it. */
void store_set(const char *path, const char *value);
/* Frees everything: all nodes, the watch, and the fields of store. */
void store_reset(void);

#endif
