/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/settings.h"
#include "xen/store.h"

/* Reads a node, which may be missing. Returns 0, or -1 with err. */
static int read_node(struct xs_handle *xs, const char *path, char **value_r,
                     unsigned int *len_r, char *err)
{
    *value_r = xs_read(xs, XBT_NULL, path, len_r);
    if (*value_r || errno == ENOENT)
        return 0;
    snprintf(err, XPC_ERR_LEN, "can't read %s: %s", path, strerror(errno));
    return -1;
}

/* The name is libxl's node, where no guest may write. */
static int add_file(struct xs_handle *xs, uint32_t domid,
                    const uint8_t uuid[16], const char *target,
                    const struct conf_file *f, struct conf_settings *s,
                    char *err)
{
    struct conf_guest g = { .has_uuid = true };
    char path[XEN_STORE_PATH_LEN], *name;
    unsigned int len;

    snprintf(path, sizeof(path), "/local/domain/%"PRIu32"/name", domid);
    if (read_node(xs, path, &name, &len, err))
        return -1;
    g.name = name;
    memcpy(g.uuid, uuid, sizeof(g.uuid));
    conf_add_file(s, f, &g, target);
    free(name);
    return 0;
}

int xen_settings_read(struct xs_handle *xs, uint32_t domid,
                      const uint8_t uuid[16], const char *target,
                      const struct conf_file *f, struct conf_settings *s,
                      char err[XPC_ERR_LEN])
{
    char path[XEN_STORE_PATH_LEN], *json;
    unsigned int len;
    int rc;

    if (f->nr && add_file(xs, domid, uuid, target, f, s, err))
        return -1;
    s->path = f->path;
    if (read_node(xs, xen_store_path(path, domid, "params"), &json, &len,
                  err))
        return -1;
    rc = json ? conf_add_json(s, json, len, err) : 0;
    free(json);
    return rc;
}
