#include "station/cli/unit_report.h"

#include "station/cli/cli.h"
#include "station/cli/table.h"
#include "station/cli/text.h"

static double
seconds_of(const KlRecord *record)
{
    return record->ended_us > record->started_us ? (record->ended_us - record->started_us) / 1e6 : 0;
}

char *
kl_unit_report_seconds(const KlRecord *record)
{
    return record->ended_us == 0 ? NULL : g_strdup_printf("%.1f", seconds_of(record));
}

char *
kl_unit_report_outcome(const KlRecord *record)
{
    return g_strconcat(kl_outcome_name(record->outcome), record->row_queued ? ", row queued" : "", NULL);
}

static void
add_steps(JsonBuilder *builder, const KlRecord *record)
{
    kl_json_array(builder, "steps");
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        json_builder_begin_object(builder);
        kl_json_string(builder, "step", step->step);
        kl_json_int(builder, "attempt", step->attempt);
        kl_json_string(builder, "outcome", kl_outcome_name(step->outcome));
        kl_json_string(builder, "code", step->code);
        kl_json_string(builder, "detail", step->detail);
        kl_json_double(builder, "ms", step->duration_us / 1e3);
        kl_json_double(builder, "device_ms", step->device_us / 1e3);
        kl_json_double(builder, "store_ms", step->store_us / 1e3);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

static void
add_unit(JsonBuilder *builder, const KlUnit *unit)
{
    kl_json_string(builder, "device", unit != NULL ? unit->device_id : NULL);
    kl_json_string(builder, "imei", unit != NULL ? unit->imei : NULL);
    kl_json_string(builder, "fsn", unit != NULL ? unit->fsn : NULL);
    kl_json_string(builder, "model", unit != NULL ? unit->model : NULL);
    kl_json_string(builder, "firmware", unit != NULL ? unit->firmware : NULL);
    kl_json_string(builder, "keystore", unit != NULL ? unit->keystore : NULL);
}

void
kl_unit_report_json(JsonBuilder *builder, const KlRecord *record, gboolean steps)
{
    int code = kl_error_from_name(record->code);
    kl_json_string(builder, "record_id", record->id);
    kl_json_string(builder, "batch", record->batch);
    kl_json_string(builder, "station", record->station);
    kl_json_string(builder, "slot", record->slot);
    kl_json_string(builder, "product", record->product);
    kl_json_string(builder, "operator", record->operator_id);
    kl_json_string(builder, "work_order", record->work_order);
    kl_json_string(builder, "label", record->label);
    kl_json_string(builder, "reprovision_reason", record->reprovision_reason);
    kl_json_string(builder, "program", record->program);
    add_unit(builder, record->unit);
    kl_json_string(builder, "outcome", kl_outcome_name(record->outcome));
    kl_json_string(builder, "code", record->code);
    kl_json_string(builder, "words", code >= 0 ? kl_error_words((KlErrorCode)code) : NULL);
    kl_json_string(builder, "remedy", code >= 0 ? kl_error_remedy((KlErrorCode)code) : NULL);
    kl_json_string(builder, "detail", record->detail);
    kl_json_string(builder, "first_code", record->first_code);
    kl_json_bool(builder, "already_provisioned", record->already_provisioned);
    kl_json_bool(builder, "resumed", record->resumed);
    kl_json_bool(builder, "row_queued", record->row_queued);
    kl_json_string(builder, "certificate_sha256", record->certificate_sha256);
    kl_json_time(builder, "started", record->started_us);
    kl_json_time(builder, "ended", record->ended_us);
    kl_json_double(builder, "seconds", seconds_of(record));
    if (steps)
        add_steps(builder, record);
}

/* Adds a line only when there is something to say. */
static void
add_known(KlTable *table, const char *what, const char *value)
{
    if (value != NULL)
        kl_table_add_pair(table, what, value);
}

void
kl_unit_report_print(FILE *file, const KlRecord *record)
{
    const KlUnit *unit = record->unit;
    g_autofree char *verdict = g_strconcat(kl_outcome_name(record->outcome),
                                           record->already_provisioned ? ", was provisioned before, checked again" : "",
                                           record->resumed ? ", went on from an earlier attempt" : "",
                                           record->row_queued ? ", row queued for the cloud" : "", NULL);
    g_autofree char *seconds = kl_unit_report_seconds(record);
    g_autofree char *duration = seconds != NULL ? g_strconcat(seconds, " s", NULL) : NULL;
    g_autofree char *started = kl_text_time(record->started_us);
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"", "", NULL});
    kl_table_add_pair(table, "Verdict", verdict);
    kl_table_add_pair(table, "Slot", record->slot);
    if (unit != NULL) {
        kl_table_add_pair(table, "Device", unit->device_id);
        kl_table_add_pair(table, "IMEI", unit->imei);
        kl_table_add_pair(table, "FSN", unit->fsn);
        kl_table_add_pair(table, "Model", unit->model);
        kl_table_add_pair(table, "Firmware", unit->firmware);
        add_known(table, "Keystore", unit->keystore);
    }
    add_known(table, "Certificate", record->certificate_sha256);
    kl_table_add_pair(table, "Product", record->product);
    add_known(table, "Operator", record->operator_id);
    add_known(table, "Work order", record->work_order);
    add_known(table, "Label", record->label);
    add_known(table, "Re-provisioned", record->reprovision_reason);
    kl_table_add_pair(table, "Started", started);
    add_known(table, "Took", duration);
    add_known(table, "Batch", record->batch);
    add_known(table, "Record", record->id);
    kl_table_print(table, file);
    if (record->code != NULL) {
        fprintf(file, "\n");
        kl_cli_print_failure(file, "", record->code, record->detail);
    }
}

void
kl_unit_report_print_steps(FILE *file, const KlRecord *record)
{
    g_autoptr(KlTable) table = kl_table_new(
        (const char *const[]){"STEP", ">TRY", "OUTCOME", ">MS", ">DEVICE", ">STORE", "CODE", "DETAILS", NULL});
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        g_autofree char *attempt = g_strdup_printf("%u", step->attempt);
        g_autofree char *ms = g_strdup_printf("%.1f", step->duration_us / 1e3);
        g_autofree char *device_ms = g_strdup_printf("%.1f", step->device_us / 1e3);
        g_autofree char *store_ms = g_strdup_printf("%.1f", step->store_us / 1e3);
        kl_table_add(table, (const char *const[]){step->step, attempt, kl_outcome_name(step->outcome), ms, device_ms,
                                                  store_ms, step->code != NULL ? step->code : "",
                                                  step->detail != NULL ? step->detail : ""});
    }
    kl_table_print(table, file);
}
