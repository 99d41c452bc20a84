/* keyline-sim: a simulated line of FX30S units, on bare ptys or on a rigged USB bus. */
#include <glib.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "drivers/at_wp77/sim/sim.h"
#include "drivers/at_wp77/sim/sim_control.h"
#include "drivers/at_wp77/sim/sim_fault.h"
#include "drivers/at_wp77/sim/sim_hub_run.h"
#include "station/version.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2

typedef struct {
    int units;
    char *dir;
    char *line;
    char *ports;
    char *speed;
    gint64 seed;
    char *key_ms;
    int late_ms;
    int reconnect_ms;
    char **faults;
    char *firmware;
    char *model;
    char *keystore;
    char *key_slot;
    gboolean list_faults;
    gboolean version;
    gboolean with_parent;
    gboolean control;
    char *hub;
    char *hub_power;
    char *show_as;
    gboolean field;
    char **connect_to;
    int answer_ms;
    int retry_ms;
    int telemetry_ms;
    char **command;
} Arguments;

static void
arguments_clear(Arguments *arguments)
{
    g_free(arguments->dir);
    g_free(arguments->line);
    g_free(arguments->ports);
    g_free(arguments->speed);
    g_free(arguments->key_ms);
    g_strfreev(arguments->faults);
    g_free(arguments->firmware);
    g_free(arguments->model);
    g_free(arguments->keystore);
    g_free(arguments->key_slot);
    g_free(arguments->hub);
    g_free(arguments->hub_power);
    g_free(arguments->show_as);
    g_strfreev(arguments->connect_to);
    g_strfreev(arguments->command);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

static gboolean
parse_arguments(Arguments *arguments, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"units", 'n', 0, G_OPTION_ARG_INT, &arguments->units, "How many units (1; with --hub: all places)", "N"},
        {"dir", 'd', 0, G_OPTION_ARG_FILENAME, &arguments->dir, "Where the units live", "DIR"},
        {"line", 'l', 0, G_OPTION_ARG_FILENAME, &arguments->line, "Write the slots for the station here", "FILE"},
        {"ports", 0, 0, G_OPTION_ARG_STRING, &arguments->ports, "Ports of a unit: one or two (two)", "HOW"},
        {"speed", 0, 0, G_OPTION_ARG_STRING, &arguments->speed, "real or fast (real)", "HOW"},
        {"seed", 0, 0, G_OPTION_ARG_INT64, &arguments->seed, "Seed of identities and chance (1)", "N"},
        {"key-ms", 0, 0, G_OPTION_ARG_STRING, &arguments->key_ms, "Milliseconds that making a key takes", "MIN-MAX"},
        {"late-ms", 0, 0, G_OPTION_ARG_INT, &arguments->late_ms, "Delay of a late answer (2500)", "MS"},
        {"reconnect-ms", 0, 0, G_OPTION_ARG_INT, &arguments->reconnect_ms, "How long a lost unit is away (300)", "MS"},
        {"fault", 'f', 0, G_OPTION_ARG_STRING_ARRAY, &arguments->faults, "What goes wrong; may be repeated",
         "SLOTS:NAME[@STEP][*TIMES]"},
        {"faults", 0, 0, G_OPTION_ARG_NONE, &arguments->list_faults, "List the faults", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &arguments->version, "Say which version this is", NULL},
        {"firmware", 0, 0, G_OPTION_ARG_STRING, &arguments->firmware, "Firmware (" KL_SIM_FIRMWARE ")", "VERSION"},
        {"model", 0, 0, G_OPTION_ARG_STRING, &arguments->model, "Model (" KL_SIM_MODEL ")", "NAME"},
        {"keystore", 0, 0, G_OPTION_ARG_STRING, &arguments->keystore, "iks or software (iks)", "NAME"},
        {"key-slot", 0, 0, G_OPTION_ARG_STRING, &arguments->key_slot, "Key slot of used and locked units (keyline)",
         "NAME"},
        {"control", 0, 0, G_OPTION_ARG_NONE, &arguments->control,
         "Take \"unplug SLOT\", \"plug SLOT [FAULT ...]\", \"field SLOT\", \"clone SLOT ORIGINAL\" from stdin", NULL},
        {"field", 0, 0, G_OPTION_ARG_NONE, &arguments->field, "Provisioned units begin their first boot at once", NULL},
        {"connect-to", 0, 0, G_OPTION_ARG_STRING_ARRAY, &arguments->connect_to,
         "Where a first boot finds an endpoint; may be repeated", "HOST:PORT=ADDRESS:PORT"},
        {"answer-ms", 0, 0, G_OPTION_ARG_INT, &arguments->answer_ms,
         "How long a first boot waits for an answer (10000)", "MS"},
        {"retry-ms", 0, 0, G_OPTION_ARG_INT, &arguments->retry_ms, "Its longest wait before its second try (1000)",
         "MS"},
        {"telemetry-ms", 0, 0, G_OPTION_ARG_INT, &arguments->telemetry_ms,
         "Time between two telemetry messages (60000)", "MS"},
        {"hub", 0, 0, G_OPTION_ARG_STRING, &arguments->hub, "Units on a USB bus of hubs on a hub, for COMMAND only",
         "ROWSxCOLUMNS"},
        {"hub-power", 0, 0, G_OPTION_ARG_STRING, &arguments->hub_power,
         "Switching of ports: per-port, ganged, none or pretend (per-port)", "HOW"},
        {"show-as", 0, 0, G_OPTION_ARG_STRING, &arguments->show_as,
         "What units on hubs are plugged in as: module, ftdi or cp210x (module)", "HOW"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->command, NULL, "[-- COMMAND ...]"},
        {"with-parent", 0, 0, G_OPTION_ARG_NONE, &arguments->with_parent, "End when the parent process ends", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- a simulated line of FX30S units");
    g_option_context_set_description(context, "SLOTS is 3, 2-5, 1,4 or all; STEP one of the fault's steps or any. "
                                              "Without *TIMES a fault strikes every time.\n");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if ((arguments->hub != NULL) == (arguments->command != NULL))
        return TRUE;
    if (arguments->hub != NULL)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--hub needs a COMMAND");
    else
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "unexpected argument '%s'", arguments->command[0]);
    return FALSE;
}

