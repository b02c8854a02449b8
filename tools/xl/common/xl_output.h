/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that options name, replaced as a whole. */
#ifndef XL_COMMON_XL_OUTPUT_H
#define XL_COMMON_XL_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include <xenprecopy/error.h>

struct xl_output {
    const char *path;               /* NULL: not open */
    char *target;                   /* path with symbolic links followed */
    char *tmp;                      /* NULL: written in place */
    bool truncate;                  /* a regular file written in place */
    FILE *f;
};

/*
 * Opens the file, which keeps its contents until xl_output_write(). A file
 * that exists keeps its mode and owner; a new one gets mode, or if that is -1,
 * what the umask allows. Returns 0, or -1 with one line in err, which begins
 * with --option.
 */
int xl_output_open(struct xl_output *o, const char *option, const char *path,
                   int mode, char err[XPC_ERR_LEN]);
/* Writes the text and closes the file. Returns 0, or -1 with errno. */
int xl_output_write(struct xl_output *o, const char *text);
/* Leaves the file as it was. May be called for one that is not open. */
void xl_output_discard(struct xl_output *o);

/* Opens, writes and closes. Returns 0, or -1 with one line in err. */
int xl_output_text(const char *option, const char *path, int mode,
                   const char *text, char err[XPC_ERR_LEN]);

#endif
