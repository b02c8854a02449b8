/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The administrator's file, precopy.conf(5). Anything wrong in it is an error,
 * also in a section that does not apply: the section that was misspelt may be
 * the one with the limit.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/error.h>
#include <xenprecopy/xenprecopy.h>

#include "core/option.h"

#define CONF_SECTIONS_MAX 4096

enum conf_kind {
    CONF_DEFAULT,
    CONF_TARGET,
    CONF_GUEST,
};

enum conf_affinity {
    CONF_APART,
    CONF_TOGETHER,
    CONF_AFFINITIES
};

struct conf_section {
    enum conf_kind kind;
    char *name;                     /* of the target or the guest; NULL: it
                                     * is a UUID, or [default] */
    uint8_t uuid[16];
    unsigned int line;              /* of its heading */
    unsigned int given;             /* the options that it sets */
    struct xpc_params params;       /* with these */
    unsigned int lines[XPC_NR_OPTIONS];     /* of these */
    /*
     * Of a guest: names and UUIDs of guests that an evacuation must not put
     * on the same target, or must put there, separated by commas. NULL: none.
     */
    char *affinity[CONF_AFFINITIES];
};

struct conf_file {
    char *path;
    bool missing;                   /* there is no file: no sections */
    struct conf_section *sections;
    size_t nr;
};

/*
 * Parses the text that was read from path. Returns 0, or -1 with one line in
 * err that begins with the path and, for a line, its number. The caller
 * disposes of *f_r in either case.
 */
int conf_parse(struct conf_file *f_r, const char *path, const char *text,
               size_t len, char err[XPC_ERR_LEN]);
/* Idempotent. */
void conf_dispose(struct conf_file *f);

/* The heading, for messages: "[guest web1]". Returns buf. */
#define CONF_HEADING_LEN 64
const char *conf_heading(const struct conf_section *s,
                         char buf[CONF_HEADING_LEN]);

/*
 * The next name of a list of affinities: its start, with its length in *len_r,
 * and *list behind it. NULL at the end.
 */
const char *conf_next_name(const char **list, size_t *len_r);

/* Parses a UUID in its usual form, in either case. */
bool conf_parse_uuid(const char *s, uint8_t uuid_r[16]);
/* The host without the user before an @. */
const char *conf_host(const char *target);

#endif
