/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What LIBXL_SAVE_HELPER points at. Runs the stock libxl-save-helper, for a
 * save with the plug-in preloaded.
 *
 * If the plug-in can't be loaded, the save is refused: limits may have been
 * asked for, and nothing would keep them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xen/probe.h"
#include "xen/saver.h"
#include "xen/stock.h"

#define PLUGIN XEN_SAVER_PLUGIN
#define WHY_LEN 512

__attribute__((format(printf, 2, 3)))
static int refuse(char why[WHY_LEN], const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(why, WHY_LEN, fmt, al);
    va_end(al);
    return -1;
}

static int find_stock(char stock[PATH_MAX], char why[WHY_LEN])
{
    if (!xen_stock_helper(stock))
        return 0;
    return refuse(why, "the stock helper %s can't be run: %s: set "
                  "XEN_PRECOPY_STOCK_HELPER to where it is", stock,
                  errno == ELOOP ? "it is this very program" :
                  strerror(errno));
}

/* The plug-in is in the folder of this program. */
static int preload(char plugin[PATH_MAX], char why[WHY_LEN])
{
    char path[PATH_MAX] = "", value[2 * PATH_MAX];
    const char *old = getenv("LD_PRELOAD");
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash = strrchr(path, '/');

    if (n < 0 || !slash)
        return refuse(why, "can't read /proc/self/exe: %s: is /proc "
                      "mounted?", strerror(errno));
    *slash = 0;
    if (snprintf(plugin, PATH_MAX, "%s/" PLUGIN, path) >= PATH_MAX ||
        snprintf(value, sizeof(value), "%s%s%s", old ? old : "",
                 old && *old ? ":" : "", plugin) >= (int)sizeof(value))
        return refuse(why, "the path of the precopy plug-in, with LD_PRELOAD "
                      "before it, is too long");
    /* Last, since a sanitizer's runtime must come first. */
    if (setenv("LD_PRELOAD", value, 1))
        return refuse(why, "out of memory");
    return 0;
}

/*
 * An object ends with its section headers. ld.so may load a truncated one
 * without noticing, and the process is killed by SIGBUS later.
 */
static bool is_truncated(const char *plugin)
{
    int fd = open(plugin, O_RDONLY | O_CLOEXEC);
    bool truncated = false;
    ElfW(Ehdr) head;
    struct stat st;

    if (fd < 0)
        return false;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
        pread(fd, &head, sizeof(head), 0) == sizeof(head) &&
        !memcmp(head.e_ident, ELFMAG, SELFMAG))
        truncated = (uint64_t)st.st_size <
                    head.e_shoff + head.e_shnum * head.e_shentsize;
    close(fd);
    return truncated;
}

/* ld.so's reason for not loading an object, or NULL. Changes buf. */
static const char *ld_error(char *buf)
{
    static const char preloaded[] = "cannot be preloaded (";
    static const char loading[] = "loading shared libraries: ";
    char *s = strstr(buf, PLUGIN), *text;

    text = s ? strstr(s, preloaded) : NULL;
    if (text) {
        text += sizeof(preloaded) - 1;
        text[strcspn(text, ")\n")] = 0;
        return text;
    }
    text = strstr(buf, loading);
    if (text) {
        text += sizeof(loading) - 1;
        text[strcspn(text, "\n")] = 0;
    }
    return text;
}

/* Sets up the environment for a save. Returns 0, or -1 with the reason. */
static int prepare(const char *stock, char why[WHY_LEN])
{
    char plugin[PATH_MAX], said[4096];
    const char *cause = NULL;
    bool loaded;

    if (preload(plugin, why))
        return -1;
    setenv(XEN_PROBE_ENV, "1", 1);
    loaded = xen_probe_run(stock, XEN_PROBE_LOADED, true, XEN_PROBE_STOCK_MS,
                           said, sizeof(said));
    /* With it the save itself would only answer the probe. */
    unsetenv(XEN_PROBE_ENV);
    if (is_truncated(plugin))
        cause = "it is truncated";
    else if (loaded)
        return 0;
    else
        cause = ld_error(said);
    if (cause)
        return refuse(why, "the precopy plug-in %s can't be loaded: %s: "
                      "reinstall xen-precopy", plugin, cause);
    return refuse(why, "the stock helper %s does not load the precopy "
                  "plug-in: set XEN_PRECOPY_STOCK_HELPER to Xen's own", stock);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    bool probe = !strcmp(mode, XEN_PROBE_ARG);
    char stock[PATH_MAX], why[WHY_LEN];
    int rc = find_stock(stock, why);

    if (!rc && (probe || !strcmp(mode, "--save-domain")))
        rc = prepare(stock, why);
    if (probe) {
        printf(XEN_PROBE_HELPER "%s\n", rc ? why : "ready");
        return rc ? 127 : 0;
    }
    if (!rc) {
        if (!strcmp(mode, "--save-domain"))
            setenv(XEN_SAVER_ENV, "1", 1);
        execv(stock, argv);
        refuse(why, "the stock helper %s: %s", stock, strerror(errno));
    }
    fprintf(stderr, "libxl-save-helper: %s\n", why);
    return 127;
}
