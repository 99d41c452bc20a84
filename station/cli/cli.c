#include "station/cli/cli.h"

#include <string.h>

#include "station/cli/json.h"
#include "station/cli/text.h"

/* What the shared options are read into before they are checked. */
typedef struct {
    char *dir;
    char *output;
    gboolean help;
    gboolean version;
} Shared;

static void
shared_clear(Shared *shared)
{
    g_free(shared->dir);
    g_free(shared->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Shared, shared_clear)

static gboolean
apply_shared(KlCli *cli, const Shared *shared, GError **error)
{
    if (shared->dir != NULL) {
        g_free(cli->dir);
        cli->dir = g_canonicalize_filename(shared->dir, NULL);
    }
    if (shared->output == NULL)
        return TRUE;
    cli->json = strcmp(shared->output, "json") == 0;
    if (!cli->json && strcmp(shared->output, "table") != 0)
        return kl_fail(error, KL_ERROR_USAGE, "--output %s: must be table or json", shared->output);
    return TRUE;
}

static gboolean
parse(GOptionContext *context, char **words, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (!g_option_context_parse_strv(context, &words, &local))
        return kl_fail(error, KL_ERROR_USAGE, "%s", local->message);
    return TRUE;
}

gboolean
kl_cli_parse_global(KlCli *cli, char **words, gboolean *help, gboolean *version, GError **error)
{
    g_auto(Shared) shared = {0};
    const GOptionEntry entries[] = {
        {"station", 's', 0, G_OPTION_ARG_FILENAME, &shared.dir, NULL, NULL},
        {"output", 'o', 0, G_OPTION_ARG_STRING, &shared.output, NULL, NULL},
        {"help", 'h', 0, G_OPTION_ARG_NONE, &shared.help, NULL, NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &shared.version, NULL, NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_strict_posix(context, TRUE);
    if (!parse(context, words, error))
        return FALSE;
    *help = shared.help;
    *version = shared.version;
    return apply_shared(cli, &shared, error);
}

gboolean
kl_cli_parse(KlCli *cli, const char *command, const char *synopsis, const char *about, const GOptionEntry *entries,
             guint min, guint max, char **words, GError **error)
{
    g_auto(Shared) shared = {0};
    const GOptionEntry shared_entries[] = {
        {"station", 's', 0, G_OPTION_ARG_FILENAME, &shared.dir, "The station folder", "DIR"},
        {"output", 'o', 0, G_OPTION_ARG_STRING, &shared.output, "table (default) or json", "FORM"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(synopsis);
    g_set_prgname(command);
    g_option_context_set_summary(context, about);
    if (entries != NULL)
        g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_main_entries(context, shared_entries, NULL);
    if (!parse(context, words, error) || !apply_shared(cli, &shared, error))
        return FALSE;

    guint count = g_strv_length(words);
    guint given = count > 0 ? count - 1 : 0;
    if (given < min)
        return kl_fail(error, KL_ERROR_USAGE, "%s: %s is missing", command, synopsis);
    if (given > max)
        return kl_fail(error, KL_ERROR_USAGE, "%s: '%s' is one word too many", command, words[max + 1]);
    return TRUE;
}

char *
kl_cli_command_list(const KlCommand *commands)
{
    GString *list = g_string_new(NULL);
    int width = 0;
    for (const KlCommand *c = commands; c->name != NULL; c++)
        width = MAX(width, (int)strlen(c->name));
    for (const KlCommand *c = commands; c->name != NULL; c++)
        g_string_append_printf(list, "  %-*s  %s\n", width, c->name, c->summary);
    return g_string_free(list, FALSE);
}

int
kl_cli_dispatch(KlCli *cli, const char *group, const KlCommand *commands, char **words, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (const KlCommand *c = commands; c->name != NULL; c++) {
        if (g_strcmp0(words[0], c->name) == 0)
            return c->run(cli, words, error);
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", c->name);
    }
    if (words[0] == NULL)
        kl_fail(error, KL_ERROR_USAGE, "%s: a command is missing; there are: %s", group, names->str);
    else
        kl_fail(error, KL_ERROR_USAGE, "%s: there is no command '%s'; there are: %s", group, words[0], names->str);
    return -1;
}

int
kl_cli_run_group(KlCli *cli, const char *group, const char *about, const KlCommand *commands, char **words,
                 GError **error)
{
    gboolean help = FALSE, version = FALSE;
    if (!kl_cli_parse_global(cli, words, &help, &version, error))
        return -1;
    if (help) {
        g_autofree char *list = kl_cli_command_list(commands);
        printf("Usage: %s COMMAND ...\n       %s COMMAND --help\n\n%s\n\n%s", group, group, about, list);
        return KL_EXIT_DONE;
    }
    return kl_cli_dispatch(cli, group, commands, words + 1, error);
}

void
kl_cli_print_failure(FILE *file, const char *indent, const char *code, const char *detail)
{
    int number = kl_error_from_name(code);
    KlErrorCode known = number < 0 ? KL_ERROR_INTERNAL : (KlErrorCode)number;
    g_autofree char *safe_detail = kl_text_safe(detail);
    g_autofree char *safe_code = kl_text_safe(code);
    fprintf(file, "%s%s\n", indent, kl_error_words(known));
    fprintf(file, "%s  details: %s\n", indent, safe_detail);
    fprintf(file, "%s  remedy:  %s\n", indent, kl_error_remedy(known));
    fprintf(file, "%s  code:    %s\n", indent, safe_code);
}

KlExitCode
kl_cli_failed(const KlCli *cli, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    fprintf(stderr, "keyline: ");
    kl_cli_print_failure(stderr, "", kl_error_name(code), error->message);
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        json_builder_set_member_name(builder, "error");
        json_builder_begin_object(builder);
        kl_json_string(builder, "code", kl_error_name(code));
        kl_json_string(builder, "words", kl_error_words(code));
        kl_json_string(builder, "remedy", kl_error_remedy(code));
        kl_json_string(builder, "detail", error->message);
        json_builder_end_object(builder);
        json_builder_end_object(builder);
        kl_json_print(builder);
    }
    return kl_exit_code(code);
}
