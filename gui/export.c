#include "gui/export.h"

#include <json-glib/json-glib.h>

#include "station/csv.h"

#define PAGE 200

/* --- what is written of a record --- */

typedef enum { FIELD_TEXT, FIELD_UNIT_TEXT, FIELD_TIME, FIELD_BOOL, FIELD_OUTCOME, FIELD_SECONDS } FieldKind;

typedef struct {
    const char *name;
    FieldKind kind;
    gsize offset; /* in KlRecord, or in its KlUnit */
} Field;

#define RECORD(name, kind, member)                                                                                     \
    {                                                                                                                  \
        name, kind, G_STRUCT_OFFSET(KlRecord, member)                                                                  \
    }
#define UNIT(name, member)                                                                                             \
    {                                                                                                                  \
        name, FIELD_UNIT_TEXT, G_STRUCT_OFFSET(KlUnit, member)                                                         \
    }

static const Field fields[] = {
    RECORD("record_id", FIELD_TEXT, id),
    RECORD("started", FIELD_TIME, started_us),
    RECORD("ended", FIELD_TIME, ended_us),
    {"seconds", FIELD_SECONDS, 0},
    RECORD("outcome", FIELD_OUTCOME, outcome),
    RECORD("code", FIELD_TEXT, code),
    RECORD("detail", FIELD_TEXT, detail),
    RECORD("first_code", FIELD_TEXT, first_code),
    UNIT("device", device_id),
    UNIT("imei", imei),
    UNIT("fsn", fsn),
    UNIT("model", model),
    UNIT("firmware", firmware),
    UNIT("keystore", keystore),
    RECORD("certificate_sha256", FIELD_TEXT, certificate_sha256),
    RECORD("operator", FIELD_TEXT, operator_id),
    RECORD("work_order", FIELD_TEXT, work_order),
    RECORD("label", FIELD_TEXT, label),
    RECORD("station", FIELD_TEXT, station),
    RECORD("slot", FIELD_TEXT, slot),
    RECORD("product", FIELD_TEXT, product),
    RECORD("already_provisioned", FIELD_BOOL, already_provisioned),
    RECORD("resumed", FIELD_BOOL, resumed),
    RECORD("reprovision_reason", FIELD_TEXT, reprovision_reason),
    RECORD("batch", FIELD_TEXT, batch),
    RECORD("program", FIELD_TEXT, program),
};

static char *
iso_time(gint64 time_us)
{
    g_autoptr(GDateTime) seconds = g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC);
    if (time_us == 0 || seconds == NULL)
        return NULL;
    g_autoptr(GDateTime) time = g_date_time_add(seconds, time_us % G_USEC_PER_SEC);
    return g_date_time_format_iso8601(time);
}

static double
seconds_of(const KlRecord *record)
{
    return (double)(record->ended_us - record->started_us) / G_USEC_PER_SEC;
}

/* A field as text; NULL: not known. */
static char *
field_text(const KlRecord *record, const Field *field)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    switch (field->kind) {
    case FIELD_TEXT:
        return g_strdup(G_STRUCT_MEMBER(char *, record, field->offset));
    case FIELD_UNIT_TEXT:
        return record->unit != NULL ? g_strdup(G_STRUCT_MEMBER(char *, record->unit, field->offset)) : NULL;
    case FIELD_TIME:
        return iso_time(G_STRUCT_MEMBER(gint64, record, field->offset));
    case FIELD_BOOL:
        return g_strdup(G_STRUCT_MEMBER(gboolean, record, field->offset) ? "true" : "false");
    case FIELD_OUTCOME:
        return g_strdup(kl_outcome_name(record->outcome));
    case FIELD_SECONDS:
        if (record->ended_us == 0)
            return NULL;
        return g_strdup(g_ascii_formatd(number, sizeof number, "%.3f", seconds_of(record)));
    }
    g_return_val_if_reached(NULL);
}

/* --- CSV --- */

static void
append_csv(GString *out, const KlRecord *record)
{
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autofree char *text = field_text(record, &fields[i]);
        if (i > 0)
            g_string_append_c(out, ',');
        kl_csv_field(out, text);
    }
    g_string_append(out, "\r\n");
}

