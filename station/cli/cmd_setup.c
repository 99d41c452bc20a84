/* keyline setup: makes a station folder. */
#include <stdio.h>
#include <string.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/station.h"

/* The only product that setup has a profile for. */
#define PRODUCT "fx30s"

typedef struct {
    char *name;
    char *line_file;
    char *product;
    char *print;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->name);
    g_free(options->line_file);
    g_free(options->product);
    g_free(options->print);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static void
print_json(const KlCli *cli)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "station", cli->dir);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_next(const KlCli *cli, gboolean has_slots)
{
    printf("The station is in %s\n\nNext:\n", cli->dir);
    /* Quoted only where the shell needs it: people copy these lines. */
    gboolean plain = cli->dir[strspn(cli->dir, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "/._-")] == '\0';
    g_autofree char *quoted = plain ? g_strdup(cli->dir) : g_shell_quote(cli->dir);
    if (!has_slots)
        printf("  name the slots in station.conf (see the lines there), then\n");
    printf("  keyline --station %s ca init\n  keyline --station %s doctor\n", quoted, quoted);
}

static int
print_template(const char *file, GError **error)
{
    g_autofree char *text = kl_station_template(file);
    if (text == NULL) {
        kl_fail(error, KL_ERROR_USAGE, "--print %s: must be station.conf or " PRODUCT ".conf", file);
        return -1;
    }
    fputs(text, stdout);
    return KL_EXIT_DONE;
}

int
kl_cmd_setup(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) options = {0};
    const GOptionEntry entries[] = {
        {"name", 'n', 0, G_OPTION_ARG_STRING, &options.name, "The station's name (default: this computer's)", "NAME"},
        {"line", 'l', 0, G_OPTION_ARG_FILENAME, &options.line_file, "A file with the line's slots", "FILE"},
        {"product", 'p', 0, G_OPTION_ARG_STRING, &options.product, "The product: " PRODUCT, "NAME"},
        {"print", 0, 0, G_OPTION_ARG_STRING, &options.print, "Only print it: station.conf or " PRODUCT ".conf", "FILE"},
        {NULL},
    };
    const char *about = "Makes a station folder: station.conf, products/" PRODUCT ".conf, ca/, keyline.db.\n"
                        "What is there already is left as it is.";
    if (!kl_cli_parse(cli, "keyline setup", NULL, about, entries, 0, 0, words, error))
        return -1;
    if (options.print != NULL)
        return print_template(options.print, error);
    if (options.product != NULL && strcmp(options.product, PRODUCT) != 0) {
        kl_fail(error, KL_ERROR_USAGE,
                "--product %s: setup knows " PRODUCT " only; copy products/" PRODUCT ".conf for another product",
                options.product);
        return -1;
    }
    const char *name = options.name != NULL ? options.name : g_get_host_name();
    if (!kl_station_setup(cli->dir, name, options.line_file, error))
        return -1;
    g_autoptr(KlConfig) config = kl_config_load(cli->dir, error);
    if (config == NULL)
        return -1;
    if (cli->json)
        print_json(cli);
    else
        print_next(cli, config->slots->len > 0);
    return KL_EXIT_DONE;
}
