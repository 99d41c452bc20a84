/* Reading records: listings by filter, and one record whole. */
#include <string.h>

#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

/* An id is found by its beginning when that has at least so many characters. */
#define PREFIX_MIN 8
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf" /* U+10FFFF: sorts behind whatever may follow a prefix */

static KlUnit *
read_unit(sqlite3_stmt *query, int column)
{
    if (sqlite3_column_type(query, column) == SQLITE_NULL)
        return NULL;
    KlUnit *unit = g_new0(KlUnit, 1);
    unit->imei = kl_column_text(query, column++);
    unit->fsn = kl_column_text(query, column++);
    unit->model = kl_column_text(query, column++);
    unit->firmware = kl_column_text(query, column++);
    unit->agent_version = kl_column_text(query, column++);
    unit->keystore = kl_column_text(query, column++);
    unit->boot_id = kl_column_text(query, column++);
    unit->device_id = kl_column_text(query, column);
    return unit;
}

static gboolean
read_outcome(sqlite3_stmt *query, int column, KlOutcome *outcome, GError **error)
{
    const char *name = (const char *)sqlite3_column_text(query, column);
    int value = kl_outcome_from_name(name);
    if (value < 0)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT, "a record has outcome '%s'", name);
    *outcome = (KlOutcome)value;
    return TRUE;
}

KlRecord *
kl_store_read_job(sqlite3_stmt *query, GError **error)
{
    g_autoptr(KlRecord) record = kl_record_new();
    int column = 0;
    record->id = kl_column_text(query, column++);
    record->batch = kl_column_text(query, column++);
    record->station = kl_column_text(query, column++);
    record->slot = kl_column_text(query, column++);
    record->product = kl_column_text(query, column++);
    record->operator_id = kl_column_text(query, column++);
    record->work_order = kl_column_text(query, column++);
    record->label = kl_column_text(query, column++);
    record->reprovision_reason = kl_column_text(query, column++);
    record->program = kl_column_text(query, column++);
    record->started_us = sqlite3_column_int64(query, column++);
    record->ended_us = sqlite3_column_int64(query, column++);
    if (!read_outcome(query, column++, &record->outcome, error))
        return NULL;
    record->code = kl_column_text(query, column++);
    record->detail = kl_column_text(query, column++);
    record->first_code = kl_column_text(query, column++);
    record->already_provisioned = sqlite3_column_int(query, column++) != 0;
    record->resumed = sqlite3_column_int(query, column++) != 0;
    record->row_queued = sqlite3_column_int(query, column++) != 0;
    record->certificate_sha256 = kl_column_text(query, column++);
    record->unit = read_unit(query, column);
    return g_steal_pointer(&record);
}

typedef struct {
    const KlRecordFilter *filter;
    GPtrArray *records;
} RecordsCall;

static void
add_condition(GString *sql, GArray *values, const char *condition, KlValue value)
{
    g_string_append(sql, condition);
    g_array_append_val(values, value);
}

/* Each way to be meant by the identifier has an index of its own. */
static void
add_identifier(GString *sql, GArray *values, const char *identifier, const char *lower, const char *last)
{
    g_string_append(sql, "AND number IN (SELECT NULL");
    if (strlen(identifier) >= PREFIX_MIN) {
        add_condition(sql, values, " UNION SELECT number FROM jobs WHERE id >= ?", kl_text(lower));
        add_condition(sql, values, " AND id < ?", kl_text(last));
        add_condition(sql, values, " UNION SELECT number FROM jobs WHERE batch >= ?", kl_text(lower));
        add_condition(sql, values, " AND batch < ?", kl_text(last));
    }
    add_condition(sql, values, " UNION SELECT number FROM jobs WHERE imei = ?", kl_text(identifier));
    add_condition(sql, values, " UNION SELECT number FROM jobs WHERE fsn = ?", kl_text(identifier));
    add_condition(sql, values, " UNION SELECT number FROM jobs WHERE device_id = ?", kl_text(identifier));
    add_condition(sql, values,
                  " UNION SELECT j.number FROM units u JOIN jobs j ON j.unit = u.imei WHERE u.device_id = ?",
                  kl_text(identifier));
    add_condition(sql, values, " UNION SELECT number FROM jobs WHERE certificate = ?", kl_text(lower));
    add_condition(sql, values,
                  " UNION SELECT j.number FROM certificates c JOIN jobs j ON j.certificate = c.sha256"
                  " WHERE c.serial = ?",
                  kl_text(lower));
    g_string_append(sql, ") ");
}