static void
append_csv_heading(GString *out)
{
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        g_string_append_printf(out, "%s%s", i > 0 ? "," : "", fields[i].name);
    g_string_append(out, "\r\n");
}

/* --- JSON --- */

static void
add_member(JsonBuilder *builder, const KlRecord *record, const Field *field)
{
    g_autofree char *text = field_text(record, field);
    json_builder_set_member_name(builder, field->name);
    if (text == NULL) {
        json_builder_add_null_value(builder);
    } else if (field->kind == FIELD_BOOL) {
        json_builder_add_boolean_value(builder, G_STRUCT_MEMBER(gboolean, record, field->offset));
    } else if (field->kind == FIELD_SECONDS) {
        json_builder_add_double_value(builder, seconds_of(record));
    } else {
        g_autofree char *valid = g_utf8_make_valid(text, -1);
        json_builder_add_string_value(builder, valid);
    }
}

static void
append_json(GString *out, const KlRecord *record)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        add_member(builder, record, &fields[i]);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    g_autofree char *text = json_to_string(root, FALSE);
    g_string_append(out, text);
}

/* --- the file --- */

static gboolean
flush(GOutputStream *stream, GString *out, GCancellable *cancel, GError **error)
{
    gboolean ok = g_output_stream_write_all(stream, out->str, out->len, NULL, cancel, error);
    g_string_truncate(out, 0);
    return ok;
}

static void
append_page(GString *out, const GPtrArray *records, gboolean first, KlExportFormat format)
{
    for (guint i = 0; i < records->len; i++) {
        if (format == KL_EXPORT_CSV) {
            append_csv(out, records->pdata[i]);
        } else {
            g_string_append(out, first && i == 0 ? "\n" : ",\n");
            append_json(out, records->pdata[i]);
        }
    }
}

gboolean
kl_export_records(KlStore *store, const gint64 *numbers, gsize n_numbers, KlExportFormat format, GOutputStream *stream,
                  void (*progress)(double fraction, gpointer data), gpointer data, GCancellable *cancel, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (format == KL_EXPORT_CSV)
        append_csv_heading(out);
    else
        g_string_append(out, "{\"records\": [");
    for (gsize from = 0; from < n_numbers; from += PAGE) {
        gsize count = MIN(PAGE, n_numbers - from);
        g_autoptr(GPtrArray) records = store->klass->records_numbered(store, &numbers[from], count, error);
        if (records == NULL)
            return FALSE;
        append_page(out, records, from == 0, format);
        if (!flush(stream, out, cancel, error))
            return FALSE;
        if (progress != NULL)
            progress((double)(from + count) / (double)n_numbers, data);
    }
    if (format == KL_EXPORT_JSON)
        g_string_append(out, "\n]}\n");
    return flush(stream, out, cancel, error);
}

/* Closing a replacing stream with a cancelled cancellable leaves the old file as it was. */
static void
abandon(GOutputStream *stream)
{
    g_autoptr(GCancellable) cancelled = g_cancellable_new();
    g_cancellable_cancel(cancelled);
    g_output_stream_close(stream, cancelled, NULL);
}

gboolean
kl_export_file(KlStore *store, const gint64 *numbers, gsize n_numbers, KlExportFormat format, GFile *file,
               void (*progress)(double fraction, gpointer data), gpointer data, GCancellable *cancel, GError **error)
{
    g_autoptr(GFileOutputStream) stream =
        g_file_replace(file, NULL, FALSE, G_FILE_CREATE_PRIVATE | G_FILE_CREATE_REPLACE_DESTINATION, cancel, error);
    if (stream == NULL)
        return FALSE;
    if (kl_export_records(store, numbers, n_numbers, format, G_OUTPUT_STREAM(stream), progress, data, cancel, error))
        return g_output_stream_close(G_OUTPUT_STREAM(stream), cancel, error);
    abandon(G_OUTPUT_STREAM(stream));
    return FALSE;
}