static gboolean
wrong_value(GError **error, const char *option, const char *value, const char *allowed)
{
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s %s: must be %s", option, value, allowed);
    return FALSE;
}

/* *index is the value's in the list, which ends with NULL; it stays as it is when there is no value. */
static gboolean
read_choice(const char *option, const char *value, const char *const *choices, guint *index, GError **error)
{
    g_autofree char *allowed = g_strjoinv(" or ", (char **)choices);
    if (value == NULL)
        return TRUE;
    for (*index = 0; choices[*index] != NULL; (*index)++)
        if (strcmp(value, choices[*index]) == 0)
            return TRUE;
    return wrong_value(error, option, value, allowed);
}

static gboolean
read_key_ms(const char *text, KlSimOptions *options, GError **error)
{
    if (text == NULL)
        return TRUE;
    guint64 min = 0;
    guint64 max = 0;
    g_auto(GStrv) ends = g_strsplit(text, "-", 2);
    const char *begin = ends[0] != NULL ? ends[0] : "";
    const char *end = ends[0] != NULL && ends[1] != NULL ? ends[1] : begin;
    if (!g_ascii_string_to_unsigned(begin, 10, 0, G_MAXINT, &min, NULL) ||
        !g_ascii_string_to_unsigned(end, 10, MAX(min, 1), G_MAXINT, &max, NULL))
        return wrong_value(error, "key-ms", text, "MIN-MAX in milliseconds");
    options->key_ms_min = (guint)min;
    options->key_ms_max = (guint)max;
    return TRUE;
}

static gboolean
read_options(const Arguments *arguments, KlSimOptions *options, GError **error)
{
    *options = (KlSimOptions){
        .units = (guint)arguments->units,
        .dir = arguments->dir,
        .real_speed = TRUE,
        .seed = (guint64)arguments->seed,
        .late_ms = (guint)arguments->late_ms,
        .reconnect_ms = (guint)arguments->reconnect_ms,
        .faults = (const char *const *)arguments->faults,
        .model = arguments->model,
        .firmware = arguments->firmware,
        .keystore = arguments->keystore,
        .key_slot = arguments->key_slot,
        .in_field = arguments->field,
        .connect_to = (const char *const *)arguments->connect_to,
        .answer_ms = (guint)arguments->answer_ms,
        .retry_ms = (guint)arguments->retry_ms,
        .telemetry_ms = (guint)arguments->telemetry_ms,
    };
    if (arguments->dir == NULL) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--dir DIR is needed");
        return FALSE;
    }
    static const char *const ports[] = {"two", "one", NULL};
    static const char *const speeds[] = {"fast", "real", NULL};
    guint one = FALSE;
    guint real = TRUE;
    if (!read_choice("ports", arguments->ports, ports, &one, error) ||
        !read_choice("speed", arguments->speed, speeds, &real, error))
        return FALSE;
    options->one_port = one != 0;
    options->real_speed = real != 0;
    return read_key_ms(arguments->key_ms, options, error);
}

