/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl migrate --check has found. */
#ifndef XL_CHECK_XL_CHECK_RESULT_H
#define XL_CHECK_XL_CHECK_RESULT_H

#include <stdbool.h>
#include <stdio.h>

#include <xenprecopy/cells.h>
#include <xenprecopy/json.h>

#include "channels/question.h"

struct check_item {
    char *what;                     /* "disk" */
    char *of;                       /* which one; NULL: there is one only */
    int status;                     /* enum reply_status */
    char *text;                     /* NULL: none */
};

enum check_receiver {
    CHECK_RECEIVER_NONE,            /* it was not reached */
    CHECK_RECEIVER_STOCK,
    CHECK_RECEIVER_OLDER,           /* ours, which takes no questions */
    CHECK_RECEIVER_OURS,
};

/* All 0 initially. 0 in a number: not known. */
struct check_result {
    char *domain, *target;
    int receiver;                   /* enum check_receiver */
    bool right;                     /* no item is wrong */
    struct check_item *items;
    size_t nr_items;
    uint64_t round_trip_ns;
    uint64_t bandwidth_bits_per_s;
    uint64_t memory_bytes;          /* that can be had there */
    bool clock_known;
    double clock_ahead_ms;          /* of the target's clock */
    struct xpc_cells prediction;    /* empty: none */
};

extern const struct xpc_type check_result_type;

void check_result_dispose(struct check_result *r);

/* Adds an item. of and text may be NULL. */
void check_result_add(struct check_result *r, const char *what,
                      const char *of, enum reply_status status,
                      const char *text);

/* Adds the items of a question, with their replies. */
void check_result_take(struct check_result *r, const struct question *q,
                       const struct reply *reply);
/* Adds them as unknown, for this reason. */
void check_result_unasked(struct check_result *r, const struct question *q,
                          const char *why);

/* As text, and what it comes to. */
void check_result_print(FILE *out, const struct check_result *r);

#endif
