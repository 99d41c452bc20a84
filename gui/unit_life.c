#include "gui/unit_life.h"

#include "gui/i18n.h"
#include "gui/record_text.h"

#define JOBS_MAX 500

void
kl_unit_life_free(KlUnitLife *life)
{
    if (life == NULL)
        return;
    kl_record_free(life->record);
    g_clear_pointer(&life->jobs, g_ptr_array_unref);
    g_free(life->certificate);
    kl_field_unit_free(life->field);
    g_free(life);
}

static KlRecord *
read_record(KlStore *store, const char *id, gint64 number, GError **error)
{
    if (id != NULL)
        return store->klass->record(store, id, error);
    g_autoptr(GPtrArray) found = store->klass->records_numbered(store, &number, 1, error);
    if (found == NULL)
        return NULL;
    const KlRecord *record = found->pdata[0];
    return store->klass->record(store, record->id, error);
}

/* A job that never knew its unit is a life of its own. */
static GPtrArray *
read_jobs(KlStore *store, const KlRecord *record, GError **error)
{
    const char *imei = record->unit != NULL ? record->unit->imei : NULL;
    const KlRecordFilter filter = {.identifier = imei != NULL ? imei : record->id, .limit = JOBS_MAX};
    return store->klass->records(store, &filter, error);
}

static char *
status_text(const KlLedgerEntry *entry)
{
    g_autofree char *issued = kl_record_time(entry->issued_us);
    g_autofree char *ended = kl_record_time(entry->ended_us);
    g_autofree char *reason = kl_record_safe(entry->reason);
    switch (entry->status) {
    case KL_CERTIFICATE_LIVE:
        return g_strdup_printf(_("Live since %s"), issued);
    case KL_CERTIFICATE_SUPERSEDED:
        return g_strdup_printf(_("Issued %s, superseded %s: %s"), issued, ended, reason);
    case KL_CERTIFICATE_REVOKED:
        return g_strdup_printf(_("Issued %s, REVOKED %s: %s"), issued, ended, reason);
    }
    g_return_val_if_reached(NULL);
}

static gboolean
read_certificate(KlStore *store, KlUnitLife *life, GError **error)
{
    const char *fingerprint = life->record->certificate_sha256;
    if (fingerprint == NULL)
        return TRUE;
    g_autoptr(GPtrArray) entries = store->klass->ledger(store, fingerprint, -1, error);
    if (entries == NULL)
        return FALSE;
    if (entries->len == 0)
        return TRUE;
    const KlLedgerEntry *entry = entries->pdata[0];
    g_autofree char *status = status_text(entry);
    g_autofree char *content = kl_station_certificate_text(entry->certificate);
    life->certificate = g_strdup_printf("%s\n\n%s", status, content);
    return TRUE;
}

static gboolean
read_field(KlStore *store, const char *cloud, KlUnitLife *life, GError **error)
{
    const KlUnit *unit = life->record->unit;
    const KlFieldFilter filter = {.cloud = cloud, .imei = unit != NULL ? unit->imei : NULL, .state = -1};
    if (filter.imei == NULL)
        return TRUE;
    g_autoptr(GPtrArray) found = store->klass->field(store, &filter, error);
    if (found != NULL && found->len > 0)
        life->field = g_ptr_array_steal_index(found, 0);
    return found != NULL;
}

KlUnitLife *
kl_unit_life_read(KlStore *store, const char *cloud, const char *id, gint64 number, GError **error)
{
    g_autoptr(KlUnitLife) life = g_new0(KlUnitLife, 1);
    life->record = read_record(store, id, number, error);
    if (life->record == NULL)
        return NULL;
    life->jobs = read_jobs(store, life->record, error);
    if (life->jobs == NULL || !read_certificate(store, life, error) || !read_field(store, cloud, life, error))
        return NULL;
    return g_steal_pointer(&life);
}