static void
add_conditions(GString *sql, GArray *values, const KlRecordFilter *filter)
{
    if (filter->operator_id != NULL)
        add_condition(sql, values, "AND operator = ? ", kl_text(filter->operator_id));
    if (filter->work_order != NULL)
        add_condition(sql, values, "AND work_order = ? ", kl_text(filter->work_order));
    if (filter->batch != NULL) {
        /* Always a range, which means the index; a beginning that is too short ends where it begins. */
        gboolean prefix = strlen(filter->batch) >= PREFIX_MIN;
        add_condition(sql, values, "AND batch >= lower(?) ", kl_text(filter->batch));
        add_condition(sql, values, prefix ? "AND batch < lower(?) || char(0x10ffff) " : "AND batch <= lower(?) ",
                      kl_text(filter->batch));
    }
    if (filter->outcome != NULL)
        add_condition(sql, values, "AND outcome = ? ", kl_text(filter->outcome));
    if (filter->from_us != 0)
        add_condition(sql, values, "AND started_us >= ? ", kl_int(filter->from_us));
    if (filter->to_us != 0)
        add_condition(sql, values, "AND started_us < ? ", kl_int(filter->to_us));
}

/* An identifier means few jobs, found by their numbers: no index on something else may then come first. */
sqlite3_stmt *
kl_store_query_jobs(sqlite3 *db, const char *columns, const KlRecordFilter *filter, GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    g_string_printf(sql, "SELECT %s FROM jobs %sWHERE TRUE ", columns,
                    filter->identifier != NULL ? "NOT INDEXED " : "");
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(KlValue));
    g_autofree char *lower = filter->identifier != NULL ? g_ascii_strdown(filter->identifier, -1) : NULL;
    g_autofree char *last = g_strconcat(lower != NULL ? lower : "", LAST_CHARACTER, NULL);

    if (filter->identifier != NULL)
        add_identifier(sql, values, filter->identifier, lower, last);
    add_conditions(sql, values, filter);
    add_condition(sql, values, "ORDER BY started_us DESC, number DESC LIMIT ?",
                  kl_int(filter->limit > 0 ? (gint64)filter->limit : -1));
    return kl_query_values(db, error, sql->str, &g_array_index(values, KlValue, 0), values->len);
}

static gboolean
do_records(sqlite3 *db, gpointer data, GError **error)
{
    RecordsCall *call = data;
    g_autoptr(sqlite3_stmt) query = kl_store_query_jobs(db, KL_STORE_JOB_COLUMNS, call->filter, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlRecord *record = kl_store_read_job(query, error);
        if (record == NULL)
            return FALSE;
        g_ptr_array_add(call->records, record);
    }
    return ok;
}

GPtrArray *
kl_store_records(KlStore *store, const KlRecordFilter *filter, GError **error)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    RecordsCall call = {filter, records};
    return kl_store_read(store, do_records, &call, error) ? g_steal_pointer(&records) : NULL;
}

typedef struct {
    const char *id;
    KlRecord *record;
} RecordCall;

static gboolean
find_record(sqlite3 *db, RecordCall *call, GError **error)
{
    g_autofree char *lower = g_ascii_strdown(call->id, -1);
    g_autofree char *last = g_strconcat(lower, strlen(lower) >= PREFIX_MIN ? LAST_CHARACTER : "", NULL);
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT " KL_STORE_JOB_COLUMNS " FROM jobs WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2",
                 kl_text(lower), kl_text(last));
    gboolean row;
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no record %s", call->id);
    call->record = kl_store_read_job(query, error);
    if (call->record == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (row && !g_str_equal(call->record->id, lower))
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "more than one record begins with %s", call->id);
    return TRUE;
}

static gboolean
read_step(sqlite3_stmt *query, GPtrArray *steps, GError **error)
{
    g_autoptr(KlStepResult) step = g_new0(KlStepResult, 1);
    step->step = kl_column_text(query, 0);
    step->attempt = (guint)sqlite3_column_int64(query, 1);
    if (!read_outcome(query, 2, &step->outcome, error))
        return FALSE;
    step->code = kl_column_text(query, 3);
    step->detail = kl_column_text(query, 4);
    step->start_us = sqlite3_column_int64(query, 5);
    step->duration_us = sqlite3_column_int64(query, 6);
    step->device_us = sqlite3_column_int64(query, 7);
    step->store_us = sqlite3_column_int64(query, 8);
    g_ptr_array_add(steps, g_steal_pointer(&step));
    return TRUE;
}

static gboolean
read_steps(sqlite3 *db, KlRecord *record, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error,
                 "SELECT step, attempt, outcome, code, detail, start_us, duration_us, device_us, store_us"
                 " FROM steps WHERE job = ?1 ORDER BY position",
                 kl_text(record->id));
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        if (!read_step(query, record->steps, error))
            return FALSE;
    }
    return ok;
}

static gboolean
do_record(sqlite3 *db, gpointer data, GError **error)
{
    RecordCall *call = data;
    return find_record(db, call, error) && read_steps(db, call->record, error) &&
           kl_get_text(db, &call->record->transcript, error, "SELECT text FROM transcripts WHERE job = ?1",
                       kl_text(call->record->id));
}

KlRecord *
kl_store_record(KlStore *store, const char *id, GError **error)
{
    RecordCall call = {.id = id};
    gboolean ok = kl_store_read(store, do_record, &call, error);
    g_autoptr(KlRecord) record = call.record;
    return ok ? g_steal_pointer(&record) : NULL;
}
