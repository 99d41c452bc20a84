#include "db/audit_events.h"

#include "db/audit.h"
#include "db/audit_record.h"
#include "db/statement.h"
#include "station/error.h"

/* Ends the writer and appends the event with what it wrote. */
static gboolean
append(sqlite3 *db, const char *type, const char *job, const char *imei, KlCanonical *writer, GError **error)
{
    g_autofree char *data = kl_canonical_finish(writer);
    return kl_audit_append(db, type, job, imei, data, error);
}

gboolean
kl_audit_job_begin(sqlite3 *db, const KlRecord *record, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "batch", record->batch);
    kl_canonical_text(writer, "label", record->label);
    kl_canonical_text(writer, "operator", record->operator_id);
    kl_canonical_text(writer, "product", record->product);
    kl_canonical_text(writer, "program", record->program);
    kl_canonical_text(writer, "reprovision_reason", record->reprovision_reason);
    kl_canonical_text(writer, "slot", record->slot);
    kl_canonical_number(writer, "started_us", record->started_us);
    kl_canonical_text(writer, "station", record->station);
    kl_canonical_text(writer, "work_order", record->work_order);
    return append(db, "job-begin", record->id, NULL, writer, error);
}

gboolean
kl_audit_unit(sqlite3 *db, const char *job, const KlUnit *unit, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "agent_version", unit->agent_version);
    kl_canonical_text(writer, "boot_id", unit->boot_id);
    kl_canonical_text(writer, "device_id", unit->device_id);
    kl_canonical_text(writer, "firmware", unit->firmware);
    kl_canonical_text(writer, "fsn", unit->fsn);
    kl_canonical_text(writer, "keystore", unit->keystore);
    kl_canonical_text(writer, "model", unit->model);
    return append(db, "unit", job, unit->imei, writer, error);
}

gboolean
kl_audit_intent(sqlite3 *db, const char *job, const char *imei, const char *kind, const char *detail, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "detail", detail);
    kl_canonical_text(writer, "kind", kind);
    return append(db, "intent", job, imei, writer, error);
}

gboolean
kl_audit_key(sqlite3 *db, const char *job, const char *imei, const char *spki_sha256, const char *backend,
             const char *other, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "backend", backend);
    kl_canonical_text(writer, "collides_with", other);
    kl_canonical_text(writer, "spki_sha256", spki_sha256);
    return append(db, "key", job, imei, writer, error);
}

gboolean
kl_audit_device_id(sqlite3 *db, const char *imei, const char *id, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "device_id", id);
    return append(db, "device-id", NULL, imei, writer, error);
}

gboolean
kl_audit_issue(sqlite3 *db, const char *job, const char *imei, const char *csr_sha256, const KlCertificate *certificate,
               const char *supersedes, const char *supersede_reason, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "certificate_sha256", certificate->sha256);
    kl_canonical_text(writer, "csr_sha256", csr_sha256);
    kl_canonical_text(writer, "issuer", certificate->issuer);
    kl_canonical_number(writer, "not_after", certificate->not_after);
    kl_canonical_number(writer, "not_before", certificate->not_before);
    kl_canonical_text(writer, "serial", certificate->serial);
    kl_canonical_text(writer, "spki_sha256", certificate->spki_sha256);
    kl_canonical_text(writer, "subject", certificate->subject);
    kl_canonical_text(writer, "supersede_reason", supersedes != NULL ? supersede_reason : NULL);
    kl_canonical_text(writer, "supersedes", supersedes);
    return append(db, "issue", job, imei, writer, error);
}

gboolean
kl_audit_register(sqlite3 *db, const char *job, const char *imei, const char *device, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error,
                 "SELECT connections, device, firmware, parameters, policy, registered, version FROM registration"
                 " WHERE device = ?1",
                 kl_text(device));
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_INTERNAL, "device %s has no registration row", device);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_number(writer, "connections", sqlite3_column_int64(query, 0));
    for (int column = 1; column < 6; column++)
        kl_canonical_text(writer, sqlite3_column_name(query, column), (const char *)sqlite3_column_text(query, column));
    kl_canonical_number(writer, "version", sqlite3_column_int64(query, 6));
    return append(db, "register", job, imei, writer, error);
}

gboolean
kl_audit_job_end(sqlite3 *db, const char *job, GError **error)
{
    g_autofree char *data = NULL, *imei = NULL;
    return kl_audit_record_data(db, job, &data, &imei, error) && kl_audit_append(db, "job-end", job, imei, data, error);
}

gboolean
kl_audit_revoke(sqlite3 *db, const char *certificate_sha256, const char *reason, GError **error)
{
    g_autofree char *imei = NULL;
    if (!kl_get_text(db, &imei, error, "SELECT imei FROM certificates WHERE sha256 = ?1", kl_text(certificate_sha256)))
        return FALSE;
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "certificate_sha256", certificate_sha256);
    kl_canonical_text(writer, "reason", reason);
    return append(db, "revoke", NULL, imei, writer, error);
}

gboolean
kl_audit_act(sqlite3 *db, const KlAct *act, gint64 time_us, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "reason", act->reason);
    kl_canonical_text(writer, "role", act->role);
    kl_canonical_text(writer, "subject", act->subject);
    kl_canonical_number(writer, "time_us", time_us);
    kl_canonical_text(writer, "what", act->what);
    kl_canonical_text(writer, "who", act->who);
    return append(db, "act", NULL, NULL, writer, error);
}

gboolean
kl_audit_outbox(sqlite3 *db, gint64 number, const char *what, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_number(writer, "number", number);
    kl_canonical_text(writer, "what", what);
    return append(db, "outbox", NULL, NULL, writer, error);
}

gboolean
kl_audit_quota(sqlite3 *db, const char *work_order, guint64 units, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    if (units > 0)
        kl_canonical_number(writer, "units", (gint64)units);
    kl_canonical_text(writer, "work_order", work_order);
    return append(db, "quota", NULL, NULL, writer, error);
}
