/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plug-in's answer to a probe (xen/probe.h). */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "xen/probe.h"

/* The shared object that contains the address. */
static void *object_of(void *address)
{
    Dl_info info;

    return address && dladdr(address, &info) ? info.dli_fbase : NULL;
}

/*
 * Answers only if libxenguest is loaded, and our xc_domain_save() is the first
 * of that name. A shell that runs the helper has no libxenguest: its child
 * inherits the environment and answers.
 */
__attribute__((constructor))
static void answer_probe(void)
{
    static const char answer[] = XEN_PROBE_LOADED "\n";

    if (!getenv(XEN_PROBE_ENV) || !dlsym(RTLD_NEXT, "xc_domain_save") ||
        object_of(dlsym(RTLD_DEFAULT, "xc_domain_save")) !=
        object_of((void *)answer_probe))
        return;
    _exit(write(STDOUT_FILENO, answer, sizeof(answer) - 1) < 0);
}
