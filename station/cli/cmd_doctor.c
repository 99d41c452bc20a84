/* keyline doctor: is everything ready for a shift. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/orphans_view.h"
#include "station/cli/passphrase.h"
#include "station/cli/text.h"

static const char *
state_name(const KlFinding *finding)
{
    return !finding->ok ? "FAIL" : finding->warning ? "warn" : "ok";
}

static void
print_json(const GPtrArray *findings, gboolean ok)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_bool(builder, "ok", ok);
    kl_json_array(builder, "findings");
    for (guint i = 0; i < findings->len; i++) {
        const KlFinding *finding = findings->pdata[i];
        json_builder_begin_object(builder);
        kl_json_string(builder, "title", finding->title);
        kl_json_bool(builder, "ok", finding->ok);
        kl_json_bool(builder, "warning", finding->warning);
        kl_json_string(builder, "detail", finding->detail);
        kl_json_string(builder, "remedy", finding->remedy);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_findings(const GPtrArray *findings, gboolean ok)
{
    guint width = 0;
    for (guint i = 0; i < findings->len; i++)
        width = MAX(width, kl_text_width(((KlFinding *)findings->pdata[i])->title));
    for (guint i = 0; i < findings->len; i++) {
        const KlFinding *finding = findings->pdata[i];
        g_autofree char *detail = kl_text_safe(finding->detail);
        int padding = (int)(width - kl_text_width(finding->title));
        printf("%-4s  %s%*s  %s\n", state_name(finding), finding->title, padding, "", detail);
        if (finding->remedy != NULL)
            printf("%*s  -> %s\n", 6 + (int)width, "", finding->remedy);
    }
    printf("\n%s\n", ok ? "Ready." : "Not ready: see the lines marked FAIL.");
}

static gboolean
all_ok(const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        if (!((KlFinding *)findings->pdata[i])->ok)
            return FALSE;
    }
    return TRUE;
}

int
kl_cmd_doctor(KlCli *cli, char **words, GError **error)
{
    g_auto(KlPassphraseSource) source = KL_PASSPHRASE_SOURCE_INIT;
    KlOrphansRequest orphans = KL_ORPHANS_REQUEST_INIT;
    gboolean look_for_orphans = FALSE;
    const GOptionEntry entries[] = {
        KL_PASSPHRASE_ENTRIES(source),
        {"orphans", 0, 0, G_OPTION_ARG_NONE, &look_for_orphans, "Look for what broken-off work left behind", NULL},
        {"clean", 0, 0, G_OPTION_ARG_NONE, &orphans.clean, "With --orphans: take them out of AWS", NULL},
        {"yes", 0, 0, G_OPTION_ARG_NONE, &orphans.yes, "With --clean: do not ask", NULL},
        {"older-than", 0, 0, G_OPTION_ARG_INT, &orphans.older_than, "Orphans are at least so old (default 60)",
         "MINUTES"},
        {NULL},
    };
    const char *about = "Looks at everything that a shift needs, and says what to do about what it finds.\n"
                        "Without a passphrase the CA's key is not tried. Exit code 3 when anything fails,\n"
                        "or with --orphans when there are any.";
    if (!kl_cli_parse(cli, "keyline doctor", NULL, about, entries, 0, 0, words, error))
        return -1;
    if (look_for_orphans)
        return kl_orphans_run(cli, &orphans, error);
    if (orphans.clean || orphans.yes) {
        kl_fail(error, KL_ERROR_USAGE, "--clean and --yes go with --orphans");
        return -1;
    }
    g_autoptr(KlSecret) passphrase = NULL;
    if (kl_passphrase_source_given(&source)) {
        passphrase = kl_passphrase_get(&source, NULL, NULL, FALSE, error);
        if (passphrase == NULL)
            return -1;
    }
    g_autoptr(GPtrArray) findings = kl_station_doctor(cli->dir, passphrase);
    gboolean ok = all_ok(findings);
    if (cli->json)
        print_json(findings, ok);
    else
        print_findings(findings, ok);
    return ok ? KL_EXIT_DONE : KL_EXIT_STATION;
}
