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
    fprintf(g, "set terminal %s size %d,%d font 'sans,12' background rgb "
            "'#ffffff'\nset output ", end && !strcmp(end, ".png") ? "pngcairo" :
            "svg", width, height);
    gnuplot_string(g, file);
    fputc('\n', g);
    return g;
}

/* gnuplot does not notice that it can't write. A device can't be checked. */
static bool is_whole(const char *file)
{
    FILE *f = fopen(file, "re");
    char end[16] = "";
    struct stat st;
    bool whole;

    whole = f && !fstat(fileno(f), &st) &&
            (!S_ISREG(st.st_mode) ||
             (!fseek(f, -(long)sizeof(end), SEEK_END) &&
              fread(end, 1, sizeof(end), f) == sizeof(end) &&
              (memmem(end, sizeof(end), "</svg>", 6) ||
               memmem(end, sizeof(end), "IEND", 4))));
    if (f)
        fclose(f);
    return whole;
}

int gnuplot_close(FILE *g, const char *file, char err[XPC_ERR_LEN])
{
    int status = pclose(g);

    if (!status && is_whole(file))
        return 0;
    if (!status)
        return xl_bad(err, "%.150s: gnuplot has not written all of it: is the "
                      "disk full?", file);
    remove_empty(file);
    return xl_bad(err, "%.150s: %s", file,
                  WIFEXITED(status) && WEXITSTATUS(status) == 127 ?
                  "gnuplot is needed for it and isn't installed" :
                  "gnuplot could not draw it");
}

/* ---- style -------------------------------------------------------------- */

const char *gnuplot_colour(size_t n)
{
    static const char *const colours[] = {
        GNUPLOT_BLUE, GNUPLOT_RED, GNUPLOT_GREEN, GNUPLOT_PURPLE,
    };

    return colours[n % (sizeof(colours) / sizeof(colours[0]))];
}

void gnuplot_title(FILE *g, const char *finding)
{
    fputs("reset\nset border 1 lc rgb '" GNUPLOT_GREY "'\n"
          "set grid ytics lt 1 lc rgb '#e2e2e2'\n"
          "set tics nomirror textcolor rgb '#595959'\n"
          "set ytics scale 0\nset lmargin 12\nset rmargin 18\nunset key\n"
          "set label 999 ", g);
    gnuplot_string(g, finding);
    fputs(" noenhanced at screen 0.02, graph 1 left offset character 0,2.7 "
          "font 'sans:Bold,13'\nset tmargin 5\n", g);
}

void gnuplot_axis(FILE *g, char which, const struct axis *a, const char *name)
{
    struct axis_tick ticks[AXIS_TICKS_MAX];
    size_t nr = axis_ticks(a, which == 'x' ? 8 : 6, ticks);

    fprintf(g, "%s logscale %c\nset %crange [%.17g:%.17g]\nset %ctics (",
            a->logarithmic ? "set" : "unset", which, which, a->low, a->high,
            which);
    for (size_t i = 0; i < nr; i++)
        fprintf(g, "%s'%s' %.17g", i ? ", " : "", ticks[i].label,
                ticks[i].value);
    fputs(")\n", g);
    if (which == 'x') {
        fputs("set xlabel ", g);
        gnuplot_string(g, name);
        fputs(" textcolor rgb '#595959'\n", g);
    } else {
        fputs("set label 998 ", g);
        gnuplot_string(g, name);
        fputs(" at screen 0.02, graph 1 left offset character 0,1 "
              "textcolor rgb '#595959'\n", g);
    }
}

void gnuplot_labels(FILE *g, const struct axis *y,
                    const struct gnuplot_label *labels, size_t nr)
{
    struct axis_mark marks[AXIS_TICKS_MAX];

    for (size_t i = 0; i < nr; i++)
        marks[i] = (struct axis_mark){ axis_place(y, labels[i].y),
                                       &labels[i] };
    axis_spread(marks, nr, 0.065, 0, 1);
    for (size_t i = 0; i < nr; i++) {
        const struct gnuplot_label *l = marks[i].what;

        fprintf(g, "set label %zu ", i + 1);
        gnuplot_string(g, l->text);
        fprintf(g, " noenhanced at graph 1.015, graph %.4f left textcolor rgb "
                "'%s'\n", marks[i].at, l->colour);
    }
}
