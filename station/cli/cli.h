/* What all commands share: the options before and after the command's name, and how a failure is told. */
#pragma once

#include <stdio.h>

#include <glib.h>

#include "station/cli/exit_codes.h"

G_BEGIN_DECLS

typedef struct {
    char *dir;     /* the station folder, absolute */
    gboolean json; /* --output json */
} KlCli;

/* A command gets its words, its own name first. It returns its exit code, or -1 with *error set: main tells the failure
 * and finds the exit code. */
typedef int (*KlCommandRun)(KlCli *cli, char **words, GError **error);

typedef struct {
    const char *name;
    const char *summary;
    KlCommandRun run;
} KlCommand;

/* Takes the options out of words, in place: what is left is the command's name and its arguments, of which there must
 * be min to max. Knows --station and --output as well as the command's own entries (may be NULL). command is "keyline
 * NAME", synopsis the arguments ("ID") and about the lines for --help, which is printed here and ends the program.
 * USAGE. */
gboolean kl_cli_parse(KlCli *cli, const char *command, const char *synopsis, const char *about,
                      const GOptionEntry *entries, guint min, guint max, char **words, GError **error);

/* Takes the options before the command's name out of words, in place; stops at the first word that is none. help and
 * version are set when asked for. USAGE. */
gboolean kl_cli_parse_global(KlCli *cli, char **words, gboolean *help, gboolean *version, GError **error);

/* Finds the command that words[0] names and runs it. USAGE names the ones there are. group is what comes before it
 * ("keyline ca"). */
int kl_cli_dispatch(KlCli *cli, const char *group, const KlCommand *commands, char **words, GError **error);

/* A command that has commands of its own ("keyline ca init"): takes the shared options, then dispatches; --help tells
 * about and the list. USAGE. */
int kl_cli_run_group(KlCli *cli, const char *group, const char *about, const KlCommand *commands, char **words,
                     GError **error);

/* The lines "  name   summary" of a command table. The caller frees. */
char *kl_cli_command_list(const KlCommand *commands);

/* Words, details, remedy and code of a failure, indented by indent, on stderr or stdout. */
void kl_cli_print_failure(FILE *file, const char *indent, const char *code, const char *detail);

/* Tells why a command failed (and with --output json prints it as a document on stdout), and returns the exit code. */
KlExitCode kl_cli_failed(const KlCli *cli, const GError *error);

G_END_DECLS
