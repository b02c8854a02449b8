/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support/fake_xenstore.h"
#include "support/torture.h"

struct node {
    char *path, *value;     /* path NULL: free */
};

struct fake_store store;

static struct node nodes[STORE_NODES];

/* The nodes written in the transaction; value NULL: removed. */
static struct node pending[8];
static size_t nr_pending;

/* The watch, of one connection. event_fd is readable while event is set. */
static struct {
    struct xs_handle *owner;
    int event_fd;           /* 0: there is no watch */
    bool event;
} watch;

static struct node *find(const char *path)
{
    for (size_t i = 0; i < STORE_NODES; i++) {
        if (nodes[i].path && !strcmp(nodes[i].path, path))
            return &nodes[i];
    }
    return NULL;
}

const char *store_path(size_t i)
{
    return nodes[i].path;
}

const char *store_get(const char *path)
{
    struct node *n = find(path);

    return n ? n->value : NULL;
}

static void fire_watch(void)
{
    const uint64_t one = 1;

    if (watch.event_fd && !watch.event)
        assert_int_equal(write(watch.event_fd, &one, sizeof(one)),
                         sizeof(one));
    watch.event = true;
}

static void free_node(struct node *n)
{
    free(n->path);
    free(n->value);
    *n = (struct node){ 0 };
}

void store_set(const char *path, const char *value)
{
    struct node *n = find(path);

    if (n)
        free_node(n);
    fire_watch();
    if (!value)
        return;
    for (n = nodes; n->path; n++)
        assert_true(n < nodes + STORE_NODES - 1);
    n->path = strdup(path);
    n->value = strdup(value);
}

void store_reset(void)
{
    for (size_t i = 0; i < STORE_NODES; i++)
        free_node(&nodes[i]);
    if (watch.event_fd)
        close(watch.event_fd);
    nr_pending = 0;
    memset(&watch, 0, sizeof(watch));
    memset(&store, 0, sizeof(store));
}

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    errno = ENOENT;
    if (store.refusals) {
        store.refusals--;
        return NULL;
    }
    return store.gone ? NULL : malloc(1);
}

void xs_close(struct xs_handle *xs)
{
    if (watch.event_fd && xs == watch.owner) {
        close(watch.event_fd);
        watch.event_fd = 0;
    }
    free(xs);
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned int *len)
{
    const char *value;

    (void)xs;
    (void)t;
    store.reads++;
    if (store.on_read)
        store.on_read(path);
    if (store.unreadable && !strcmp(store.unreadable, path)) {
        errno = EIO;
        return NULL;
    }
    value = store_get(path);
    errno = ENOENT;
    if (value && len)
        *len = strlen(value);
    return value ? strdup(value) : NULL;
}

/* xenstored creates the missing parents of a node. */
static void make_parents(const char *path)
{
    char *parent = strdup(path);
    char *slash;

    while ((slash = strrchr(parent, '/')) && slash != parent) {
        *slash = 0;
        if (!store_get(parent))
            store_set(parent, "");
    }
    free(parent);
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path,
              const void *data, unsigned int len)
{
    char *value = strndup(data, len);

    (void)xs;
    store.writes++;
    if (t != XBT_NULL) {
        assert_true(nr_pending < 8);
        pending[nr_pending++] = (struct node){ strdup(path),
                                                          value };
        return true;
    }
    store_set(path, value);
    make_parents(path);
    free(value);
    return true;
}

/*
 * Returns one block to free, as libxenstore does. Names have up to 31
 * characters.
 */
char **xs_directory(struct xs_handle *xs, xs_transaction_t t,
                    const char *path, unsigned int *num)
{
    char **names = calloc(STORE_NODES, sizeof(*names) + 32);
    char *text = (char *)(names + STORE_NODES);
    size_t len = strlen(path);

    (void)xs;
    (void)t;
    errno = ENOENT;
    if (!store_get(path)) {
        free(names);
        return NULL;
    }
    *num = 0;
    for (size_t i = 0; i < STORE_NODES; i++) {
        const char *p = nodes[i].path;

        if (!p || strncmp(p, path, len) || p[len] != '/' ||
            strchr(p + len + 1, '/'))
            continue;
        names[*num] = text + 32 * *num;
        snprintf(names[*num], 32, "%s", p + len + 1);
        (*num)++;
    }
    if (store.on_directory)
        store.on_directory(path);
    return names;
}

bool xs_rm(struct xs_handle *xs, xs_transaction_t t, const char *path)
{
    size_t len = strlen(path), n = 0;

    (void)xs;
    for (size_t i = 0; i < STORE_NODES; i++) {
        const char *p = nodes[i].path;

        if (!p || strncmp(p, path, len) || (p[len] && p[len] != '/'))
            continue;
        n++;
        if (t == XBT_NULL) {
            free_node(&nodes[i]);
            continue;
        }
        assert_true(nr_pending < 8);
        pending[nr_pending++] = (struct node){ strdup(p), NULL };
    }
    if (n && t == XBT_NULL)
        fire_watch();
    errno = ENOENT;
    return n;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
    void (*hook)(void) = store.on_transaction;

    (void)xs;
    store.on_transaction = NULL;
    if (hook)
        hook();
    nr_pending = 0;
    return 1;
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t t, bool drop)
{
    bool conflict = !drop && store.conflicts > 0;
    void (*hook)(void) = drop ? NULL : store.on_commit;

    (void)xs;
    (void)t;
    if (hook) {
        store.on_commit = NULL;
        hook();
    }
    for (size_t i = 0; i < nr_pending; i++) {
        if (!drop && !conflict)
            store_set(pending[i].path, pending[i].value);
        free_node(&pending[i]);
    }
    nr_pending = 0;
    store.conflicts -= conflict;
    errno = EAGAIN;
    return !conflict;
}

bool xs_watch(struct xs_handle *xs, const char *path, const char *token)
{
    (void)path;
    (void)token;
    if (!watch.event_fd) {
        watch.event_fd = eventfd(0, EFD_CLOEXEC);
        watch.event = false;
    } else {
        assert_ptr_equal(watch.owner, xs);
    }
    watch.owner = xs;
    fire_watch();     /* a new watch fires once */
    return true;
}

int xs_fileno(struct xs_handle *xs)
{
    (void)xs;
    return watch.event_fd;
}

char **xs_check_watch(struct xs_handle *xs)
{
    uint64_t count;

    (void)xs;
    errno = EAGAIN;
    if (!watch.event)
        return NULL;
    assert_int_equal(read(watch.event_fd, &count, sizeof(count)),
                     sizeof(count));
    watch.event = false;
    return calloc(2, sizeof(char *));
}
