/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/xl_gnuplot.h"
#include "common/xl_options.h"

void gnuplot_string(FILE *g, const char *s)
{
    fputc('\'', g);
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20)
            continue;
        if (*s == '\'')
            fputc('\'', g);
        fputc(*s, g);
    }
    fputc('\'', g);
}

/* If gnuplot can't open the file, it draws to its standard output instead. */
static int check_writable(const char *file, char err[XPC_ERR_LEN])
{
    FILE *f = fopen(file, "ae");

    if (!f)
        return xl_bad(err, "%.150s: can't be written: %s", file,
                      strerror(errno));
    fclose(f);
    return 0;
}

/* Removes the file if check_writable() has created it. */
static void remove_empty(const char *file)
{
    struct stat st;

    if (!lstat(file, &st) && S_ISREG(st.st_mode) && !st.st_size)
        unlink(file);
}

FILE *gnuplot_open(const char *file, int width, int height,
                   char err[XPC_ERR_LEN])
{
    const char *end = strrchr(file, '.');
    FILE *g;

    if (check_writable(file, err))
        return NULL;
    fflush(stdout);
    g = popen("exec gnuplot >/dev/null 2>&1", "we");
    if (!g) {
        remove_empty(file);
        xl_bad(err, "%.150s: gnuplot can't be started: %s", file,
               strerror(errno));
        return NULL;
    }
    /* It may exit early; gnuplot_close() reports that. */
    signal(SIGPIPE, SIG_IGN);
    fprintf(g, "set terminal %s size %d,%d\nset output ",
            end && !strcmp(end, ".png") ? "png" : "svg", width, height);
    gnuplot_string(g, file);
    fputc('\n', g);
    return g;
}

int gnuplot_close(FILE *g, const char *file, char err[XPC_ERR_LEN])
{
    int status = pclose(g);

    if (!status)
        return 0;
    remove_empty(file);
    return xl_bad(err, "%.150s: %s", file,
                  WIFEXITED(status) && WEXITSTATUS(status) == 127 ?
                  "gnuplot is needed for it and isn't installed" :
                  "gnuplot could not draw it");
}
