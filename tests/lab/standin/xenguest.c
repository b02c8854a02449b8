/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenguest -mode listen -domid N -fd STREAM -control FD
 *
 * A stand-in for XenServer's xenguest, as far as a live migration's source is
 * concerned. It does what emu-manager (manager.c) says, a line each, and
 * reports to it. The lines take the place of JSON over a unix socket.
 *
 *   live             begins the save, in a thread
 *   pause            precopy is to end
 *   paused           the guest is suspended
 *   abort            the save is to end, without success
 *   quit             exits
 *
 *   progress SENT REMAINING ITERATION      REMAINING is -1 within an iteration
 *   completed RC
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenctrl.h>
#include <xenguest.h>
#include <xentoollog.h>

/* Between two events within an iteration. */
#define EVENT_MS 500

static int domid = -1, stream_fd = -1, control_fd = -1;
static atomic_int stage = XGS_POLICY_CONTINUE_PRECOPY;
static sem_t stopped;

/* The last event, for those within an iteration. */
static unsigned long last_sent;
static unsigned int last_iteration;

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* ---- libxenguest's log -------------------------------------------------- */

static void log_message(xentoollog_logger *l, xentoollog_level level,
                        int errnoval, const char *context, const char *format,
                        va_list al)
{
    (void)l;
    (void)errnoval;
    if (level < XTL_NOTICE)
        return;
    fprintf(stderr, "xenguest: %s: ", context ? context : "");
    vfprintf(stderr, format, al);
    fprintf(stderr, "\n");
}

/* The real one has this from a patch to libxenguest. */
static void log_progress(xentoollog_logger *l, const char *context,
                         const char *doing, int percent, unsigned long done,
                         unsigned long total)
{
    static uint64_t last_ms;
    uint64_t now = now_ms();

    (void)l;
    (void)context;
    (void)doing;
    (void)percent;
    if (!done || done == total)
        last_ms = now;
    if (now - last_ms <= EVENT_MS)
        return;
    dprintf(control_fd, "progress %lu -1 %u\n", last_sent + done,
            last_iteration);
    last_ms = now;
}

static xentoollog_logger logger = {
    .vmessage = log_message, .progress = log_progress,
};

/* ---- libxenguest's callbacks -------------------------------------------- */

static int precopy_policy(struct precopy_stats s, void *data)
{
    int decision = atomic_load(&stage);

    (void)data;
    if (s.dirty_count >= 0) {
        last_sent = s.total_written;
        last_iteration = s.iteration;
        dprintf(control_fd, "progress %lu %ld %u\n", s.total_written,
                s.dirty_count, s.iteration);
    }
    if (decision == XGS_POLICY_CONTINUE_PRECOPY && !s.dirty_count)
        decision = XGS_POLICY_STOP_AND_COPY;
    return decision;
}

/* xenopsd suspends the guest, and emu-manager says so. */
static int wait_suspended(void *data)
{
    (void)data;
    while (sem_wait(&stopped))
        ;
    return atomic_load(&stage) != XGS_POLICY_ABORT;
}

static int switch_qemu_logdirty(uint32_t id, unsigned int enable, void *data)
{
    (void)id;
    (void)enable;
    (void)data;
    return 0;
}

static void *save(void *unused)
{
    struct save_callbacks callbacks = {
        .precopy_policy = precopy_policy,
        .suspend = wait_suspended,
        .switch_qemu_logdirty = switch_qemu_logdirty,
    };
    xc_interface *xch = xc_interface_open(&logger, &logger, 0);
    int rc = -1;

    if (xch)
        rc = xc_domain_save(xch, stream_fd, domid, XCFLAGS_LIVE, &callbacks,
                            XC_STREAM_PLAIN, -1);
    dprintf(control_fd, "completed %d\n", rc);
    if (xch)
        xc_interface_close(xch);
    return unused;
}

/* ---- commands ----------------------------------------------------------- */

static int obey(const char *line)
{
    static pthread_t saver;

    if (!strcmp(line, "live\n"))
        return pthread_create(&saver, NULL, save, NULL);
    if (!strcmp(line, "pause\n"))
        atomic_store(&stage, XGS_POLICY_STOP_AND_COPY);
    if (!strcmp(line, "abort\n"))
        atomic_store(&stage, XGS_POLICY_ABORT);
    if (!strcmp(line, "paused\n") || !strcmp(line, "abort\n"))
        sem_post(&stopped);
    return 0;
}

int main(int argc, char **argv)
{
    char line[64];
    FILE *control;

    for (int i = 1; i + 1 < argc; i += 2) {
        int n = atoi(argv[i + 1]);

        if (!strcmp(argv[i], "-domid"))
            domid = n;
        if (!strcmp(argv[i], "-fd"))
            stream_fd = n;
        if (!strcmp(argv[i], "-control"))
            control_fd = n;
    }
    control = fdopen(control_fd, "r");
    if (domid < 0 || stream_fd < 0 || !control) {
        fprintf(stderr, "xenguest: arguments are missing\n");
        return 1;
    }
    sem_init(&stopped, 0, 0);
    while (fgets(line, sizeof(line), control) && strcmp(line, "quit\n"))
        if (obey(line))
            return 1;
    return 0;
}
