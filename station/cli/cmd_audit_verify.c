/* keyline audit verify: is a journal, an export or a proof what the station wrote. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/text.h"
#include "station/station_audit_verify.h"

/* What was read may have anything in it, which JSON can't. */
static void
json_safe(JsonBuilder *builder, const char *key, const char *text)
{
    g_autofree char *safe = text != NULL ? kl_text_safe(text) : NULL;
    kl_json_string(builder, key, safe);
}

static void
print_json(const KlAuditReport *report)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_bool(builder, "whole", kl_audit_report_whole(report));
    kl_json_string(builder, "what", report->what);
    json_safe(builder, "journal", report->journal);
    json_safe(builder, "station", report->station);
    kl_json_string(builder, "certificate_sha256", report->certificate_sha256);
    kl_json_bool(builder, "certificate_given", report->anchored);
    json_safe(builder, "identifier", report->identifier);
    kl_json_int(builder, "events", report->events);
    kl_json_int(builder, "first", report->first);
    kl_json_int(builder, "last", report->last);
    kl_json_int(builder, "through", report->through);
    kl_json_array(builder, "findings");
    for (guint i = 0; i < report->findings->len; i++) {
        const KlAuditFinding *finding = report->findings->pdata[i];
        json_builder_begin_object(builder);
        kl_json_string(builder, "kind", kl_audit_fault_name(finding->fault));
        kl_json_string(builder, "where", finding->where);
        kl_json_string(builder, "words", finding->words);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    kl_json_int(builder, "more", (gint64)report->untold);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_head(const KlAuditReport *report)
{
    g_autofree char *station = kl_text_safe(report->station);
    g_autofree char *journal = kl_text_safe(report->journal);
    printf("%-12s %" G_GINT64_FORMAT " events", report->what, report->events);
    if (report->first > 0)
        printf(", %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, report->first, report->last);
    printf("\n%-12s %s\n%-12s %s\n", "station", station, "journal", journal);
    if (report->identifier != NULL) {
        g_autofree char *identifier = kl_text_safe(report->identifier);
        printf("%-12s %s\n", "proof of", identifier);
    }
    if (report->certificate_sha256 != NULL)
        printf("%-12s %s\n", "certificate", report->certificate_sha256);
    if (report->certificate_sha256 != NULL && !report->anchored)
        printf("%-12s compare it with what the station shows: it came with what was checked\n", "");
}

static void
print_findings(const KlAuditReport *report)
{
    printf("\n");
    for (guint i = 0; i < report->findings->len; i++) {
        const KlAuditFinding *finding = report->findings->pdata[i];
        g_autofree char *where = kl_text_safe(finding->where);
        g_autofree char *words = kl_text_safe(finding->words);
        printf("%-10s %s: %s\n", kl_audit_fault_name(finding->fault), where, words);
    }
    if (report->untold > 0)
        printf("and %" G_GUINT64_FORMAT " more\n", report->untold);
    printf("\n%s\n%s\n", kl_error_words(KL_ERROR_AUDIT_ALTERED), kl_error_remedy(KL_ERROR_AUDIT_ALTERED));
}

static void
print_whole(const KlAuditReport *report)
{
    printf("\nWhole: everything is as the station wrote it.\n");
    if (report->through == 0)
        printf("But nothing of it is signed yet, so nothing shows who wrote it: see keyline audit checkpoint.\n");
    else if (report->through < report->last)
        printf("Signed up to event %" G_GINT64_FORMAT "; a checkpoint signs what came since.\n", report->through);
}

int
kl_cmd_audit_verify(KlCli *cli, char **words, GError **error)
{
    g_autofree char *checkpoint = NULL, *certificate = NULL;
    const GOptionEntry entries[] = {
        {"checkpoint", 0, 0, G_OPTION_ARG_FILENAME, &checkpoint,
         "Compare with a checkpoint that was kept elsewhere: shows what was cut off or rewritten", "FILE"},
        {"station-certificate", 0, 0, G_OPTION_ARG_FILENAME, &certificate,
         "Trust this certificate (PEM), whatever comes with what is checked", "FILE"},
        {NULL},
    };
    const char *about = "Checks a station's database, an export (folder or .tar) or a proof; without an argument this\n"
                        "station's own journal. Exit code 0: whole, 1: findings, 2: wrong usage, 3: can't be read.";
    if (!kl_cli_parse(cli, "keyline audit verify", "[DB|EXPORT|PROOF]", about, entries, 0, 1, words, error))
        return -1;
    const KlAuditVerifyRequest request = {words[1], checkpoint, certificate};
    g_autoptr(KlAuditReport) report = kl_station_audit_verify(cli->dir, &request, error);
    if (report == NULL)
        return -1;
    gboolean whole = kl_audit_report_whole(report);
    if (cli->json) {
        print_json(report);
        return whole ? KL_EXIT_DONE : KL_EXIT_UNIT;
    }
    print_head(report);
    if (whole)
        print_whole(report);
    else
        print_findings(report);
    return whole ? KL_EXIT_DONE : KL_EXIT_UNIT;
}
