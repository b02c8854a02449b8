/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The child process that connects the sender to a receiver: ssh, or the
 * command that the user gave instead.
 */
#ifndef XL_MIGRATE_XL_TRANSPORT_H
#define XL_MIGRATE_XL_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "migrate/xl_migrate_options.h"

/* In all structures of xl, -1 is no descriptor and pid 0 is no process. */
struct transport {
    pid_t pid;                      /* 0: not started, or reaped */
    char *command;                  /* what sh runs; not owned */
    int send_fd, recv_fd;           /* our ends; -1: closed */
    int spare_fd;                   /* the child's end of send_fd, kept open
                                     * by us too; -1: closed */
    int out_fd;                     /* the child's end of recv_fd, until it
                                     * runs; -1: closed */
    /* Further connections to the same receiver, owned by xl_channels.c. */
    struct transport *further;
    unsigned int nr_further;
    bool further_silent;            /* all that can be read from them now is
                                     * their end */
    char last[64];                  /* last bytes that transport_drain() has
                                     * read */
    size_t last_len;
};

#define TRANSPORT_INIT \
    { .send_fd = -1, .recv_fd = -1, .spare_fd = -1, .out_fd = -1 }

/* The shell command that reaches the receiver. The caller frees it. */
char *transport_command(const struct migrate_options *o);

/*
 * Creates the pipes. Returns 0, or -1 with errno. command must stay valid as
 * long as t.
 *
 * We keep the child's end of the sending pipe open until
 * transport_close_spare(), so writing does not fail when the child exits:
 * libxl (4.17) crashes if it can't write the first bytes of its stream, before
 * its save helper is started.
 */
int transport_open(struct transport *t, char *command);
/* Starts the child. Returns 0, or -1 with errno. */
int transport_run(struct transport *t);
/* transport_open() and transport_run(). */
int transport_start(struct transport *t, char *command);
/* May be called repeatedly. */
void transport_close_spare(struct transport *t);

/*
 * For a process that did not start the child: closes all descriptors, also of
 * further connections, but recv_fd.
 */
void transport_keep_receiving(struct transport *t);

/*
 * Reads and drops what comes from the receiver until it closes the connection,
 * for at most timeout_ms and a few KiB.
 */
void transport_drain(struct transport *t, int timeout_ms);

/*
 * Closes the pipes and gives the child two seconds to exit. An exit status
 * other than 0 is reported on stderr.
 *
 * kill_it: a child that does not exit is terminated.
 * late: the target has the whole guest and must yet find out that it is not to
 * start it. It writes a message before it removes its copy, and dies of a
 * closed pipe if we have gone by then. So it gets 30 s more, or until a signal
 * is pending at interrupt_fd.
 */
void transport_end(struct transport *t, bool kill_it, bool late,
                   int interrupt_fd);

/*
 * Closes nr transports at once without a message. Children get one second to
 * exit and are then killed.
 */
void transport_drop(struct transport *t, unsigned int nr);

/* Whether the last bytes that transport_drain() has read are msg. */
bool transport_ended_with(const struct transport *t, const void *msg,
                          size_t len);

#endif
