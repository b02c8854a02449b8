/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Conversion between C structures and JSON, based on a table of members.
 *
 * The same table is used for writing, reading and freeing, so that the three
 * cannot disagree. Reading checks everything: if a document does not match the
 * table, the caller's structure is not changed, and one line says which member
 * is wrong and what was expected.
 */
#ifndef XENPRECOPY_JSON_H
#define XENPRECOPY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/error.h>

/* The longest document that is read, and its deepest nesting. */
#define XPC_JSON_MAX_BYTES (4u << 20)
#define XPC_JSON_MAX_DEPTH 16

enum xpc_field_kind {
    XPC_FIELD_BOOL,     /* bool */
    XPC_FIELD_U64,      /* uint64_t, scaled */
    XPC_FIELD_DOUBLE,   /* double, finite */
    XPC_FIELD_STRING,   /* char *, malloc()ed or NULL (JSON null) */
    XPC_FIELD_ENUM,     /* int, an index into names[] */
    XPC_FIELD_OBJECT,   /* an embedded structure of type elem */
    XPC_FIELD_ARRAY,    /* elem *, malloc()ed; its length in a size_t */
};

struct xpc_type;

struct xpc_field {
    const char *name;               /* the member's key in JSON */
    enum xpc_field_kind kind;
    size_t offset;
    /*
     * U64: the C value is the JSON value times this. A scale of 1,000,000
     * writes nanoseconds as ms. 0 means 1.
     */
    uint64_t scale;
    uint64_t min, max;              /* U64, in C units; max 0: no bound */
    const char *const *names;       /* ENUM: terminated by NULL */
    const struct xpc_type *elem;    /* OBJECT, ARRAY; an array of U64 or of
                                     * DOUBLE has elem NULL, see elem_kind */
    enum xpc_field_kind elem_kind;  /* ARRAY with elem NULL: U64 or DOUBLE */
    size_t count_offset;            /* ARRAY: offset of its size_t length */
    size_t max_count;               /* ARRAY: 0 means 65,536 */
    bool required;                  /* reading: must be present */
    bool omit_zero;                 /* writing: left out when 0, NULL, empty,
                                     * or an object of such members */
    bool null_zero;                 /* U64: 0 in C is null in JSON */
};

#define XPC_TYPE_FIELDS_MAX 128

struct xpc_type {
    const char *name;               /* for error lines, "parameters" */
    size_t size;
    const struct xpc_field *fields;
    size_t nr_fields;               /* at most XPC_TYPE_FIELDS_MAX */
    bool strict;                    /* an unknown key is an error */
};

/*
 * Writes obj as JSON, indented if pretty, otherwise on one line. Returns a
 * string that the caller must free(), or NULL if out of memory.
 */
char *xpc_to_json(const struct xpc_type *type, const void *obj, bool pretty);

/*
 * Reads len bytes of JSON into obj, which must be initialised. Members that
 * are not in the document keep their values; in a type that owns memory
 * (strings, arrays) they become zero. Returns 0, or -1 with errno EINVAL or
 * ENOMEM, one line in err and obj unchanged.
 */
int xpc_from_json(const struct xpc_type *type, void *obj, const char *json,
                  size_t len, char err[XPC_ERR_LEN]);

/* Frees what obj owns and zeroes it. Idempotent. */
void xpc_dispose(const struct xpc_type *type, void *obj);

#endif
