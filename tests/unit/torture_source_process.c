/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process as a source: a child that writes to memory as it is told. Tracking
 * needs Linux 6.7 and permission to ptrace; otherwise its tests are skipped.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "sources/process/inject.h"
#include "sources/process/open.h"
#include "sources/record.h"
#include "sources/trace.h"
#include "support/torture.h"

#define PAGES 4096

struct child {
    pid_t pid;
    int to, from;
    char *mem, *shared;
};

/* Commands: w<first> <nr>: write to pages; s: to shared ones; m: map more. */
static void serve(struct child *c, int in, int out)
{
    unsigned int first, nr;
    char line[64], what;
    FILE *f = fdopen(in, "r");

    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%c%u %u", &what, &first, &nr) == 3) {
            char *at = what == 's' ? c->shared : c->mem;

            if (what == 'm')
                at = mmap(NULL, PAGES * XPC_PAGE_SIZE,
                          PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            for (unsigned int i = first; i < first + nr; i++)
                at[i * XPC_PAGE_SIZE + 5]++;
        }
        if (write(out, "k", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

static void start(struct child *c, char *shared)
{
    int to[2], from[2];

    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    c->shared = shared;
    c->mem = mmap(NULL, PAGES * XPC_PAGE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < PAGES; i++)
        c->mem[i * XPC_PAGE_SIZE] = i % 4 != 0;
    c->pid = fork();
    if (!c->pid) {
        close(to[1]);
        close(from[0]);
        serve(c, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    munmap(c->mem, PAGES * XPC_PAGE_SIZE);
    c->to = to[1];
    c->from = from[0];
}

static void tell(struct child *c, const char *command)
{
    char k;

    assert_int_equal(write(c->to, command, strlen(command)),
                     strlen(command));
    assert_int_equal(read(c->from, &k, 1), 1);
}

static void stop(struct child *c)
{
    close(c->to);
    close(c->from);
    /* Another child may have inherited the pipe: there is no EOF. */
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
}

static struct xpc_source *open_children(const struct child *c, size_t nr)
{
    char err[XPC_ERR_LEN];
    struct xpc_source *src;
    pid_t pid[4];

    for (size_t i = 0; i < nr; i++)
        pid[i] = c[i].pid;
    src = xpc_source_process(pid, nr, err);
    if (!src) {
        print_message("skipped: %s\n", err);
        skip();
    }
    return src;
}

static void track(struct xpc_source *src)
{
    if (src->ops->track(src)) {
        print_message("skipped: %s\n", src->err);
        src->ops->close(src);
        skip();
    }
}

static uint64_t counted(struct xpc_source *src)
{
    uint64_t n = 0;

    if (src->ops->count(src, &n))
        fail_msg("%s", src->err);
    return n;
}

struct tally { uint64_t pages, runs, last; };

static void tally_run(void *opaque, uint64_t pfn, uint64_t nr)
{
    struct tally *t = opaque;

    assert_true(!t->runs || pfn > t->last);
    t->last = pfn + nr - 1;
    t->pages += nr;
    t->runs++;
}

/* The child writes to its stack, and libc to its data. */
#define assert_about(n, pages) assert_in_range(n, pages, (pages) + 40)

static void torture_process_tracks(void **state)
{
    struct tally t = { 0 };
    struct xpc_source *src;
    struct child c;

    (void)state;
    start(&c, NULL);
    src = open_children(&c, 1);
    assert_true(src->total_pages >= PAGES);
    track(src);
    assert_about(counted(src), 0);
    tell(&c, "w0 100\n");
    tell(&c, "w50 100\n");
    assert_about(counted(src), 150);
    assert_about(counted(src), 150);
    tell(&c, "w4000 96\n");
    assert_int_equal(src->ops->read(src, true, tally_run, &t), 0);
    assert_about(t.pages, 246);
    assert_about(counted(src), 0);
    tell(&c, "w7 1\n");
    assert_about(counted(src), 1);
    /* Memory that is mapped after tracking began. */
    tell(&c, "m0 1000\n");
    assert_about(counted(src), 1001);
    assert_int_equal(src->ops->read(src, true, tally_run,
                                    &(struct tally){ 0 }), 0);
    tell(&c, "w0 10\n");
    assert_about(counted(src), 10);
    assert_int_equal(src->ops->untrack(src), 0);
    tell(&c, "w0 4096\n");
    src->ops->close(src);
    stop(&c);
}

static void torture_process_counts_shared_memory_once(void **state)
{
    char *shared = mmap(NULL, 1000 * XPC_PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct xpc_source *src;
    struct child c[2];

    (void)state;
    start(&c[0], shared);
    start(&c[1], shared);
    tell(&c[0], "s0 600\n");
    tell(&c[1], "s400 600\n");
    src = open_children(c, 2);
    /* A sanitizer maps much memory. */
    assert_in_range(src->total_pages, 2 * PAGES + 1000, 3 * PAGES + 3000);
    track(src);
    tell(&c[0], "s0 300\n");
    tell(&c[1], "s200 300\n");
    assert_in_range(counted(src), 500, 580);
    src->ops->close(src);
    stop(&c[0]);
    stop(&c[1]);
    munmap(shared, 1000 * XPC_PAGE_SIZE);
}

static void torture_process_tracking_is_exclusive(void **state)
{
    struct xpc_source *a, *b;
    struct child c;

    (void)state;
    start(&c, NULL);
    a = open_children(&c, 1);
    b = open_children(&c, 1);
    track(a);
    assert_int_equal(b->ops->track(b), -1);
    assert_non_null(strstr(b->err, "somebody else"));
    a->ops->untrack(a);
    assert_int_equal(b->ops->track(b), 0);
    a->ops->close(a);
    b->ops->close(b);
    stop(&c);
}

static void torture_process_samples(void **state)
{
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct xpc_meter meter;
    struct xpc_source *src;
    struct child c;
    int rc;

    (void)state;
    start(&c, NULL);
    src = open_children(&c, 1);
    xpc_meter_request_init(&req);
    xpc_meter_request_periods(&req, 100 * XPC_MS);
    req.sample_pages = XPC_SAMPLE_PAGES_MAX;
    rc = xpc_meter_start(&meter, src, &req);
    tell(&c, "w1000 2048\n");
    while (!rc && !meter.finished) {
        src->ops->wait(src, meter.next_ns);
        rc = xpc_meter_step(&meter);
    }
    xpc_measurement_init(&m);
    xpc_meter_end(&meter, rc, &m);
    if (m.error)
        fail_msg("%s", m.error);
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    /* With more samples than pages, all pages are read. */
    assert_in_range(m.n_sampled, PAGES, m.n_total);
    assert_in_range(m.n_dirty[0], 2048, 2048 + 40);
    /*
     * One of 1,024 was missing in one run of ten on a busy machine. A
     * sanitizer's own pages are zero, too.
     */
    assert_in_range(m.n_zero, PAGES / 4 - 4, m.n_sampled - PAGES * 3 / 4 + 4);
    xpc_measurement_dispose(&m);
    src->ops->close(src);
    stop(&c);
}

static void torture_process_that_ends_is_an_error(void **state)
{
    struct xpc_source_state st;
    char err[XPC_ERR_LEN];
    struct xpc_source *src;
    struct child c;

    (void)state;
    start(&c, NULL);
    /* Once it answers, it has allocated what it needs. */
    tell(&c, "w0 1\n");
    src = open_children(&c, 1);
    assert_int_equal(src->ops->check(src, &st), 0);
    assert_in_range(st.total_pages, src->total_pages - 16,
                    src->total_pages + 16);
    kill(c.pid, SIGKILL);
    usleep(50000);
    assert_int_equal(src->ops->check(src, &st), -1);
    assert_int_equal(errno, ESRCH);
    assert_non_null(strstr(src->err, "has ended"));
    src->ops->close(src);
    stop(&c);
    assert_null(xpc_source_process(&c.pid, 1, err));
    assert_non_null(strstr(err, "process"));
}

static void torture_process_blocked_call_is_not_interrupted(void **state)
{
    struct xpc_source *src;
    struct child c;

    (void)state;
    /* The child is blocked in read(), which the injected call must not end. */
    start(&c, NULL);
    for (int i = 0; i < 20; i++) {
        src = open_children(&c, 1);
        track(src);
        src->ops->close(src);
        tell(&c, "w0 1\n");
    }
    stop(&c);
}

/* The first character of a line of /proc/PID/status. */
static char read_status(pid_t pid, const char *name)
{
    char path[64], line[256], value = 0;
    size_t len = strlen(name);
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    f = fopen(path, "re");
    assert_non_null(f);
    while (!value && fgets(line, sizeof(line), f)) {
        if (!strncmp(line, name, len))
            sscanf(line + len, " %c", &value);
    }
    fclose(f);
    return value;
}

/*
 * Starts a process that is in state D until somebody writes the FIFO: so it
 * waits for what it spawns to run another program.
 */
static pid_t start_in_state_d(const char *fifo)
{
    char *argv[] = { "true", NULL };
    posix_spawn_file_actions_t files;
    pid_t pid = fork(), other;

    if (!pid) {
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, fifo, O_RDONLY, 0);
        posix_spawn(&other, "/bin/true", &files, NULL, argv, argv + 1);
        _exit(7);
    }
    /* Not every kernel has a state D for this. */
    for (int i = 0; i < 1000000 && read_status(pid, "State:") != 'D'; i++)
        sched_yield();
    return pid;
}

/* It is given up, and goes on as if nothing had been. */
static void torture_process_in_state_d_is_not_waited_for(void **state)
{
    char dir[] = "/tmp/torture_process.XXXXXX", fifo[64];
    const uint64_t stop_ns = process_stop_ns;
    int status, fd, saved;
    pid_t pid;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    pid = start_in_state_d(fifo);
    process_stop_ns = 20 * XPC_MS;
    errno = EOPNOTSUPP;
    fd = read_status(pid, "State:") == 'D' ? process_inject_uffd(pid, -1) : -1;
    saved = errno;
    process_stop_ns = stop_ns;
    assert_int_equal(read_status(pid, "TracerPid:"), '0');
    close(open(fifo, O_WRONLY));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    unlink(fifo);
    rmdir(dir);
    assert_int_equal(fd, -1);
    if (saved == EPERM || saved == EOPNOTSUPP)
        skip();
    assert_int_equal(saved, ETIMEDOUT);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* Starts an i386 program that waits. Returns -1 if the kernel runs none. */
static pid_t start_i386(const char *file)
{
    static const unsigned char code[] = {
        0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7,  /* for (;;) pause(); */
    };
    const uint32_t base = 0x08048000, size = sizeof(Elf32_Ehdr) +
                          sizeof(Elf32_Phdr) + sizeof(code);
    const Elf32_Ehdr head = {
        .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB,
                     EV_CURRENT },
        .e_type = ET_EXEC, .e_machine = EM_386, .e_version = EV_CURRENT,
        .e_entry = base + size - sizeof(code), .e_phoff = sizeof(head),
        .e_ehsize = sizeof(head), .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = 1,
    };
    const Elf32_Phdr load = {
        .p_type = PT_LOAD, .p_vaddr = base, .p_filesz = size,
        .p_memsz = size + 16 * XPC_PAGE_SIZE, .p_flags = PF_R | PF_W | PF_X,
        .p_align = XPC_PAGE_SIZE,
    };
    char *argv[] = { (char *)file, NULL };
    FILE *f = fopen(file, "w");
    pid_t pid;

    fwrite(&head, sizeof(head), 1, f);
    fwrite(&load, sizeof(load), 1, f);
    fwrite(code, sizeof(code), 1, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(file, 0700), 0);
    return posix_spawn(&pid, file, NULL, NULL, argv, argv + 1) ? -1 : pid;
}

/* Its system calls are others. */
static void torture_process_another_architecture_is_left_alone(void **state)
{
    char file[] = "/tmp/torture_process.XXXXXX", err[XPC_ERR_LEN];
    struct xpc_source *src;
    siginfo_t info = { 0 };
    int rc = 0;
    pid_t pid;

    (void)state;
    close(mkstemp(file));
    pid = start_i386(file);
    unlink(file);
    if (pid < 0)
        skip();
    src = xpc_source_process(&pid, 1, err);
    if (src) {
        rc = src->ops->track(src);
        snprintf(err, sizeof(err), "%s", src->err);
        src->ops->close(src);
    }
    waitid(P_PID, pid, &info, WEXITED | WNOHANG);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (!src)
        skip();
    assert_int_equal(info.si_pid, 0);
    assert_int_equal(rc, -1);
    if (!strstr(err, "64-bit"))
        fail_msg("%s", err);
}

static void torture_process_name_is_plain(void **state)
{
    char err[XPC_ERR_LEN], before[16];
    pid_t self = getpid();
    struct xpc_source *src;

    (void)state;
    assert_int_equal(prctl(PR_GET_NAME, before), 0);
    assert_int_equal(prctl(PR_SET_NAME, "\33[31mred"), 0);
    src = xpc_source_process(&self, 1, err);
    prctl(PR_SET_NAME, before);
    if (!src) {
        print_message("skipped: %s\n", err);
        skip();
    }
    assert_string_equal(src->name, "?[31mred");
    src->ops->close(src);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_process_tracks),
        cmocka_unit_test(torture_process_counts_shared_memory_once),
        cmocka_unit_test(torture_process_tracking_is_exclusive),
        cmocka_unit_test(torture_process_samples),
        cmocka_unit_test(torture_process_another_architecture_is_left_alone),
        cmocka_unit_test(torture_process_name_is_plain),
        cmocka_unit_test(torture_process_that_ends_is_an_error),
        cmocka_unit_test(torture_process_blocked_call_is_not_interrupted),
        cmocka_unit_test(torture_process_in_state_d_is_not_waited_for),
    };

    return torture_run(argc, argv, tests);
}
