/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A xenstore in the test's own memory, in place of libxenstore's functions.
 * One transaction at a time. The watches of one connection are one, which any
 * change fires.
 */
#ifndef TESTS_SUPPORT_FAKE_XENSTORE_H
#define TESTS_SUPPORT_FAKE_XENSTORE_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <xenstore.h>

#include "support/torture.h"

#define FAKE_NODES 256

struct fake_node {
    char *path, *value;     /* path NULL: free */
};

static struct {
    struct fake_node node[FAKE_NODES], later[8];
    size_t nr_later;        /* written in the transaction */
    bool gone;              /* nobody can reach it */
    int conflicts;          /* so many transactions are to fail */
    unsigned int reads, writes;
    void (*on_transaction)(void);   /* as it begins, once */
    struct xs_handle *watcher;
    int event_fd;           /* 0: there is no watch */
    bool event;
} fake;

static struct fake_node *fake_find(const char *path)
{
    for (size_t i = 0; i < FAKE_NODES; i++) {
        if (fake.node[i].path && !strcmp(fake.node[i].path, path))
            return &fake.node[i];
    }
    return NULL;
}

/* The value of a node, NULL when there is none. */
static inline const char *fake_get(const char *path)
{
    struct fake_node *n = fake_find(path);

    return n ? n->value : NULL;
}

static void fake_changed(void)
{
    const uint64_t one = 1;

    if (fake.event_fd && !fake.event)
        assert_int_equal(write(fake.event_fd, &one, sizeof(one)),
                         sizeof(one));
    fake.event = true;
}

static void fake_drop(struct fake_node *n)
{
    free(n->path);
    free(n->value);
    *n = (struct fake_node){ 0 };
}

/* Sets a node, or with value NULL removes it. */
static void fake_set(const char *path, const char *value)
{
    struct fake_node *n = fake_find(path);

    if (n)
        fake_drop(n);
    fake_changed();
    if (!value)
        return;
    for (n = fake.node; n->path; n++)
        assert_true(n < fake.node + FAKE_NODES - 1);
    n->path = strdup(path);
    n->value = strdup(value);
}

/* Forgets all of it. */
static inline void fake_reset(void)
{
    for (size_t i = 0; i < FAKE_NODES; i++)
        fake_drop(&fake.node[i]);
    if (fake.event_fd)
        close(fake.event_fd);
    memset(&fake, 0, sizeof(fake));
}

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    errno = ENOENT;
    return fake.gone ? NULL : malloc(1);
}

void xs_close(struct xs_handle *xs)
{
    if (fake.event_fd && xs == fake.watcher) {
        close(fake.event_fd);
        fake.event_fd = 0;
    }
    free(xs);
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    const char *value = fake_get(path);

    (void)xs;
    (void)t;
    fake.reads++;
    errno = ENOENT;
    if (value && len)
        *len = strlen(value);
    return value ? strdup(value) : NULL;
}

/* xenstored makes the folders that a path lacks. */
static void fake_make_folders(const char *path)
{
    char *folder = strdup(path);
    char *slash;

    while ((slash = strrchr(folder, '/')) && slash != folder) {
        *slash = 0;
        if (!fake_get(folder))
            fake_set(folder, "");
    }
    free(folder);
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path,
              const void *data, unsigned int len)
{
    char *value = strndup(data, len);

    (void)xs;
    fake.writes++;
    if (t != XBT_NULL) {
        assert_true(fake.nr_later < 8);
        fake.later[fake.nr_later++] = (struct fake_node){ strdup(path),
                                                          value };
        return true;
    }
    fake_set(path, value);
    fake_make_folders(path);
    free(value);
    return true;
}

/* As libxenstore's, one block to free. Names of up to 31 characters. */
char **xs_directory(struct xs_handle *xs, xs_transaction_t t,
                    const char *path, unsigned int *num)
{
    char **names = calloc(FAKE_NODES, sizeof(*names) + 32);
    char *text = (char *)(names + FAKE_NODES);
    size_t len = strlen(path);

    (void)xs;
    (void)t;
    errno = ENOENT;
    if (!fake_get(path)) {
        free(names);
        return NULL;
    }
    *num = 0;
    for (size_t i = 0; i < FAKE_NODES; i++) {
        const char *p = fake.node[i].path;

        if (!p || strncmp(p, path, len) || p[len] != '/' ||
            strchr(p + len + 1, '/'))
            continue;
        names[*num] = text + 32 * *num;
        snprintf(names[*num], 32, "%s", p + len + 1);
        (*num)++;
    }
    return names;
}

bool xs_rm(struct xs_handle *xs, xs_transaction_t t, const char *path)
{
    size_t len = strlen(path), n = 0;

    (void)xs;
    (void)t;
    for (size_t i = 0; i < FAKE_NODES; i++) {
        const char *p = fake.node[i].path;

        if (p && !strncmp(p, path, len) && (!p[len] || p[len] == '/')) {
            fake_drop(&fake.node[i]);
            n++;
        }
    }
    if (n)
        fake_changed();
    errno = ENOENT;
    return n;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
    void (*hook)(void) = fake.on_transaction;

    (void)xs;
    fake.on_transaction = NULL;
    if (hook)
        hook();
    fake.nr_later = 0;
    return 1;
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t t, bool drop)
{
    bool conflict = !drop && fake.conflicts > 0;

    (void)xs;
    (void)t;
    for (size_t i = 0; i < fake.nr_later; i++) {
        if (!drop && !conflict)
            fake_set(fake.later[i].path, fake.later[i].value);
        fake_drop(&fake.later[i]);
    }
    fake.nr_later = 0;
    fake.conflicts -= conflict;
    errno = EAGAIN;
    return !conflict;
}

bool xs_watch(struct xs_handle *xs, const char *path, const char *token)
{
    (void)path;
    (void)token;
    if (!fake.event_fd) {
        fake.event_fd = eventfd(0, EFD_CLOEXEC);
        fake.event = false;
    } else {
        assert_ptr_equal(fake.watcher, xs);
    }
    fake.watcher = xs;
    fake_changed();     /* it fires once at first */
    return true;
}

int xs_fileno(struct xs_handle *xs)
{
    (void)xs;
    return fake.event_fd;
}

char **xs_check_watch(struct xs_handle *xs)
{
    uint64_t count;

    (void)xs;
    errno = EAGAIN;
    if (!fake.event)
        return NULL;
    assert_int_equal(read(fake.event_fd, &count, sizeof(count)),
                     sizeof(count));
    fake.event = false;
    return calloc(2, sizeof(char *));
}

#endif
