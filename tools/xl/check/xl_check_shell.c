/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The script prints a line that tells it from a receiver, and then for each
 * item its number, a status and what was found. All values are quoted.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "check/xl_check_shell.h"
#include "common/xl_common.h"
#include "migrate/xl_protocol.h"
#include "migrate/xl_sender_io.h"
#include "migrate/xl_transport.h"

#define MARK "xen-precopy check"
/* For a password, and for the storage there. */
#define PATIENCE_NS (60 * XPC_S)
/* Of its output: a line of at most 4 KiB for each item, and what sh prints. */
#define TEXT_MAX (1u << 20)

/*
 * A domain's number, nothing if there is none of this name, or "?" if Xen can't
 * be asked. A domain that is dying has a name until it is gone.
 */
static const char functions[] =
    "exec 2>/dev/null; LC_ALL=C; export LC_ALL\n"
    "d() { xl list >/dev/null && xl domid \"$1\" || "
    "{ xl list >/dev/null || echo '?'; }; }\n"
    "e() { [ -e \"$1\" ] && echo 0 || echo 1; }\n"
    "x() { case $1 in /*) p=$1 ;; *) p=/etc/xen/scripts/$1 ;; esac; "
    "[ -x \"$p\" ] && echo 0 || echo 1; }\n"
    "b() { [ -e \"/sys/class/net/$1/bridge\" ] && echo 0 || echo 1; }\n"
    "m() { for p in \"$1\" /usr/libexec/xen-qemu-system-i386 "
    "/usr/lib/xen/bin/qemu-system-i386 "
    "/usr/local/lib/xen/bin/qemu-system-i386; do "
    "[ -n \"$p\" ] && [ -x \"$p\" ] && echo 0 && return; done; echo 1; }\n"
    "i() { xl info \"$1\"; }\n"
    "echo '" MARK "'\n";

/* Which function answers, and what follows the value. */
static const struct {
    const char *call, *suffix;
} calls[QUESTION_KINDS] = {
    [QUESTION_SOURCE] = { "cat /proc/sys/kernel/random/boot_id #", "" },
    [QUESTION_NAME] = { "d", "" },
    [QUESTION_INCOMING] = { "d", MIGRATE_INCOMING },
    [QUESTION_AWAY] = { "d", MIGRATE_AWAY },
    [QUESTION_MEMORY] = { "i free_memory #", "" },
    [QUESTION_DISK] = { "e", "" },
    [QUESTION_BRIDGE] = { "b", "" },
    [QUESTION_SCRIPT] = { "x", "" },
    [QUESTION_DEVICE_MODEL] = { "m", "" },
    [QUESTION_XEN] = { "i xen_version #", "" },
};

/* 'it'\''s' */
static char *quote(const char *s, const char *suffix)
{
    char *to = malloc(4 * strlen(s) + strlen(suffix) + 3), *p = to;

    if (!to)
        return xl_asprintf("''");
    *p++ = '\'';
    for (; *s; s++) {
        if (*s == '\'')
            p = stpcpy(p, "'\\''");
        else
            *p++ = *s;
    }
    p = stpcpy(p, suffix);
    strcpy(p, "'");
    return to;
}

char *check_shell_script(const struct question *q)
{
    char *script = xl_asprintf("%s", functions), *value, *longer;

    for (unsigned int i = 0; i < q->nr; i++) {
        unsigned int kind = q->item[i].kind;

        if (kind >= QUESTION_KINDS || !calls[kind].call)
            continue;
        value = quote(q->item[i].value, calls[kind].suffix);
        longer = xl_asprintf("%secho \"%u $(%s %s\n)\"\n", script, i,
                             calls[kind].call, value);
        free(value);
        free(script);
        script = longer;
    }
    return script;
}

/* ---- the answers --------------------------------------------------------- */

static void set(struct reply_item *to, enum reply_status status,
                const char *text)
{
    to->status = status;
    snprintf(to->text, sizeof(to->text), "%s", text);
}

/* here: the source's domain, if the target is this very host; or -1. */
static void judge_domain(struct reply_item *to, const char *found, long here,
                         const char *name)
{
    char text[REPLY_TEXT_MAX];
    const char *suffix = calls[to->kind].suffix;

    if (*found == '?' || (*found && strtol(found, NULL, 10) <= 0)) {
        set(to, REPLY_UNKNOWN, "Xen can't be asked there");
    } else if (!*found || (to->kind == QUESTION_NAME &&
                           strtol(found, NULL, 10) == here)) {
        set(to, REPLY_OK, "");
    } else {
        snprintf(text, sizeof(text), "domain %.12s there is called %.60s%s: "
                 "rename it or, if it is left over, destroy it there", found,
                 name, suffix);
        set(to, REPLY_WRONG, text);
    }
}

/*
 * What domain 0 could give is not known, so too little is no more than
 * unknown.
 */
static void judge_memory(struct reply_item *to, const char *found,
                         const char *need)
{
    uint64_t kib = strtoull(found, NULL, 10) * 1024;
    char text[REPLY_TEXT_MAX], a[XPC_UNIT_LEN];

    if (kib)
        to->number = kib;
    if (kib >= strtoull(need, NULL, 10)) {
        set(to, REPLY_OK, "");
        return;
    }
    snprintf(text, sizeof(text), "Xen has %s free there: enough only if "
             "domain 0 gives some", xpc_format_bytes(a, kib * 1024));
    set(to, REPLY_UNKNOWN, kib ? text : "Xen can't be asked there");
}

