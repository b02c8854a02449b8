/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The axes of plots, with ticks at values that people say. */
#ifndef XL_COMMON_XL_AXIS_H
#define XL_COMMON_XL_AXIS_H

#include <stdbool.h>
#include <stddef.h>

enum axis_unit {
    AXIS_COUNT,
    AXIS_TIME,                      /* ns */
    AXIS_BYTES,
    AXIS_RATE,                      /* bytes per second, shown as bit/s */
};

struct axis {
    enum axis_unit unit;
    bool logarithmic;
    double low, high;
};

#define AXIS_LABEL_LEN 24
#define AXIS_TICKS_MAX 12

struct axis_tick {
    double value;
    char label[AXIS_LABEL_LEN];
};

/* "1.5 s", "200 Mbit/s": at most three digits, without zeros at the end. */
const char *axis_label(char buf[AXIS_LABEL_LEN], enum axis_unit unit,
                       double value);
/*
 * An axis for values from low to high, which may be equal, or 0. A logarithmic
 * one has a low above 0.
 */
struct axis axis_for(enum axis_unit unit, bool logarithmic, double low,
                     double high);
/* The place of a value on the axis: 0 at low, 1 at high; never outside. */
double axis_place(const struct axis *a, double value);
/* Ticks, about nr of them or fewer. Returns their number. */
size_t axis_ticks(const struct axis *a, size_t nr,
                  struct axis_tick ticks[AXIS_TICKS_MAX]);

/* The place of a label beside a curve. */
struct axis_mark {
    double at;
    const void *what;
};

/*
 * Sorts marks by their places, and moves those that are closer than gap apart,
 * within low and high if there is room.
 */
void axis_spread(struct axis_mark *marks, size_t nr, double gap, double low,
                 double high);

#endif
