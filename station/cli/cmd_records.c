/* keyline records: what was done. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/table.h"
#include "station/cli/text.h"
#include "station/cli/unit_report.h"
#include "station/station.h"

static void
print_list_json(const GPtrArray *records)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_array(builder, "records");
    for (guint i = 0; i < records->len; i++) {
        json_builder_begin_object(builder);
        kl_unit_report_json(builder, records->pdata[i], FALSE);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_list(const GPtrArray *records)
{
    if (records->len == 0) {
        printf("No records.\n");
        return;
    }
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"RECORD", "STARTED", "SLOT", "DEVICE", "IMEI",
                                                                  "OPERATOR", "VERDICT", ">SECONDS", "CODE", NULL});
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        const KlUnit *unit = record->unit;
        g_autofree char *id = g_strndup(record->id, 8);
        g_autofree char *started = kl_text_time(record->started_us);
        g_autofree char *seconds = kl_unit_report_seconds(record);
        kl_table_add(table, (const char *const[]){id, started, record->slot, unit != NULL ? unit->device_id : NULL,
                                                  unit != NULL ? unit->imei : NULL, record->operator_id,
                                                  kl_outcome_name(record->outcome), seconds,
                                                  record->code != NULL ? record->code : ""});
    }
    kl_table_print(table, stdout);
}

/* Lists what the filter lets through. none: what to fail with when there is nothing, or NULL to show an empty list. */
static int
list(KlCli *cli, const KlRecordFilter *filter, const char *none, GError **error)
{
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    g_autoptr(GPtrArray) records = store->klass->records(store, filter, error);
    if (records == NULL)
        return -1;
    if (records->len == 0 && none != NULL) {
        kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no record of '%s'", none);
        return -1;
    }
    if (cli->json)
        print_list_json(records);
    else
        print_list(records);
    return KL_EXIT_DONE;
}

typedef struct {
    char *operator_id, *work_order, *batch, *outcome, *from, *to;
    int limit;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->operator_id);
    g_free(options->work_order);
    g_free(options->batch);
    g_free(options->outcome);
    g_free(options->from);
    g_free(options->to);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* The filter borrows from the options. */
static gboolean
make_filter(Options *o, KlRecordFilter *filter, GError **error)
{
    if (o->limit < 0)
        return kl_fail(error, KL_ERROR_USAGE, "--limit %d: must be 0 (all) or more", o->limit);
    if (o->outcome != NULL) {
        g_autofree char *upper = g_ascii_strup(o->outcome, -1);
        int outcome = kl_outcome_from_name(upper);
        if (outcome < 0)
            return kl_fail(error, KL_ERROR_USAGE,
                           "--outcome %s: must be pass, fail, error, timeout, aborted or running", o->outcome);
        filter->outcome = kl_outcome_name((KlOutcome)outcome);
    }
    filter->operator_id = o->operator_id;
    filter->work_order = o->work_order;
    filter->batch = o->batch;
    filter->limit = (guint)o->limit;
    return (o->from == NULL || kl_text_parse_time(o->from, FALSE, &filter->from_us, error)) &&
           (o->to == NULL || kl_text_parse_time(o->to, TRUE, &filter->to_us, error));
}

static int
run_list(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) o = {.limit = 50};
    const GOptionEntry entries[] = {
        {"operator", 0, 0, G_OPTION_ARG_STRING, &o.operator_id, "Only this operator's", "ID"},
        {"work-order", 'w', 0, G_OPTION_ARG_STRING, &o.work_order, "Only of this work order", "WO"},
        {"batch", 0, 0, G_OPTION_ARG_STRING, &o.batch, "Only of this batch; 8 characters are enough", "BATCH"},
        {"outcome", 0, 0, G_OPTION_ARG_STRING, &o.outcome, "Only pass, fail, error, timeout, aborted", "NAME"},
        {"from", 0, 0, G_OPTION_ARG_STRING, &o.from, "Started at or after (2025-01-31 or '2025-01-31 14:05')", "TIME"},
        {"to", 0, 0, G_OPTION_ARG_STRING, &o.to, "Started before; a day is included", "TIME"},
        {"limit", 'n', 0, G_OPTION_ARG_INT, &o.limit, "At most N (default 50; 0: all)", "N"},
        {NULL},
    };
    KlRecordFilter filter = {0};
    if (!kl_cli_parse(cli, "keyline records list", NULL, "Lists records, the newest first.", entries, 0, 0, words,
                      error) ||
        !make_filter(&o, &filter, error))
        return -1;
    return list(cli, &filter, NULL, error);
}

static int
run_find(KlCli *cli, char **words, GError **error)
{
    if (!kl_cli_parse(cli, "keyline records find", "IDENTIFIER",
                      "Lists all records of a unit. IDENTIFIER: IMEI, FSN, device id,\ncertificate fingerprint or "
                      "serial, or a record.",
                      NULL, 1, 1, words, error))
        return -1;
    const KlRecordFilter filter = {.identifier = words[1]};
    return list(cli, &filter, words[1], error);
}

static void
print_transcript(const KlRecord *record)
{
    g_auto(GStrv) lines = g_strsplit(record->transcript != NULL ? record->transcript : "", "\n", -1);
    printf("\n");
    for (char **line = lines; *line != NULL; line++) {
        g_autofree char *safe = kl_text_safe(*line);
        if (safe[0] != '\0')
            printf("%s\n", safe);
    }
}

static void
print_record(const KlCli *cli, const KlRecord *record, gboolean transcript)
{
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_unit_report_json(builder, record, TRUE);
        if (transcript)
            kl_json_string(builder, "transcript", record->transcript);
        json_builder_end_object(builder);
        kl_json_print(builder);
        return;
    }
    kl_unit_report_print(stdout, record);
    printf("\n");
    kl_unit_report_print_steps(stdout, record);
    if (transcript)
        print_transcript(record);
}

static int
run_show(KlCli *cli, char **words, GError **error)
{
    gboolean transcript = FALSE;
    const GOptionEntry entries[] = {
        {"transcript", 't', 0, G_OPTION_ARG_NONE, &transcript, "Show every byte that went over the wire", NULL},
        {NULL},
    };
    if (!kl_cli_parse(cli, "keyline records show", "RECORD",
                      "Shows one record with its steps. The first 8 characters are enough.", entries, 1, 1, words,
                      error))
        return -1;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    g_autoptr(KlRecord) record = store->klass->record(store, words[1], error);
    if (record == NULL)
        return -1;
    print_record(cli, record, transcript);
    return KL_EXIT_DONE;
}

static const KlCommand commands[] = {
    {"list", "list records, the newest first", run_list},
    {"show", "show one record with its steps", run_show},
    {"find", "list all records of one unit", run_find},
    {NULL, NULL, NULL},
};

int
kl_cmd_records(KlCli *cli, char **words, GError **error)
{
    return kl_cli_run_group(cli, "keyline records", "What was done at this station.", commands, words, error);
}