static void judge_version(struct reply_item *to, const char *found,
                          const char *here)
{
    unsigned int a[2], b[2];
    char text[REPLY_TEXT_MAX];

    if (sscanf(found, "%u.%u", &a[0], &a[1]) != 2 ||
        sscanf(here, "%u.%u", &b[0], &b[1]) != 2) {
        set(to, REPLY_UNKNOWN, "Xen can't be asked there");
        return;
    }
    snprintf(text, sizeof(text), "%u.%u", a[0], a[1]);
    if (a[0] > b[0] || (a[0] == b[0] && a[1] >= b[1])) {
        set(to, REPLY_OK, text);
        return;
    }
    snprintf(text, sizeof(text), "Xen there is %u.%u, older than %.10s here, "
             "which guests can't be relied on to survive: upgrade it first",
             a[0], a[1], here);
    set(to, REPLY_WRONG, text);
}

static void judge_file(struct reply_item *to, const char *found,
                       const char *what, const char *value)
{
    char text[REPLY_TEXT_MAX];

    snprintf(text, sizeof(text), "%s%s%.120s is not there: install or create "
             "it", what, *value ? " " : "", value);
    if (!strcmp(found, "0"))
        set(to, REPLY_OK, "");
    else if (!strcmp(found, "1"))
        set(to, REPLY_WRONG, text);
}

static void judge(struct reply_item *to, const char *found, long here,
                  const char *value)
{
    switch (to->kind) {
    case QUESTION_NAME:
    case QUESTION_INCOMING:
    case QUESTION_AWAY:
        judge_domain(to, found, here, value);
        break;
    case QUESTION_MEMORY:
        judge_memory(to, found, value);
        break;
    case QUESTION_XEN:
        judge_version(to, found, value);
        break;
    case QUESTION_DISK:
        judge_file(to, found, "disk", value);
        break;
    case QUESTION_BRIDGE:
        judge_file(to, found, "bridge", value);
        break;
    case QUESTION_SCRIPT:
        judge_file(to, found, "an executable hotplug script", value);
        break;
    case QUESTION_DEVICE_MODEL:
        judge_file(to, found, "a device model", "");
        break;
    default:
        break;
    }
}

/* The domain, if the source's kernel is the target's; or -1. */
static long find_here(const char *value, const char *found)
{
    size_t len = strcspn(value, " ");

    return len && !strncmp(value, found, len) && !found[len] ?
           strtol(value + len, NULL, 10) : -1;
}

int check_shell_read(const char *output, const struct question *q,
                     struct reply *r)
{
    char *copy = xl_asprintf("%s", output), *rest = copy, *line, *end;
    long here = -1;
    int rc = -1;

    r->nr = q->nr;
    for (unsigned int i = 0; i < q->nr; i++)
        r->item[i] = (struct reply_item){
            .kind = q->item[i].kind, .status = REPLY_UNKNOWN,
            .text = "a shell there can't say",
        };
    while ((line = strsep(&rest, "\n"))) {
        unsigned long i = strtoul(line, &end, 10);

        if (rc) {
            rc = strcmp(line, MARK) ? -1 : 0;
        } else if (end > line && *end == ' ' && i < q->nr) {
            if (q->item[i].kind == QUESTION_SOURCE)
                here = find_here(q->item[i].value, end + 1);
            judge(&r->item[i], end + 1, here, q->item[i].value);
        }
    }
    free(copy);
    return rc;
}

/* ---- the shell ----------------------------------------------------------- */

/* Returns 1 with the next bytes, 0 at the end, or -1. */
static int read_some(struct sender *s, int fd, char *to, size_t room,
                     size_t *len)
{
    ssize_t n;

    do {
        if (sender_wait(s, fd, POLLIN))
            return -1;
        n = read(fd, to + *len, room - *len);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n > 0)
        *len += n;
    return n < 0 ? -1 : n > 0;
}

/* What a hostile target may have sent, up to a bound, as a string, or NULL. */
static char *read_text(struct sender *s, int fd)
{
    char *text = malloc(TEXT_MAX + 1);
    size_t len = 0;
    int r = 1;

    if (!text)
        return NULL;
    while (r > 0 && len < TEXT_MAX)
        r = read_some(s, fd, text, TEXT_MAX, &len);
    if (r < 0) {
        free(text);
        return NULL;
    }
    text[len] = 0;
    return text;
}

/* Returns what the script prints, or NULL. */
static char *run_shell(struct sender *s, char *command, const char *script)
{
    struct transport t;
    char *text = NULL;

    if (transport_start(&t, command))
        return NULL;
    s->answer_deadline_ns = clock_now_ns() + PATIENCE_NS;
    if (!sender_write(s, t.send_fd, script, strlen(script), NULL)) {
        transport_keep_receiving(&t);
        text = read_text(s, t.recv_fd);
    }
    s->answer_deadline_ns = 0;
    /* Whoever has not answered does not end by itself either. */
    if (!text)
        kill(t.pid, SIGTERM);
    transport_drop(&t, 1);
    return text;
}

int check_shell(struct sender *s, const struct migrate_options *o,
                const struct question *q, struct reply *r)
{
    char *script = check_shell_script(q), *text;
    char *command = xl_asprintf("exec %s %s sh -s", o->ssh_command, o->host);
    int rc = -1;

    text = run_shell(s, command, script);
    if (text)
        rc = check_shell_read(text, q, r);
    free(text);
    free(command);
    free(script);
    return rc;
}
