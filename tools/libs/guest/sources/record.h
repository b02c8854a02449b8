/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recording a source as a trace. */
#ifndef SOURCES_RECORD_H
#define SOURCES_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <xenprecopy/source.h>

struct trace_recording {
    uint64_t interval_ns, duration_ns;
    uint64_t zero_pages;        /* at the start */
    /*
     * Called between intervals with the time recorded. Returning true ends the
     * recording there.
     */
    bool (*stop)(void *opaque, uint64_t done_ns);
    void *opaque;
};

/*
 * Records a source to a file. Returns 0, also when it was stopped early, or -1
 * with errno and one line in err; then a file that was there before still is as
 * it was, and no new one is left. In both cases the source is no longer
 * tracked.
 */
int xpc_source_record(struct xpc_source *src,
                      const struct trace_recording *how, const char *path,
                      char err[XPC_ERR_LEN]);

#endif
