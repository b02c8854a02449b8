/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "support/fake_domains.h"

struct fake_domain fake_domains[FAKE_DOMAINS_MAX];
int nr_fake_domains;

void fake_domains_reset(void)
{
    memset(fake_domains, 0, sizeof(fake_domains));
    nr_fake_domains = 0;
}

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *nr_r)
{
    libxl_dominfo *list = calloc(nr_fake_domains + 1, sizeof(*list));

    (void)ctx;
    for (int i = 0; list && i < nr_fake_domains; i++) {
        uint8_t *uuid = libxl_uuid_bytearray(&list[i].uuid);

        list[i] = fake_domains[i].info;
        list[i].domid = i;
        uuid[15] = i;
    }
    *nr_r = nr_fake_domains;
    return list;
}

void libxl_dominfo_list_free(libxl_dominfo *list, int nr)
{
    (void)nr;
    free(list);
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    const char *name = fake_domains[domid].name;

    (void)ctx;
    return name ? strdup(name) : NULL;
}

int libxl_domain_qualifier_to_domid(libxl_ctx *ctx, const char *what,
                                    uint32_t *domid_r)
{
    char *end;

    (void)ctx;
    *domid_r = strtoul(what, &end, 10);
    if (!*end)
        return 0;
    for (int i = 0; i < nr_fake_domains; i++) {
        *domid_r = i;
        if (fake_domains[i].name && !strcmp(fake_domains[i].name, what))
            return 0;
    }
    return -1;
}

int libxl_is_stubdom(libxl_ctx *ctx, uint32_t domid, uint32_t *target_r)
{
    (void)ctx;
    (void)domid;
    (void)target_r;
    return 0;
}
