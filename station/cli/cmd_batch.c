/* keyline batch: the units in several slots, side by side. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/table.h"
#include "station/cli/text.h"
#include "station/cli/unit_report.h"
#include "station/cli/work.h"

typedef struct {
    int count;
    char *operator_id, *work_order, *product;
    KlPassphraseSource passphrase;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->operator_id);
    g_free(options->work_order);
    g_free(options->product);
    kl_passphrase_source_clear(&options->passphrase);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* What the records of a batch come to. */
typedef struct {
    guint units, passed;
    const KlStepResult *slowest; /* the longest attempt at a step, or NULL */
    const char *slowest_slot;
} Summary;

static Summary
summarise(const GPtrArray *records)
{
    Summary summary = {.units = records->len};
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        summary.passed += record->outcome == KL_OUTCOME_PASS;
        for (guint j = 0; j < record->steps->len; j++) {
            const KlStepResult *step = record->steps->pdata[j];
            if (summary.slowest != NULL && step->duration_us <= summary.slowest->duration_us)
                continue;
            summary.slowest = step;
            summary.slowest_slot = record->slot;
        }
    }
    return summary;
}

static double
yield_percent(const Summary *summary)
{
    return summary->units > 0 ? 100.0 * summary->passed / summary->units : 0;
}

static void
print_json(const char *batch, const GPtrArray *records)
{
    Summary summary = summarise(records);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "batch", batch);
    kl_json_int(builder, "units", summary.units);
    kl_json_int(builder, "passed", summary.passed);
    kl_json_int(builder, "failed", summary.units - summary.passed);
    kl_json_double(builder, "yield_percent", yield_percent(&summary));
    kl_json_string(builder, "slowest_step", summary.slowest != NULL ? summary.slowest->step : NULL);
    kl_json_array(builder, "results");
    for (guint i = 0; i < records->len; i++) {
        json_builder_begin_object(builder);
        kl_unit_report_json(builder, records->pdata[i], TRUE);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_table(const char *batch, const GPtrArray *records)
{
    g_autoptr(KlTable) table =
        kl_table_new((const char *const[]){"SLOT", "DEVICE", "IMEI", "FSN", "VERDICT", ">SECONDS", "CODE", NULL});
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        const KlUnit *unit = record->unit;
        g_autofree char *seconds = kl_unit_report_seconds(record);
        kl_table_add(table, (const char *const[]){record->slot, unit != NULL ? unit->device_id : NULL,
                                                  unit != NULL ? unit->imei : NULL, unit != NULL ? unit->fsn : NULL,
                                                  kl_outcome_name(record->outcome), seconds,
                                                  record->code != NULL ? record->code : ""});
    }
    kl_table_print(table, stdout);

    Summary summary = summarise(records);
    printf("\n%u unit%s: %u passed, %u failed, yield %.1f %%", summary.units, summary.units == 1 ? "" : "s",
           summary.passed, summary.units - summary.passed, yield_percent(&summary));
    if (summary.slowest != NULL)
        printf("; slowest step: %s, %.2f s in slot %s", summary.slowest->step, summary.slowest->duration_us / 1e6,
               summary.slowest_slot);
    printf("\nbatch %s\n", batch);
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        if (record->outcome == KL_OUTCOME_PASS)
            continue;
        printf("\n");
        kl_unit_report_print_failure(stdout, record);
    }
}

static gboolean
parse(KlCli *cli, Options *o, char **words, GError **error)
{
    const GOptionEntry entries[] = {
        {"count", 'n', 0, G_OPTION_ARG_INT, &o->count, "How many slots, from the first one on", "N"},
        {"operator", 0, 0, G_OPTION_ARG_STRING, &o->operator_id, "Who works here, for the records", "ID"},
        {"work-order", 'w', 0, G_OPTION_ARG_STRING, &o->work_order, "Work order, for the records", "WO"},
        {"product", 'p', 0, G_OPTION_ARG_STRING, &o->product, "Product (default: the station's)", "NAME"},
        KL_PASSPHRASE_ENTRIES(o->passphrase),
        {NULL},
    };
    const char *about = "Provisions the units in the first N slots side by side, each once.\n"
                        "Ctrl-C stops all of them and keeps their records.";
    if (!kl_cli_parse(cli, "keyline batch", NULL, about, entries, 0, 0, words, error))
        return FALSE;
    if (o->count < 1)
        return kl_fail(error, KL_ERROR_USAGE, "--count must be given and be 1 or more");
    return TRUE;
}

/* The names of the first count slots, borrowed; NULL with USAGE when there are not so many. */
static GPtrArray *
first_slots(const KlConfig *config, guint count, GError **error)
{
    if (count > config->slots->len) {
        kl_fail(error, KL_ERROR_USAGE, "--count %u: this station has %u slot%s; 'keyline slots' lists them", count,
                config->slots->len, config->slots->len == 1 ? "" : "s");
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(names, ((KlSlotConfig *)config->slots->pdata[i])->name);
    return names;
}

int
kl_cmd_batch(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) o = {.passphrase = KL_PASSPHRASE_SOURCE_INIT};
    if (!parse(cli, &o, words, error))
        return -1;
    g_autoptr(KlStation) station = kl_work_open(cli, o.product, error);
    if (station == NULL)
        return -1;
    g_autoptr(GPtrArray) slots = first_slots(kl_station_config(station), (guint)o.count, error);
    if (slots == NULL || !kl_passphrase_unlock(station, &o.passphrase, error))
        return -1;

    g_autofree char *batch = g_uuid_string_random();
    const KlJobRequest request = {.batch = batch, .operator_id = o.operator_id, .work_order = o.work_order};
    g_autoptr(GPtrArray) records = kl_work_run(station, slots, &request);
    if (cli->json)
        print_json(batch, records);
    else
        print_table(batch, records);
    return (int)kl_work_exit_code(records);
}
