/* keyline-agent: one unit's agent on a pseudo-terminal, for trying a station against a single unit. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "drivers/at_wp77/agent/host/host_boot.h"
#include "drivers/at_wp77/agent/host/host_line.h"
#include "drivers/at_wp77/agent/host/host_store.h"

#define READER_PATIENCE_MS 1000

typedef struct {
    int master;
    int slave; /* kept open, so that a station may come and go */
    KlAgent *agent;
    KlHostLine *line;
    GMainLoop *loop;
} Unit;

typedef struct {
    char *store;
    char *link;
    char *imei;
    char *fsn;
    char *model;
    char *firmware;
    char *keystore;
    char **connect_to;
    gint64 clock_offset;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->store);
    g_free(options->link);
    g_free(options->imei);
    g_free(options->fsn);
    g_free(options->model);
    g_free(options->firmware);
    g_free(options->keystore);
    g_strfreev(options->connect_to);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static void
handle_line(gpointer data, const char *line, gsize len, KlAgentOut out, gpointer out_data)
{
    Unit *unit = data;
    if (!kl_host_line_basic(unit->line, line, len, out, out_data) &&
        !kl_agent_command(unit->agent, line, len, out, out_data))
        out(out_data, KL_AGENT_FINAL, "ERROR");
}

/* Like a UART, drops what nobody reads. */
static void
write_bytes(gpointer data, const guint8 *bytes, gsize len)
{
    Unit *unit = data;
    while (len > 0) {
        struct pollfd ready = {.fd = unit->master, .events = POLLOUT};
        if (poll(&ready, 1, READER_PATIENCE_MS) <= 0)
            return;
        ssize_t n = write(unit->master, bytes, len);
        if (n <= 0)
            return;
        bytes += n;
        len -= (gsize)n;
    }
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    Unit *unit = data;
    guint8 bytes[512];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0)
        kl_host_line_feed(unit->line, bytes, (gsize)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        g_main_loop_quit(unit->loop);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_signal(gpointer data)
{
    Unit *unit = data;
    g_main_loop_quit(unit->loop);
    return G_SOURCE_CONTINUE;
}

/* Opens a pty in raw mode; gives the name of its other end. */
static char *
open_port(Unit *unit, GError **error)
{
    unit->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    char name[64];
    struct termios settings;
    if (unit->master >= 0 && grantpt(unit->master) == 0 && unlockpt(unit->master) == 0 &&
        ptsname_r(unit->master, name, sizeof name) == 0) {
        unit->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (unit->slave >= 0 && tcgetattr(unit->slave, &settings) == 0) {
            cfmakeraw(&settings);
            if (tcsetattr(unit->slave, TCSANOW, &settings) == 0)
                return g_strdup(name);
        }
    }
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "can't open a pseudo-terminal: %s",
                g_strerror(errno));
    return NULL;
}

/* Points the link at the port; replaces a link of an earlier run, but never a file. */
static gboolean
make_link(const char *link, const char *port, GError **error)
{
    if (g_file_test(link, G_FILE_TEST_IS_SYMLINK))
        g_unlink(link);
    if (symlink(port, link) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "can't make the link %s: %s", link,
                g_strerror(errno));
    return FALSE;
}

static gboolean
parse_options(Options *options, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"store", 's', 0, G_OPTION_ARG_FILENAME, &options->store, "The unit's folder: its keys and items", "DIR"},
        {"link", 'l', 0, G_OPTION_ARG_FILENAME, &options->link, "Make a link to the unit's port here", "PATH"},
        {"imei", 0, 0, G_OPTION_ARG_STRING, &options->imei, "15 digits", "IMEI"},
        {"fsn", 0, 0, G_OPTION_ARG_STRING, &options->fsn, "Factory serial number, up to 14 characters", "FSN"},
        {"model", 0, 0, G_OPTION_ARG_STRING, &options->model, "What the module says it is (WP7702)", "MODEL"},
        {"firmware", 0, 0, G_OPTION_ARG_STRING, &options->firmware, "Its firmware version", "VERSION"},
        {"keystore", 0, 0, G_OPTION_ARG_STRING, &options->keystore, "What it says of its keystore: iks or software",
         "NAME"},
        {"connect-to", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->connect_to, "Where its first boot finds an endpoint",
         "HOST:PORT=ADDRESS:PORT"},
        {"clock-offset", 0, 0, G_OPTION_ARG_INT64, &options->clock_offset, "How far its clock is off", "SECONDS"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- one unit's agent on a pseudo-terminal");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (options->store == NULL || *argc != 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--store DIR is needed, and nothing but options");
        return FALSE;
    }
    for (char **at = options->connect_to; at != NULL && *at != NULL; at++) {
        if (!kl_host_boot_connect_to_valid(*at)) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--connect-to %s: HOST:PORT=ADDRESS:PORT",
                        *at);
            return FALSE;
        }
    }
    return TRUE;
}

static void
set_text(char *out, gsize size, const char *given, const char *otherwise)
{
    g_strlcpy(out, given != NULL ? given : otherwise, size);
}

static gboolean
serve(Unit *unit, const Options *options, GError **error)
{
    KlAgentIdentity identity;
    set_text(identity.imei, sizeof identity.imei, options->imei, "352653090000019");
    set_text(identity.fsn, sizeof identity.fsn, options->fsn, "4L900000000001");
    set_text(identity.model, sizeof identity.model, options->model, "WP7702");
    set_text(identity.firmware, sizeof identity.firmware, options->firmware, "SWI9X06Y_02.32.02.00");
    g_autoptr(KlHostStore) store = kl_host_store_open(
        options->store, &identity, options->keystore != NULL ? options->keystore : "software", error);
    if (store == NULL)
        return FALSE;
    g_autofree char *port = open_port(unit, error);
    if (port == NULL || (options->link != NULL && !make_link(options->link, port, error)))
        return FALSE;
    const KlHostBootOptions boot_options = {.ops = &kl_host_store_ops,
                                            .ops_data = store,
                                            .store = store,
                                            .connect_to = (const char *const *)options->connect_to,
                                            .clock_offset_s = options->clock_offset};
    g_autoptr(KlHostBoot) boot = kl_host_boot_start(&boot_options, error);
    if (boot == NULL)
        return FALSE;
    g_autoptr(KlAgent) agent = kl_agent_new(&kl_host_store_ops, store);
    kl_agent_set_boot(agent, &kl_host_boot_control, boot);
    g_autoptr(KlHostLine) line = kl_host_line_new(handle_line, unit, write_bytes, unit);
    unit->agent = agent;
    unit->line = line;
    g_unix_fd_add(unit->master, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, unit);
    g_unix_signal_add(SIGINT, on_signal, unit);
    g_unix_signal_add(SIGTERM, on_signal, unit);
    g_print("%s\n", port);
    g_main_loop_run(unit->loop);
    if (options->link != NULL)
        g_unlink(options->link);
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Unit unit = {.master = -1, .slave = -1, .loop = loop};
    if (!parse_options(&options, &argc, &argv, &error)) {
        g_printerr("keyline-agent: %s\n", error->message);
        return 2;
    }
    gboolean ok = serve(&unit, &options, &error);
    if (!ok)
        g_printerr("keyline-agent: %s\n", error->message);
    if (unit.slave >= 0)
        close(unit.slave);
    if (unit.master >= 0)
        close(unit.master);
    return ok ? 0 : 1;
}
