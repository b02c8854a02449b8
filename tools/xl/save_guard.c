/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * save-guard DOMID TOOLSTACK: started by the save plug-in (save/guard.h), with
 * a socket as its standard input. Its messages go to the system's log.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "base/process.h"
#include "common/xl_common.h"
#include "migrate/xl_save_guard.h"
#include "xen/save_guard.h"

static uint32_t domid;          /* for the messages */

/* ---- messages ---------------------------------------------------------- */

/* The stream is line-buffered. */
static ssize_t write_log(void *cookie, const char *buf, size_t len)
{
    size_t end = len;

    (void)cookie;
    while (end && buf[end - 1] == '\n')
        end--;
    if (end)
        syslog(LOG_DAEMON | LOG_NOTICE, "Domain %"PRIu32": %.*s", domid,
               (int)end, buf);
    return len;
}

/* What is printed on stderr from now on goes to the system's log. */
static void log_messages(void)
{
    FILE *log = fopencookie(NULL, "w", (cookie_io_functions_t){
                                .write = write_log });

    openlog(XEN_SAVE_GUARD, LOG_PID, LOG_DAEMON);
    if (!log)
        return;
    setvbuf(log, NULL, _IOLBF, 1024);
    stderr = log;
}

/* ---- the job ----------------------------------------------------------- */

/*
 * How long it has for its guest depends on its name. Returns 0, also if it has
 * ended, or -1 if it can't be known.
 */
static int find_toolstack(struct save_guard_job *job, const char *pid)
{
    char path[64];
    FILE *f;

    job->toolstack_pid = atoi(pid);
    job->toolstack_start = process_start(job->toolstack_pid);
    /* Linux before 5.3 has no such call: it fails, and -1 is returned. */
    job->toolstack_fd = syscall(SYS_pidfd_open, job->toolstack_pid, 0);
    strcpy(job->toolstack, "its toolstack");
    snprintf(path, sizeof(path), "/proc/%d/comm", job->toolstack_pid);
    f = fopen(path, "re");
    if (!f)
        return errno == ENOENT || errno == ESRCH ? 0 : -1;
    if (fgets(job->toolstack, sizeof(job->toolstack), f))
        job->toolstack[strcspn(job->toolstack, "\n")] = 0;
    fclose(f);
    return 0;
}

static int find_domain(struct save_guard_job *job)
{
    xentoollog_logger *lg =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_ERROR,
                                                          0);
    libxl_dominfo info;
    int rc;

    job->ctx = lg ? xl_open_ctx(lg) : NULL;
    if (!job->ctx)
        return ERROR_FAIL;
    libxl_dominfo_init(&info);
    rc = libxl_domain_info(job->ctx, &info, job->domid);
    job->uuid = info.uuid;
    libxl_dominfo_dispose(&info);
    return rc;
}

static bool is_socket(int fd)
{
    socklen_t len = sizeof(int);
    int type;

    return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
}

int main(int argc, char **argv)
{
    struct save_guard_job job = {
        .fd = XEN_SAVE_GUARD_FD, .lock_fd = XEN_SAVE_GUARD_LOCK_FD,
    };
    const char ready = XEN_SAVE_GUARD_READY;

    if (argc != 3 || !is_socket(job.fd)) {
        fprintf(stderr, "save-guard: for xen-precopy's save plug-in, which "
                "starts it\n");
        return 2;
    }
    domid = job.domid = strtoul(argv[1], NULL, 10);
    log_messages();
    if (chdir("/") || find_domain(&job) || find_toolstack(&job, argv[2]))
        return 1;
    if (send(job.fd, &ready, 1, MSG_NOSIGNAL) != 1)
        return 1;
    return save_guard_run(&job);
}
