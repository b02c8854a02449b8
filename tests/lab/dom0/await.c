// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waits for a node in xenstore, by a watch. A shell needs a process for each
 * time it looks, and processes are what takes most of this machine's time.
 *
 *   await node PATH SECONDS [MEMBER NUMBER]
 *                      until the node is there; with MEMBER, until that member
 *                      of the JSON in it is at least NUMBER
 *   await beat DOMID SECONDS
 *                      until the guest's writer has written its state
 *   await check DOMID SECONDS
 *                      the same, then asks it to check all its memory and waits
 *                      as long again until it has; prints its state
 *
 *   await rate DOMID SECONDS BEATS
 *                      prints how many pages the guest's writer has written
 *                      within so many of its beats, and microseconds
 *
 * Exit status 1 if that has not happened after so many seconds.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>

/* A node in xenstore with a watch on it, and what it contains, or NULL. */
struct node {
    struct xs_handle *xs;
    char path[128];
    char *value;
};

static void give_up(int sig)
{
    (void)sig;
    _exit(1);
}

/* Exits if that is not possible. */
static void open_node(struct node *n, const char *path)
{
    n->value = NULL;
    n->xs = xs_open(0);
    snprintf(n->path, sizeof(n->path), "%s", path);
    if (!n->xs || !xs_watch(n->xs, n->path, "")) {
        perror("await: xenstore");
        exit(1);
    }
}

/* Returns when the value may have changed: at once for the first time. */
static void read_node(struct node *n)
{
    unsigned int nr;

    free(xs_read_watch(n->xs, &nr));
    free(n->value);
    n->value = xs_read(n->xs, XBT_NULL, n->path, NULL);
}

/* The number after that text in the value, 0 if there is none. */
static uint64_t number_after(const struct node *n, const char *text)
{
    const char *p = n->value ? strstr(n->value, text) : NULL;

    return p ? strtoull(p + strlen(text), NULL, 10) : 0;
}

static void await_node(int argc, char **argv)
{
    uint64_t enough = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    char member[64] = "";
    struct node n;

    if (argc > 3)
        snprintf(member, sizeof(member), "\"%s\":", argv[2]);
    open_node(&n, argv[0]);
    while (!n.value || number_after(&n, member) < enough)
        read_node(&n);
}

static struct node await_writer(const char *domid)
{
    struct node n;
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%s/data/writer", domid);
    open_node(&n, path);
    while (!n.value || !*n.value)
        read_node(&n);
    return n;
}

static void await_beat(int argc, char **argv)
{
    (void)argc;
    await_writer(argv[0]);
}

/* The writer looks for the request once a second. */
static void await_check(int argc, char **argv)
{
    struct node n = await_writer(argv[0]);
    uint64_t enough = number_after(&n, " verified=") +
                      number_after(&n, " pages=");
    char path[64];

    (void)argc;
    alarm(atoi(argv[1]));
    snprintf(path, sizeof(path), "/local/domain/%s/data/check", argv[0]);
    if (!xs_write(n.xs, XBT_NULL, path, "", 0)) {
        perror("await: xenstore");
        exit(1);
    }
    while (number_after(&n, " verified=") < enough)
        read_node(&n);
    xs_rm(n.xs, XBT_NULL, path);
    puts(n.value);
}

static uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000) + ts.tv_nsec / 1000;
}

static void await_rate(int argc, char **argv)
{
    struct node n = await_writer(argv[0]);
    uint64_t beat = number_after(&n, "beats=") + 1, written, us;

    while (number_after(&n, "beats=") < beat)
        read_node(&n);
    us = now_us();
    beat = number_after(&n, "beats=") + (argc > 2 ? atoi(argv[2]) : 1);
    written = number_after(&n, " written=");
    while (number_after(&n, "beats=") < beat)
        read_node(&n);
    printf("%llu %llu\n",
           (unsigned long long)(number_after(&n, " written=") - written),
           (unsigned long long)(now_us() - us));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(int argc, char **argv);
    } commands[] = {
        { "node", await_node }, { "beat", await_beat },
        { "check", await_check }, { "rate", await_rate },
    };

    /* The shell is killed when nobody is interested any more. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGALRM, give_up);
    for (int i = 0; argc > 3 && i < 4; i++) {
        if (strcmp(argv[1], commands[i].name))
            continue;
        alarm(atoi(argv[3]));
        commands[i].run(argc - 2, argv + 2);
        return 0;
    }
    fprintf(stderr, "usage: await node|beat|check|rate WHAT SECONDS ...\n");
    return 2;
}
