/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compression of channels, for measurements (xenprecopy/meter.h). */
#ifndef CHANNELS_MEASURE_H
#define CHANNELS_MEASURE_H

#include <xenprecopy/compress.h>

/* To be used by one thread at a time. Returns NULL if out of memory. */
struct xpc_compressor *channel_measure_open(void);
/* c may be NULL. */
void channel_measure_close(struct xpc_compressor *c);

#endif
