/* keyline-sim: a simulated line of FX30S units. */
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "drivers/at_wp77/sim/sim.h"
#include "drivers/at_wp77/sim/sim_control.h"
#include "drivers/at_wp77/sim/sim_fault.h"

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
    gboolean with_parent;
    gboolean control;
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
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

static gboolean
parse_arguments(Arguments *arguments, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"units", 'n', 0, G_OPTION_ARG_INT, &arguments->units, "How many units (1)", "N"},
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
        {"firmware", 0, 0, G_OPTION_ARG_STRING, &arguments->firmware, "Firmware (" KL_SIM_FIRMWARE ")", "VERSION"},
        {"model", 0, 0, G_OPTION_ARG_STRING, &arguments->model, "Model (" KL_SIM_MODEL ")", "NAME"},
        {"keystore", 0, 0, G_OPTION_ARG_STRING, &arguments->keystore, "iks or software (iks)", "NAME"},
        {"key-slot", 0, 0, G_OPTION_ARG_STRING, &arguments->key_slot, "Key slot of used and locked units (keyline)",
         "NAME"},
        {"control", 0, 0, G_OPTION_ARG_NONE, &arguments->control,
         "Take \"unplug SLOT\", \"plug SLOT [FAULT ...]\" from stdin", NULL},
        {"with-parent", 0, 0, G_OPTION_ARG_NONE, &arguments->with_parent, "End when the parent process ends", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- a simulated line of FX30S units");
    g_option_context_set_description(context, "SLOTS is 3, 2-5, 1,4 or all; STEP one of the fault's steps or any. "
                                              "Without *TIMES a fault strikes every time.\n");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (*argc != 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "unexpected argument '%s'", (*argv)[1]);
        return FALSE;
    }
    return TRUE;
}

static gboolean
wrong_value(GError **error, const char *option, const char *value, const char *allowed)
{
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s %s: must be %s", option, value, allowed);
    return FALSE;
}

/* *first is whether the value is `yes`, the first of the two that are allowed. */
static gboolean
read_choice(const char *option, const char *value, const char *yes, const char *no, gboolean *first, GError **error)
{
    g_autofree char *allowed = g_strdup_printf("%s or %s", yes, no);
    if (value == NULL)
        return TRUE;
    *first = strcmp(value, yes) == 0;
    return *first || strcmp(value, no) == 0 || wrong_value(error, option, value, allowed);
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
    };
    if (arguments->dir == NULL) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--dir DIR is needed");
        return FALSE;
    }
    return read_choice("ports", arguments->ports, "one", "two", &options->one_port, error) &&
           read_choice("speed", arguments->speed, "real", "fast", &options->real_speed, error) &&
           read_key_ms(arguments->key_ms, options, error);
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

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_auto(Arguments) arguments = {.units = 1, .seed = 1};
    KlSimOptions options;
    if (!parse_arguments(&arguments, &argc, &argv, &error))
        return fail(error);
    if (arguments.list_faults) {
        g_autofree char *table = kl_sim_faults_table();
        g_print("%s", table);
        return 0;
    }
    if (!read_options(&arguments, &options, &error))
        return fail(error);
    return serve(&options, &arguments);
}
