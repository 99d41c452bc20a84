/* keyline provision: the unit in one slot. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/unit_report.h"
#include "station/cli/work.h"

typedef struct {
    char *slot, *label, *operator_id, *work_order, *product, *reason;
    KlPassphraseSource passphrase;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->slot);
    g_free(options->label);
    g_free(options->operator_id);
    g_free(options->work_order);
    g_free(options->product);
    g_free(options->reason);
    kl_passphrase_source_clear(&options->passphrase);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean
parse(KlCli *cli, Options *o, char **words, GError **error)
{
    const GOptionEntry entries[] = {
        {"slot", 'S', 0, G_OPTION_ARG_STRING, &o->slot, "The slot (see keyline slots)", "SLOT"},
        {"label", 'l', 0, G_OPTION_ARG_STRING, &o->label, "The label as scanned: must be this unit's", "TEXT"},
        {"operator", 0, 0, G_OPTION_ARG_STRING, &o->operator_id, "Who works here, for the record", "ID"},
        {"work-order", 'w', 0, G_OPTION_ARG_STRING, &o->work_order, "Work order, for the record", "WO"},
        {"product", 'p', 0, G_OPTION_ARG_STRING, &o->product, "Product (default: the station's)", "NAME"},
        {"reprovision", 0, 0, G_OPTION_ARG_STRING, &o->reason, "Replace a unit's key and certificate", "REASON"},
        KL_PASSPHRASE_ENTRIES(o->passphrase),
        {NULL},
    };
    const char *about = "Provisions the unit in a slot and prints its verdict. A unit that was\n"
                        "provisioned before is checked, not redone. Ctrl-C stops and keeps the record.";
    if (!kl_cli_parse(cli, "keyline provision", NULL, about, entries, 0, 0, words, error))
        return FALSE;
    if (o->slot == NULL)
        return kl_fail(error, KL_ERROR_USAGE, "--slot is missing ('keyline slots' lists them)");
    if (o->reason != NULL && o->reason[0] == '\0')
        return kl_fail(error, KL_ERROR_USAGE, "--reprovision needs a reason for the record");
    return TRUE;
}

int
kl_cmd_provision(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) o = {.passphrase = KL_PASSPHRASE_SOURCE_INIT};
    if (!parse(cli, &o, words, error))
        return -1;
    g_autoptr(KlStation) station = kl_work_open(cli, o.product, error);
    if (station == NULL || kl_config_slot(kl_station_config(station), o.slot, error) == NULL ||
        !kl_passphrase_unlock(station, &o.passphrase, error) || !kl_station_ready(station, error))
        return -1;

    const KlJobRequest request = {
        .operator_id = o.operator_id, .work_order = o.work_order, .label = o.label, .reprovision_reason = o.reason};
    g_autoptr(KlRecord) record = kl_work_run(station, o.slot, &request);
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_unit_report_json(builder, record, TRUE);
        json_builder_end_object(builder);
        kl_json_print(builder);
    } else {
        kl_unit_report_print(stdout, record);
    }
    return (int)kl_exit_code_of_record(record);
}
