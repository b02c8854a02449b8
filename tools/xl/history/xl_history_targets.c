/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <time.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "common/xl_options.h"
#include "history/xl_history_targets.h"
#include "libxl_precopy_history.h"

/* How many pfns a TiB has. */
#define TIB_PFNS (UINT64_C(1) << 28)

static int fail(const char *command, const char *why)
{
    xl_message(command, "%s", why);
    return 1;
}

/* Takes ownership of what h has. */
static void add_target(struct history_targets *t, libxl_precopy_history *h)
{
    struct history_target *to = &t->list[t->nr++];

    to->history = *h;
    xpc_history_summarize(&to->history, time(NULL), &to->summary);
    to->guests = to->summary.guests;
    to->tib_ns = (double)to->summary.costs_ns[XPC_OVERHEAD_PFNS] *
                 xpc_predict_bitmap_ns(TIB_PFNS) / XPC_MS;
}

/* Hosts that are unknown are errors. */
static int read_hosts(struct history_targets *t, char *const *hosts,
                      size_t nr_hosts, const char *command)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history h;
    int rc, status = 0;

    t->list = calloc(nr_hosts, sizeof(*t->list));
    if (!t->list)
        return fail(command, "out of memory");
    for (size_t i = 0; i < nr_hosts; i++) {
        libxl_precopy_history_init(&h);
        rc = libxl_precopy_history_read(NULL, hosts[i], &h, err);
        if (rc == ERROR_NOTFOUND)
            xl_bad(err, "no migration to %.150s is known", hosts[i]);
        if (rc)
            status = fail(command, err);
        else
            add_target(t, &h);
    }
    return status;
}

static int read_all(struct history_targets *t, const char *command)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history *list;
    size_t nr;

    if (libxl_precopy_history_list(NULL, &list, &nr, err))
        return fail(command, err);
    t->list = calloc(nr + 1, sizeof(*t->list));
    for (size_t i = 0; t->list && i < nr; i++)
        add_target(t, &list[i]);
    if (!t->list) {
        libxl_precopy_history_list_free(list, nr);
        return fail(command, "out of memory");
    }
    free(list);     /* its contents have been moved */
    return *err ? fail(command, err) : 0;
}

int history_targets_read(struct history_targets *t, char *const *hosts,
                         size_t nr_hosts, const char *command)
{
    return nr_hosts ? read_hosts(t, hosts, nr_hosts, command) :
                      read_all(t, command);
}

void history_targets_dispose(struct history_targets *t)
{
    for (size_t i = 0; i < t->nr; i++)
        xpc_history_dispose(&t->list[i].history);
    free(t->list);
    *t = (struct history_targets){ 0 };
}
