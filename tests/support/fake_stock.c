/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/xl_protocol.h"
#include "receive/xl_receive.h"
#include "support/fake_stock.h"
#include "support/torture.h"

struct fake_stock stock;

void stock_does(const char *sh)
{
    FILE *f = fopen(stock.script, "w");

    assert_non_null(f);
    fprintf(f, "#!/bin/sh\nprintf '"
            "xl migration receiver ready, send binary domain data.\\n'\n"
            "GOT=%s\necho \"$*\" >$GOT.args\n%s\n", stock.got, sh);
    fclose(f);
    chmod(stock.script, 0755);
}

void stock_setup(void)
{
    strcpy(stock.dir, "/tmp/torture_stock.XXXXXX");
    assert_non_null(mkdtemp(stock.dir));
    snprintf(stock.script, sizeof(stock.script), "%s/xl", stock.dir);
    snprintf(stock.got, sizeof(stock.got), "%s/got", stock.dir);
    snprintf(stock.run, sizeof(stock.run), "%s/run", stock.dir);
    snprintf(stock.said, sizeof(stock.said), "%s/said", stock.dir);
    setenv("XEN_PRECOPY_STOCK_XL", stock.script, 1);
    setenv("XEN_PRECOPY_RUN", stock.run, 1);
    signal(SIGPIPE, SIG_IGN);
}

/* A stock xl may outlive our xl, and still create a file. */
void stock_teardown(void)
{
    char command[200];

    snprintf(command, sizeof(command), "for i in 1 2 3 4 5 6 7 8 9; do rm -rf "
             "%s 2>/dev/null && break; sleep 0.1; done", stock.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(access(stock.dir, F_OK), -1);
}

unsigned int count_files(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    unsigned int n = 0;

    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static char *stock_read(const char *path, size_t *len_r)
{
    char *p = malloc(64 << 20);
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    *len_r = fread(p, 1, (64 << 20) - 1, f);
    p[*len_r] = 0;
    fclose(f);
    return p;
}

char *stock_file(const char *suffix, size_t *len_r)
{
    char path[128];

    snprintf(path, sizeof(path), "%s%s", stock.got, suffix);
    return stock_read(path, len_r);
}

struct receiving receiving_start_by(int in[2])
{
    static char *argv[] = { "xl", "-t", "migrate-receive", "-e", NULL };
    struct receiving r;
    int out[2];

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(NULL);
    r.pid = fork();
    if (!r.pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(open(stock.said, O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
        close_range(3, ~0u, 0);
        xl_globals.argv = argv;
        _exit(cmd_migrate_receive(2, argv + 2));
    }
    close(in[0]);
    close(out[1]);
    r.to = in[1];
    r.from = out[0];
    return r;
}

struct receiving receiving_start(void)
{
    int in[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    return receiving_start_by(in);
}

int receiving_end(struct receiving *r)
{
    int status;

    if (r->to >= 0)
        close(r->to);
    if (r->from >= 0)
        close(r->from);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void expect_message(const char *line)
{
    size_t len;
    char *p = stock_read(stock.said, &len);

    if (!strstr(p, line))
        print_error("not in what was said: %s\n%s", line, p);
    assert_non_null(strstr(p, line));
    free(p);
}

void expect_sent(struct receiving *r, const void *what,
                 size_t len)
{
    struct pollfd fd = { .fd = r->from, .events = POLLIN };
    char buf[256];

    for (size_t n = 0; n < len; ) {
        ssize_t m;

        assert_int_equal(poll(&fd, 1, TIMEOUT_MS), 1);
        m = read(r->from, buf + n, len - n);
        assert_true(m > 0);
        n += m;
    }
    assert_memory_equal(buf, what, len);
}
