/* A unit on the bench: the real host agent on one or two ptys, with what a modem adds and what can go wrong on the way.
 * For the tests of the WP77 driver. */
#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/agent/host/host_line.h"
#include "drivers/at_wp77/agent/host/host_store.h"
#include "drivers/at_wp77/transport.h"
#include "drivers/at_wp77/wp77.h"
#include "station/error.h"

#define IMEI "352653090215245"
#define OTHER_IMEI "352653090000019"
#define FSN "4L936370140910"
#define MODEL "WP7702"
#define FIRMWARE "SWI9X06Y_02.32.02.00"

/* What answers on one pty. Set up before its thread starts; the thread owns it until it is joined. */
typedef struct {
    /* What is to be there. */
    KlAgent *agent;      /* or NULL; borrowed */
    const char *modem;   /* the lines of ATI, or NULL: no modem */
    const char *cgsn;    /* the line of AT+CGSN, or NULL */
    const char *at;      /* the fault strikes commands that begin so */
    const char *instead; /* the answer: lines joined by '|', the last one final; "" for none; "!" unplugs */
    guint strikes;       /* how often; 0: never */
    gboolean lags;       /* an earlier program's OK comes first, and each answer when the next command is there */
    /* Its own. */
    int master;
    int wake[2];
    char *address;
    KlHostLine *line;
    GByteArray *held; /* of a wire that lags: the answer that is due */
    guint commands;   /* that met the fault's pattern */
    pthread_t thread;
} Wire;

static void
write_bytes(gpointer data, const guint8 *bytes, gsize length)
{
    Wire *wire = data;
    if (wire->lags)
        g_byte_array_append(wire->held, bytes, (guint)length);
    else if (wire->master >= 0)
        g_assert_cmpint(write(wire->master, bytes, length), ==, length);
}

static void
release_held(Wire *wire)
{
    g_assert_cmpint(write(wire->master, wire->held->data, wire->held->len), ==, wire->held->len);
    g_byte_array_set_size(wire->held, 0);
}

/* "a|b|OK" as two lines and a final one. */
static void
answer(const char *lines, KlAgentOut out, gpointer out_data)
{
    g_auto(GStrv) parts = g_strsplit(lines, "|", -1);
    for (guint i = 0; parts[i] != NULL; i++)
        out(out_data, parts[i + 1] == NULL ? KL_AGENT_FINAL : KL_AGENT_INTERMEDIATE, parts[i]);
}

static void
handle_line(gpointer data, const char *line, gsize length, KlAgentOut out, gpointer out_data)
{
    Wire *wire = data;
    g_autofree char *command = g_strndup(line, length);
    if (wire->lags)
        release_held(wire);
    if (wire->at != NULL && g_str_has_prefix(command, wire->at) && wire->commands++ < wire->strikes) {
        if (strcmp(wire->instead, "!") == 0) {
            close(wire->master);
            wire->master = -1;
        } else if (wire->instead[0] != '\0') {
            answer(wire->instead, out, out_data);
        }
        return;
    }
    if (kl_host_line_basic(wire->line, line, length, out, out_data))
        return;
    if (wire->agent != NULL && kl_agent_command(wire->agent, line, length, out, out_data))
        return;
    if (wire->modem != NULL && strcmp(command, "ATI") == 0)
        answer(wire->modem, out, out_data);
    else if (wire->cgsn != NULL && strcmp(command, "AT+CGSN") == 0)
        answer(wire->cgsn, out, out_data);
    else
        out(out_data, KL_AGENT_FINAL, "ERROR");
}

static void *
serve(void *data)
{
    Wire *wire = data;
    for (;;) {
        guint8 bytes[256];
        struct pollfd fds[] = {{.fd = wire->master, .events = POLLIN}, {.fd = wire->wake[0], .events = POLLIN}};
        if (poll(fds, 2, wire->lags ? 30 : -1) == 0 && wire->held->len > 6) {
            wire->lags = FALSE; /* the station waits for what is due: from here on it is in time */
            release_held(wire);
        }
        if (fds[1].revents != 0)
            return NULL;
        if (fds[0].revents == 0)
            continue;
        ssize_t n = read(wire->master, bytes, sizeof bytes);
        if (n > 0)
            kl_host_line_feed(wire->line, bytes, (gsize)n);
        else
            sched_yield(); /* no station at the other end yet */
    }
}

