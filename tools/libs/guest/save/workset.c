/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "save/workset.h"

void save_workset_start(struct xpc_workset *w, xc_interface *xch,
                        uint32_t domid)
{
    xen_pfn_t last;

    if (xc_domain_maximum_gpfn(xch, domid, &last) < 0 ||
        xpc_workset_init(w, last + 1))
        *w = (struct xpc_workset){ 0 };
    else
        xpc_workset_begin(w, clock_now_ns());
}

void save_workset_read(struct xpc_workset *w, xc_hypercall_buffer_t *bitmap,
                       unsigned long pages)
{
    DECLARE_HYPERCALL_BUFFER_ARGUMENT(bitmap);

    if (!w->nr_pfns || !bitmap)
        return;
    xpc_workset_bitmap(w, (const uint64_t *)HYPERCALL_BUFFER_AS_ARG(bitmap),
                       pages);
    xpc_workset_end(w, clock_now_ns());
}

void save_workset_get(const struct xpc_workset *w, struct xpc_working_set *set)
{
    *set = (struct xpc_working_set){ 0 };
    if (w->nr_pfns)
        xpc_workset_tell(w, set);
}
