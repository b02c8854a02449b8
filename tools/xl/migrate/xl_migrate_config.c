/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/xl_stock.h"
#include "migrate/xl_migrate_config.h"

static char *copy_name(const libxl_domain_config *config)
{
    return config->c_info.name ? xl_asprintf("%s", config->c_info.name) : NULL;
}

static char *retrieve_config(libxl_ctx *ctx, uint32_t domid,
                             bool preserve_domid, char **name_r, char *err)
{
    libxl_domain_config config;
    char *json = NULL;
    int rc;

    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(ctx, domid, &config, NULL);
    if (rc) {
        snprintf(err, XPC_ERR_LEN, "the domain's configuration can't be "
                 "retrieved (error %d): supply one with -C", rc);
        goto out;
    }
    config.c_info.domid = preserve_domid ? domid : 0;
    json = libxl_domain_config_to_json(ctx, &config);
    if (!json)
        snprintf(err, XPC_ERR_LEN, "the domain's configuration can't be "
                 "converted to JSON");
    else
        *name_r = copy_name(&config);

 out:
    libxl_domain_config_dispose(&config);
    return json;
}

/* Waits for data or the end of the file. Returns whether it is interrupted. */
static bool is_interrupted(int fd, int interrupt_fd)
{
    struct pollfd p[] = { { .fd = fd, .events = POLLIN },
                          { .fd = interrupt_fd, .events = POLLIN } };

    return poll(p, 2, -1) > 0 && p[1].revents;
}

/*
 * Reads to the end of the file. malloc()ed; NULL: out of memory, or it was
 * interrupted.
 */
static char *read_to_end(int fd, int interrupt_fd)
{
    size_t len = 0, room = 65536;
    char *buf = malloc(room);
    ssize_t n;

    while (buf) {
        if (is_interrupted(fd, interrupt_fd)) {
            free(buf);
            return NULL;
        }
        n = read(fd, buf + len, room - len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += n;
        if (len == room - 1) {
            char *grown = realloc(buf, room *= 2);

            if (!grown)
                free(buf);
            buf = grown;
        }
    }
    if (buf)
        buf[len] = 0;
    return buf;
}

/*
 * The standard output of a program, malloc()ed; NULL if it fails. One that does
 * not end can be interrupted: then err has a line, too.
 */
static char *read_output(char *const *argv, int interrupt_fd, char *err)
{
    int fds[2], status;
    char *text;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC))
        return NULL;
    pid = fork();
    if (!pid) {
        dup2(fds[1], STDOUT_FILENO);
        execv(argv[0], argv);
        xl_message("migrate", "%s: %s", argv[0], strerror(errno));
        _exit(127);
    }
    close(fds[1]);
    text = pid > 0 ? read_to_end(fds[0], interrupt_fd) : NULL;
    close(fds[0]);
    if (pid > 0 && !text) {
        kill(pid, SIGKILL);
        snprintf(err, XPC_ERR_LEN, "interrupted before anything was done");
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (pid > 0 && status) {
        free(text);
        text = NULL;
    }
    return text;
}

/*
 * The stock xl parses the file: its dry run prints the JSON that its migrate
 * would send.
 */
static char *read_file_config(libxl_ctx *ctx, const char *file,
                              int interrupt_fd, char **name_r, char *err)
{
    const char *stock = xl_stock_path(err, XPC_ERR_LEN);
    char *const argv[] = {
        (char *)stock, "create", "--dryrun", "-q", (char *)file, NULL
    };
    libxl_domain_config config;
    char *text, *json = NULL;

    if (!stock)
        return NULL;
    *err = 0;
    if (access(file, R_OK)) {
        snprintf(err, XPC_ERR_LEN, "-C %.150s: %s", file, strerror(errno));
        return NULL;
    }
    text = read_output(argv, interrupt_fd, err);
    if (*err)
        return NULL;
    libxl_domain_config_init(&config);
    /* Through libxl's type, so that only a valid configuration is sent. */
    if (text && *text && !libxl_domain_config_from_json(ctx, &config, text))
        json = libxl_domain_config_to_json(ctx, &config);
    if (!json)
        snprintf(err, XPC_ERR_LEN, "-C %.150s: xl create --dryrun can't make "
                 "JSON of it (in xl.conf, output_format must not be sxp)",
                 file);
    else
        *name_r = copy_name(&config);
    libxl_domain_config_dispose(&config);
    free(text);
    return json;
}

char *migrate_read_config(libxl_ctx *ctx, uint32_t domid,
                          const struct migrate_options *o, int interrupt_fd,
                          char **name_r, char err[XPC_ERR_LEN])
{
    *name_r = NULL;
    return o->config_file ? read_file_config(ctx, o->config_file, interrupt_fd,
                                             name_r, err) :
           retrieve_config(ctx, domid, o->preserve_domid, name_r, err);
}
