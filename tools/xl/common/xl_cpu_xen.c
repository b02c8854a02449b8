/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include <xenctrl.h>
#include <xenguest.h>

#include "common/xl_cpu_xen.h"

static int read_words(uint32_t words_r[CPU_WORDS], xc_interface *xch,
                      const xc_cpu_policy_t *policy)
{
    uint32_t nr = 0, nr_msrs = 0;
    xen_cpuid_leaf_t *leaves = NULL;
    struct cpu_leaf *list = NULL;
    int r = -1;

    if (xc_cpu_policy_get_size(xch, &nr, &nr_msrs))
        return -1;
    leaves = calloc(nr, sizeof(*leaves));
    list = calloc(nr, sizeof(*list));
    if (!leaves || !list ||
        xc_cpu_policy_serialise(xch, policy, leaves, &nr, NULL, NULL))
        goto out;
    for (uint32_t i = 0; i < nr; i++)
        list[i] = (struct cpu_leaf){
            leaves[i].leaf, leaves[i].subleaf, leaves[i].a, leaves[i].b,
            leaves[i].c, leaves[i].d,
        };
    cpu_words_from(words_r, list, nr);
    r = 0;

 out:
    free(list);
    free(leaves);
    return r;
}

/* domid -1: of the host. */
static int read_policy(uint32_t words_r[CPU_WORDS], int64_t domid)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    xc_cpu_policy_t *policy = xch ? xc_cpu_policy_init() : NULL;
    int r = -1;

    if (!policy)
        goto out;
    if (domid < 0 ?
        xc_cpu_policy_get_system(xch, XEN_SYSCTL_cpu_policy_hvm_max, policy) :
        xc_cpu_policy_get_domain(xch, domid, policy))
        goto out;
    r = read_words(words_r, xch, policy);

 out:
    if (policy)
        xc_cpu_policy_destroy(policy);
    if (xch)
        xc_interface_close(xch);
    return r;
}

int cpu_words_of_domain(uint32_t words_r[CPU_WORDS], uint32_t domid)
{
    return read_policy(words_r, domid);
}

int cpu_words_of_host(uint32_t words_r[CPU_WORDS])
{
    return read_policy(words_r, -1);
}
