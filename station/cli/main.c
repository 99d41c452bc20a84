/* keyline: the station on the command line. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "station/cli/commands.h"
#include "station/secret.h"
#include "station/station.h"
#include "station/version.h"

static const KlCommand commands[] = {
    {"setup", "make a station folder", kl_cmd_setup},
    {"ca", "the certificate authority: init, import, show, revoke, crl", kl_cmd_ca},
    {"doctor", "look whether everything is ready for a shift", kl_cmd_doctor},
    {"slots", "list the slots; --look shows which units stand there", kl_cmd_slots},
    {"provision", "provision the unit in one slot", kl_cmd_provision},
    {"batch", "provision every unit that is plugged in, until so many are done", kl_cmd_batch},
    {"records", "what was done: list, show, find", kl_cmd_records},
    {"trace", "a unit's whole life, by any of its numbers", kl_cmd_trace},
    {"recall", "list the units of a batch, a CA, a firmware, ...", kl_cmd_recall},
    {"quota", "how many units of a work order may get a certificate", kl_cmd_quota},
    {"audit", "the journal: export, prove, verify, checkpoint, show", kl_cmd_audit},
    {"backup", "copy the database, also while the line runs", kl_cmd_backup},
    {"restore", "put a copy back in its place", kl_cmd_restore},
    {"registry", "the registration rows of the units, and their way to the cloud", kl_cmd_registry},
    {NULL, NULL, NULL},
};

#define OTHER_FOLDER (KL_STATION_DIR[0] != '\0' ? ", or " KL_STATION_DIR : "")

static void
print_help(FILE *file)
{
    g_autofree char *list = kl_cli_command_list(commands);
    fprintf(file,
            "Usage: keyline [--station DIR] [--output table|json] COMMAND ...\n"
            "       keyline COMMAND --help | --help | --version\n"
            "Provisions FX30S units: key made on the unit, certificate, proof, record.\n\n"
            "%s\n"
            "Start:  keyline setup --line FILE, then keyline ca init, then keyline doctor\n"
            "Folder: --station DIR, KEYLINE_STATION, the current folder%s\n"
            "Exit codes: 0 done, all units passed   2 wrong usage or configuration\n"
            "            1 some unit did not pass   3 the station could not work\n",
            list, OTHER_FOLDER);
}

static int
run(KlCli *cli, char **words, GError **error)
{
    gboolean help = FALSE, version = FALSE;
    if (!kl_cli_parse_global(cli, words, &help, &version, error))
        return -1;
    if (version) {
        kl_version_print("keyline");
        return KL_EXIT_DONE;
    }
    if (help) {
        print_help(stdout);
        return KL_EXIT_DONE;
    }
    if (words[1] == NULL) {
        print_help(stderr);
        return KL_EXIT_USAGE;
    }
    return kl_cli_dispatch(cli, "keyline", commands, words + 1, error);
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    kl_secret_init();

    KlCli cli = {.dir = kl_station_usual_dir()};
    g_auto(GStrv) words = g_strdupv(argv);
    g_autoptr(GError) error = NULL;
    int code = run(&cli, words, &error);
    if (code < 0)
        code = (int)kl_cli_failed(&cli, error);
    /* A listing that could not be written is no success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == KL_EXIT_DONE) {
        perror("keyline: standard output");
        code = KL_EXIT_STATION;
    }
    g_free(cli.dir);
    return code;
}