static gboolean
read_hub(const Arguments *arguments, KlSimHubRun *run, GError **error)
{
    static const char *const powers[] = {
        [KL_SIM_HUB_NONE] = "none",
        [KL_SIM_HUB_GANGED] = "ganged",
        [KL_SIM_HUB_PER_PORT] = "per-port",
        [KL_SIM_HUB_PRETEND] = "pretend",
        NULL,
    };
    static const KlSimBusKind kinds[] = {KL_SIM_MODULE, KL_SIM_FTDI, KL_SIM_CP210X};
    static const char *const kind_names[] = {"module", "ftdi", "cp210x", NULL};
    guint power = KL_SIM_HUB_PER_PORT;
    guint kind = 0;
    if (!kl_sim_hub_parse(arguments->hub, &run->hub, error) ||
        !read_choice("hub-power", arguments->hub_power, powers, &power, error) ||
        !read_choice("show-as", arguments->show_as, kind_names, &kind, error))
        return FALSE;
    run->power = (KlSimHubPower)power;
    run->options.kind = kinds[kind];
    if (run->options.units == 0)
        run->options.units = run->hub.rows * run->hub.columns;
    return TRUE;
}

static int
fail(const GError *error)
{
    g_printerr("keyline-sim: %s\n", error->message);
    return error->domain == G_OPTION_ERROR ? EXIT_USAGE : EXIT_FAILED;
}

/* Carries out what comes on standard input until that ends. A signal ends the program at once. */
static void
obey(KlSim *sim, guint units, const sigset_t *ending)
{
    char line[512];
    guint next_index = units;
    sigprocmask(SIG_UNBLOCK, ending, NULL);
    while (fgets(line, sizeof line, stdin) != NULL) {
        g_autofree char *answer = kl_sim_control(sim, units, &next_index, line);
        g_print("%s\n", answer);
        fflush(stdout);
    }
    sigprocmask(SIG_BLOCK, ending, NULL);
}

static int
serve(const KlSimOptions *options, const Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    if (arguments->with_parent)
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    g_autoptr(KlSim) sim = kl_sim_start(options, &error);
    if (sim == NULL || (arguments->line != NULL && !kl_sim_write_line(sim, arguments->line, &error)))
        return fail(error);
    g_print("ready: %u units\n", options->units);
    fflush(stdout);
    if (arguments->control)
        obey(sim, options->units, &ending);
    int received = 0;
    sigwait(&ending, &received);
    return 0;
}

/* What is given on the command line is there again in the second run, inside. */
static int
serve_hub(char **given, const KlSimOptions *options, const Arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    KlSimHubRun run = {
        .options = *options, .line = arguments->line, .control = arguments->control, .command = arguments->command};
    if (!read_hub(arguments, &run, &error) || !kl_sim_bus_enter(given, &error))
        return fail(error);
    if (arguments->with_parent)
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    int status = kl_sim_hub_run(&run, &error);
    return status >= 0 ? status : fail(error);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) given = g_strdupv(argv);
    g_auto(Arguments) arguments = {.seed = 1};
    KlSimOptions options;
    setlocale(LC_CTYPE, ""); /* --help is not plain ASCII */
    if (!parse_arguments(&arguments, &argc, &argv, &error))
        return fail(error);
    if (arguments.list_faults) {
        g_autofree char *table = kl_sim_faults_table();
        g_print("%s", table);
        return 0;
    }
    if (arguments.version) {
        kl_version_print("keyline-sim");
        return 0;
    }
    if (!read_options(&arguments, &options, &error))
        return fail(error);
    if (arguments.hub != NULL)
        return serve_hub(given, &options, &arguments);
    options.units = MAX(options.units, 1);
    return serve(&options, &arguments);
}
