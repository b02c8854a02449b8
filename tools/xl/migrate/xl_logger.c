/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/xl_common.h"
#include "migrate/xl_logger.h"

#define HELD_MAX 64

struct held {
    xentoollog_level level;
    int errnoval;
    char *context, *text;
};

struct migrate_logger {
    xentoollog_logger xtl;          /* first: it is cast back */
    xentoollog_logger *out;
    struct progress *progress;
    bool hold_errors;
    struct held held[HELD_MAX];
    size_t nr_held;
};

/* A message of the plug-in that xl does not print itself. */
#define REFUSED "other parameters were refused"

/*
 * Messages to hold back: after an abort by the policy libxl reports that the
 * guest did not respond, which is false; the plug-in logs for other toolstacks
 * what xl prints itself; an interrupted stream causes errors in all programs
 * that take part in it.
 */
static bool must_hold(const struct migrate_logger *l, xentoollog_level level,
                      const char *text)
{
    return strstr(text, "did not respond to suspend request") ||
           (strstr(text, "precopy: ") && !strstr(text, REFUSED)) ||
           strstr(text, "Operation canceled") ||
           (l->hold_errors && level >= XTL_ERROR);
}

/* Returns false if there is no room; then the message is to be written. */
static bool hold_message(struct migrate_logger *l, xentoollog_level level,
                         int errnoval, const char *context, const char *text)
{
    struct held *h = &l->held[l->nr_held];

    if (l->nr_held == HELD_MAX)
        return false;
    h->level = level;
    h->errnoval = errnoval;
    h->context = context ? strdup(context) : NULL;
    h->text = strdup(text);
    if (h->text)
        l->nr_held++;
    return h->text;
}

__attribute__((format(printf, 5, 0)))
static void log_message(xentoollog_logger *xtl, xentoollog_level level,
                        int errnoval, const char *context, const char *format,
                        va_list al)
{
    struct migrate_logger *l = (struct migrate_logger *)xtl;
    char text[1024];

    vsnprintf(text, sizeof(text), format, al);
    if (must_hold(l, level, text) &&
        hold_message(l, level, errnoval, context, text))
        return;
    if (level >= xl_globals.level)
        progress_break(l->progress);
    xtl_log(l->out, level, errnoval, context, "%s", text);
}

/*
 * libxenguest reports "Frames iteration N", N from 0, with the frames of it
 * that have been sent.
 */
static void report_progress(xentoollog_logger *xtl, const char *context,
                            const char *doing_what, int percent,
                            unsigned long done, unsigned long total)
{
    struct migrate_logger *l = (struct migrate_logger *)xtl;
    unsigned int iteration;

    (void)context;
    (void)percent;
    if (sscanf(doing_what, "Frames iteration %u", &iteration) == 1)
        progress_set_frames(l->progress, iteration + 1, done, total);
}

static void destroy_logger(xentoollog_logger *xtl)
{
    (void)xtl;      /* migrate_logger_close() frees it */
}

struct migrate_logger *migrate_logger_open(struct progress *p)
{
    struct migrate_logger *l = calloc(1, sizeof(*l));
    unsigned int flags = XTL_STDIOSTREAM_HIDE_PROGRESS;

    if (!l)
        return NULL;
    if (xl_globals.timestamps)
        flags |= XTL_STDIOSTREAM_SHOW_DATE | XTL_STDIOSTREAM_SHOW_PID;
    l->out = (xentoollog_logger *)
        xtl_createlogger_stdiostream(stderr, xl_globals.level, flags);
    if (!l->out) {
        free(l);
        return NULL;
    }
    l->progress = p;
    l->xtl.vmessage = log_message;
    l->xtl.progress = report_progress;
    l->xtl.destroy = destroy_logger;
    return l;
}

void migrate_logger_hold(struct migrate_logger *l)
{
    l->hold_errors = true;
}

const char *migrate_logger_last(const struct migrate_logger *l)
{
    static char line[XPC_ERR_LEN];
    const struct held *h;
    const char *text;

    if (!l->nr_held)
        return NULL;
    h = &l->held[l->nr_held - 1];
    /* libxl puts file, line and function in front of its messages. */
    text = strrchr(h->text, ':');
    text = text && text[1] == ' ' ? text + 2 : h->text;
    snprintf(line, sizeof(line), "%.120s%s%s", text,
             h->errnoval > 0 ? ": " : "",
             h->errnoval > 0 ? strerror(h->errnoval) : "");
    return line;
}

void migrate_logger_forget(struct migrate_logger *l, const char *part)
{
    size_t i, kept = 0;

    for (i = 0; i < l->nr_held; i++) {
        if (strstr(l->held[i].text, part)) {
            free(l->held[i].context);
            free(l->held[i].text);
        } else {
            l->held[kept++] = l->held[i];
        }
    }
    l->nr_held = kept;
}

void migrate_logger_release(struct migrate_logger *l, bool show)
{
    size_t i;

    l->hold_errors = false;
    for (i = 0; i < l->nr_held; i++) {
        struct held *h = &l->held[i];

        if (show)
            xtl_log(l->out, h->level, h->errnoval, h->context, "%s", h->text);
        free(h->context);
        free(h->text);
    }
    l->nr_held = 0;
}

xentoollog_logger *migrate_logger_xtl(struct migrate_logger *l)
{
    return &l->xtl;
}

void migrate_logger_close(struct migrate_logger *l)
{
    if (!l)
        return;
    migrate_logger_release(l, true);
    xtl_logger_destroy(l->out);
    free(l);
}