static void
wire_start(Wire *wire)
{
    wire->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(grantpt(wire->master) | unlockpt(wire->master), ==, 0);
    wire->address = g_strconcat("pty:", ptsname(wire->master), NULL);
    wire->line = kl_host_line_new(handle_line, wire, write_bytes, wire);
    wire->held = g_byte_array_new();
    if (wire->lags)
        write_bytes(wire, (const guint8 *)"\r\nOK\r\n", 6);
    g_assert_cmpint(pipe(wire->wake), ==, 0);
    g_assert_cmpint(pthread_create(&wire->thread, NULL, serve, wire), ==, 0);
}

static void
wire_stop(Wire *wire)
{
    if (wire->address == NULL)
        return;
    g_assert_cmpint(write(wire->wake[1], "", 1), ==, 1);
    pthread_join(wire->thread, NULL);
    if (wire->master >= 0)
        close(wire->master);
    close(wire->wake[0]);
    close(wire->wake[1]);
    kl_host_line_free(wire->line);
    g_byte_array_unref(wire->held);
    g_clear_pointer(&wire->address, g_free);
}

/* One unit with up to two ports. Set up the wires, then call bench_open. */
typedef struct {
    char *dir;
    KlHostStore *store;
    KlAgent *agent;
    Wire wire[2];
    KlOp op;
    KlDevice *device;
    double progress;
} Bench;

static void
on_progress(double fraction, gpointer data)
{
    Bench *bench = data;
    g_assert_cmpfloat(fraction, >=, bench->progress);
    bench->progress = fraction;
}

static void
bench_init(Bench *bench)
{
    KlAgentIdentity identity = {.imei = IMEI, .fsn = FSN, .model = MODEL, .firmware = FIRMWARE};
    *bench = (Bench){.dir = g_dir_make_tmp("keyline-XXXXXX", NULL)};
    bench->store = kl_host_store_open(bench->dir, &identity, "iks", NULL);
    g_assert_nonnull(bench->store);
    bench->agent = kl_agent_new(&kl_host_store_ops, bench->store);
    bench->wire[0].agent = bench->agent;
    bench->op.transcript = kl_transcript_new(1 << 20);
    bench->op.progress = on_progress;
    bench->op.progress_data = bench;
}

static void
bench_clear(Bench *bench)
{
    if (bench->device != NULL)
        kl_wp77_driver.close(bench->device);
    wire_stop(&bench->wire[0]);
    wire_stop(&bench->wire[1]);
    kl_agent_free(bench->agent);
    kl_host_store_free(bench->store);
    g_autoptr(GDir) dir = g_dir_open(bench->dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(bench->dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(bench->dir);
    g_free(bench->dir);
    kl_transcript_free(bench->op.transcript);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

static gssize
mute_read(KlTransport *transport, guint8 *buffer, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    return 0;
}

static gboolean
mute_write(KlTransport *transport, const guint8 *bytes, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    return TRUE;
}

static void
mute_close(KlTransport *transport)
{
}

/* "mute:" is a port on which nothing ever comes, and no time passes until that is known. */
static KlTransport *
open_transport(const char *address, const KlOp *op, GError **error)
{
    static const KlTransportClass mute_class = {mute_read, mute_write, mute_close};
    static KlTransport mute = {&mute_class};
    return strcmp(address, "mute:") == 0 ? &mute : kl_transport_open(address, op, error);
}

static KlDevice *
bench_open_at(Bench *bench, const char *agent, const char *modem, GError **error)
{
    const KlPorts ports = {agent, modem};
    bench->device = kl_wp77_driver.open(&ports, open_transport, &bench->op, error);
    return bench->device;
}

/* Starts the wires that were set up and opens the unit on them. */
static KlDevice *
bench_open(Bench *bench, gboolean crossed, GError **error)
{
    const Wire *second = &bench->wire[1];
    gboolean has_two = second->agent != NULL || second->modem != NULL;
    wire_start(&bench->wire[0]);
    if (!has_two)
        return bench_open_at(bench, bench->wire[0].address, NULL, error);
    wire_start(&bench->wire[1]);
    return bench_open_at(bench, bench->wire[crossed ? 1 : 0].address, bench->wire[crossed ? 0 : 1].address, error);
}

static void
open_ok(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    bench_open(bench, FALSE, &error);
    g_assert_no_error(error);
}
