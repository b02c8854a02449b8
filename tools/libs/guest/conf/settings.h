/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is in force for a migration, and where each value comes from.
 *
 * Settings are added from the least to the most specific place: the file's
 * [default], [target] and [guest], xenstore, a command line. A later value
 * replaces an earlier one, option by option, with one exception: a policy of
 * stock drops the limits that come from before, and a limit that comes later
 * is in force again.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/error.h>
#include <xenprecopy/xenprecopy.h>

#include "conf/file.h"
#include "core/option.h"

enum conf_origin {
    CONF_ORIGIN_NONE,               /* the default */
    CONF_ORIGIN_FILE,
    CONF_ORIGIN_XENSTORE,
    CONF_ORIGIN_COMMAND,
};

struct conf_source {
    enum conf_origin origin;
    const struct conf_section *section;     /* CONF_ORIGIN_FILE */
};

struct conf_settings {
    struct xpc_params params;
    unsigned int given;             /* the options that somebody has set */
    unsigned int idle;              /* facts of the file that nobody needs,
                                     * since there is no limit */
    struct xpc_params idle_params;  /* with these */
    struct conf_source idle_source[XPC_NR_OPTIONS];
    struct conf_source source[XPC_NR_OPTIONS];
    const char *path;               /* of the file; NULL: none */
    bool asked;                     /* a policy was asked for */
    bool in_xenstore;               /* something is in xenstore */
};

struct conf_guest {
    const char *name;               /* NULL: it has none */
    bool has_uuid;
    uint8_t uuid[16];
};

void conf_settings_init(struct conf_settings *s);

/*
 * Adds the sections for the guest and the target (NULL: unknown). The file must
 * stay as long as the settings.
 *
 * A guest that is called NAME--incoming or NAME--migratedaway, as xl does for
 * a while, is taken for NAME.
 */
void conf_add_file(struct conf_settings *s, const struct conf_file *f,
                   const struct conf_guest *g, const char *target);

/* Adds one section, of the file s->path. */
void conf_add_section(struct conf_settings *s,
                      const struct conf_section *section);

/* Adds the JSON that is in xenstore. Returns 0, or -1 with one line in err. */
int conf_add_json(struct conf_settings *s, const char *json, size_t len,
                  char err[XPC_ERR_LEN]);

/* Adds the options of a command line: those in the set, with p's values. */
void conf_add_options(struct conf_settings *s, const struct xpc_params *p,
                      unsigned int given);

/*
 * Settles what follows from all of it, after the last. If nobody asks for a
 * policy, it is stock's; the file's facts are then left out.
 */
void conf_settle(struct conf_settings *s);
/*
 * Returns 0, or -1 with one line in err if a value makes no sense, or values
 * contradict each other: which, and where each comes from.
 */
int conf_check(const struct conf_settings *s, char err[XPC_ERR_LEN]);

/* Sets an option back to its default. */
void conf_drop(struct conf_settings *s, enum xpc_option opt);

/* The given options from an origin. */
unsigned int conf_given_by(const struct conf_settings *s,
                           enum conf_origin origin);

/* "/etc/xen/precopy.conf:12", "xenstore", "the command line", "default". */
#define CONF_SOURCE_LEN 128
const char *conf_source_text(const struct conf_settings *s,
                             enum xpc_option opt,
                             char buf[CONF_SOURCE_LEN]);

/*
 * The values that do not come from a command line, with their sources, as text:
 * "downtime 300 ms from /etc/xen/precopy.conf:12, strict on from xenstore".
 * Empty if there are none. If not all fit into the buffer, it ends with how
 * many more there are. Returns buf.
 */
#define CONF_TEXT_LEN 4096          /* all fit */
#define CONF_SHORT_TEXT_LEN 512
const char *conf_settings_text(const struct conf_settings *s, char *buf,
                               size_t len);

#endif
