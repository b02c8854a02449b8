/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a system call in another process: stop it with ptrace, set its
 * registers for the call and its instruction pointer to a SYSCALL instruction
 * in its vDSO, step that one instruction, and restore the registers.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/thread.h"
#include "sources/process/inject.h"

uint64_t process_stop_ns = 2 * XPC_S;

#ifdef __x86_64__

/* UFFD_USER_MODE_ONLY: faults in user mode only, needs no privilege. */
#define USER_MODE_ONLY 1

/* The address of a SYSCALL instruction in the vDSO, 0 if none was found. */
static uint64_t find_syscall(pid_t pid)
{
    uint64_t start, end, at = 0;
    char line[256], path[64], code[16384];
    FILE *maps;
    ssize_t len;
    int mem;

    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    maps = fopen(path, "re");
    if (!maps)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    mem = open(path, O_RDONLY | O_CLOEXEC);
    while (mem >= 0 && !at && fgets(line, sizeof(line), maps)) {
        if (!strstr(line, "[vdso]") ||
            sscanf(line, "%"SCNx64"-%"SCNx64, &start, &end) != 2)
            continue;
        len = end - start < sizeof(code) ? end - start : sizeof(code);
        len = pread(mem, code, len, start);
        for (ssize_t i = 0; i + 1 < len && !at; i++) {
            if (!memcmp(code + i, "\x0f\x05", 2))
                at = start + i;
        }
    }
    if (mem >= 0)
        close(mem);
    fclose(maps);
    return at;
}

/* The code segment of 64-bit programs. Others make other system calls. */
#define CS_64 0x33

static bool is_fault(int sig)
{
    return sig == SIGILL || sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE;
}

/*
 * waitpid() until a time. A process in an uninterruptible wait (state D) does
 * not stop before that has ended, for example when a server of NFS answers.
 */
static int wait_until(pid_t pid, int *status_r, uint64_t until_ns)
{
    pid_t r;

    while ((r = waitpid(pid, status_r, __WALL | WNOHANG)) != pid) {
        if (r < 0 && errno != EINTR)
            return -1;
        if (clock_now_ns() >= until_ns) {
            errno = ETIMEDOUT;
            return -1;
        }
        poll(NULL, 0, 1);
    }
    return 0;
}

/*
 * Waits for a stop, until a time. A signal for the process is kept in
 * *signal_r. calling: it makes our call, so that a fault is that of the call,
 * and would come again.
 */
static int wait_stop(pid_t pid, bool calling, uint64_t until_ns, int *signal_r)
{
    int status;

    for (;;) {
        if (wait_until(pid, &status, until_ns))
            return -1;
        if (!WIFSTOPPED(status)) {
            errno = ESRCH;
            return -1;
        }
        if (WSTOPSIG(status) == SIGTRAP)
            return 0;
        if (calling && is_fault(WSTOPSIG(status))) {
            errno = EFAULT;
            return -1;
        }
        *signal_r = WSTOPSIG(status);
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0))
            return -1;
    }
}

/* Makes one system call in the stopped process. Returns -1 with its errno. */
static long call_in(pid_t pid, const struct user_regs_struct *saved,
                    uint64_t at, long nr, long arg, int *signal_r)
{
    struct user_regs_struct regs = *saved;

    regs.rip = at;
    regs.rax = nr;
    regs.rdi = arg;
    /* Keep the kernel from restarting a system call that was interrupted. */
    regs.orig_rax = -1;
    if (ptrace(PTRACE_SETREGS, pid, 0, &regs) ||
        ptrace(PTRACE_SINGLESTEP, pid, 0, 0) ||
        wait_stop(pid, true, UINT64_MAX, signal_r) ||
        ptrace(PTRACE_GETREGS, pid, 0, &regs))
        return -1;
    if ((long)regs.rax < 0 && (long)regs.rax > -4096) {
        errno = -(long)regs.rax;
        return -1;
    }
    return regs.rax;
}

static int inject_calls(pid_t pid, int pidfd, int *signal_r)
{
    struct user_regs_struct saved;
    uint64_t at;
    int fd = -1, err;
    long theirs;

    if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) ||
        wait_stop(pid, false, clock_now_ns() + process_stop_ns, signal_r) ||
        ptrace(PTRACE_GETREGS, pid, 0, &saved))
        return -1;
    if (saved.cs != CS_64) {
        errno = ENOEXEC;
        return -1;
    }
    at = find_syscall(pid);
    if (!at) {
        errno = EOPNOTSUPP;
        return -1;
    }
    theirs = call_in(pid, &saved, at, SYS_userfaultfd,
                     O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY, signal_r);
    err = errno;
    if (theirs >= 0) {
        fd = syscall(SYS_pidfd_getfd, pidfd, (int)theirs, 0);
        err = errno;
        call_in(pid, &saved, at, SYS_close, theirs, signal_r);
    }
    ptrace(PTRACE_SETREGS, pid, 0, &saved);
    errno = err;
    return fd;
}

struct injection {
    pid_t pid;
    int pidfd, fd, err;
};

static void *inject(void *arg)
{
    struct injection *i = arg;
    int sig = 0;

    i->fd = -1;
    if (!ptrace(PTRACE_SEIZE, i->pid, 0, 0)) {
        i->fd = inject_calls(i->pid, i->pidfd, &sig);
        i->err = errno;
        ptrace(PTRACE_DETACH, i->pid, 0, (void *)(uintptr_t)sig);
    } else {
        i->err = errno;
    }
    return NULL;
}

/*
 * A process that has not stopped can't be detached from. Only the end of the
 * thread that is attached detaches it.
 */
int process_inject_uffd(pid_t pid, int pidfd)
{
    struct injection i = { .pid = pid, .pidfd = pidfd };
    pthread_t thread;
    int r = thread_start(&thread, inject, &i);

    if (r) {
        errno = r;
        return -1;
    }
    pthread_join(thread, NULL);
    errno = i.err;
    return i.fd;
}

#else

int process_inject_uffd(pid_t pid, int pidfd)
{
    (void)pid;
    (void)pidfd;
    errno = EOPNOTSUPP;
    return -1;
}

#endif
