#include "station/station_orphans.h"

#include <string.h>

#include "station/station_cleaner.h"
#include "station/station_orphans_private.h"

#define CLEAN_S 60

/* --- findings --- */

const char *
kl_orphan_kind_name(KlOrphanKind kind)
{
    static const char *const names[] = {
        [KL_ORPHAN_LEFT_OVER] = "left-over",
        [KL_ORPHAN_WITHDRAWN] = "withdrawn",
        [KL_ORPHAN_NEVER_PASSED] = "never-passed",
        [KL_ORPHAN_INACTIVE] = "inactive",
        [KL_ORPHAN_GONE] = "gone",
        [KL_ORPHAN_ROW] = "row",
        [KL_ORPHAN_PARKED] = "parked",
        [KL_ORPHAN_NO_UNIT] = "no-unit",
        [KL_ORPHAN_UNINSTALLED] = "not-installed",
        [KL_ORPHAN_UNJOURNALED] = "no-journal",
        [KL_ORPHAN_NO_LEDGER] = "no-ledger",
    };
    return names[kind];
}

void
kl_orphan_free(KlOrphan *orphan)
{
    g_free(orphan->subject);
    g_free(orphan->detail);
    g_free(orphan->remedy);
    g_free(orphan->certificate);
    g_free(orphan->device_id);
    g_free(orphan);
}

void
kl_orphans_free(KlOrphans *orphans)
{
    g_ptr_array_unref(orphans->orphans);
    g_free(orphans);
}

KlOrphan *
kl_orphan_add(KlOrphanSearch *search, KlOrphanKind kind, const char *device_id, const char *certificate)
{
    KlOrphan *orphan = g_new0(KlOrphan, 1);
    orphan->kind = kind;
    orphan->subject = g_strdup(device_id);
    orphan->device_id = g_strdup(device_id);
    orphan->certificate = g_strdup(certificate);
    orphan->cleanable = kind == KL_ORPHAN_LEFT_OVER || kind == KL_ORPHAN_WITHDRAWN;
    if (orphan->cleanable)
        orphan->remedy = g_strdup("Run keyline doctor --orphans --clean.");
    g_ptr_array_add(search->found->orphans, orphan);
    return orphan;
}

/* --- what the ledger has --- */

static gboolean
has_passed(KlOrphanSearch *search, const KlLedgerEntry *entry, gboolean *passed, gboolean *running, GError **error)
{
    KlStore *store = search->store;
    const KlRecordFilter with_it = {.identifier = entry->certificate->sha256, .outcome = "PASS", .limit = 1};
    const KlRecordFilter now = {.identifier = entry->imei, .outcome = "RUNNING", .limit = 1};
    g_autoptr(GPtrArray) passes = store->klass->records(store, &with_it, error);
    g_autoptr(GPtrArray) at_work = passes != NULL ? store->klass->records(store, &now, error) : NULL;
    if (at_work == NULL)
        return FALSE;
    *passed = passes->len > 0;
    *running = at_work->len > 0;
    return TRUE;
}

/* Whether AWS was told of that certificate, which the station's own CA may have signed before there was a cloud. */
static gboolean
belongs_in_aws(KlOrphanSearch *search, const KlLedgerEntry *entry)
{
    if (search->aws == NULL || kl_station_signs_itself(search->config))
        return FALSE;
    g_autoptr(KlCertificate) ca = kl_station_ca_certificate(search->config->dir, NULL);
    return ca == NULL || strcmp(ca->subject, entry->certificate->issuer) != 0;
}

static void
examine_passed(KlOrphanSearch *search, const KlLedgerEntry *entry)
{
    const char *id = entry->certificate->sha256;
    const KlListed *listed = search->aws != NULL ? g_hash_table_lookup(search->listed, id) : NULL;
    if (listed != NULL && strcmp(listed->status, "ACTIVE") != 0) {
        KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_INACTIVE, entry->device_id, id);
        orphan->detail = g_strdup_printf("the unit passed, but its certificate %.16s is %s in AWS", id, listed->status);
        orphan->remedy = g_strdup_printf(
            "Somebody has switched it off. If that was wrong, set it ACTIVE in AWS IoT, or have a supervisor "
            "re-provision the unit; if it was right: keyline ca revoke %s",
            id);
    } else if (listed == NULL && belongs_in_aws(search, entry)) {
        KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_GONE, entry->device_id, id);
        orphan->detail = g_strdup_printf("the unit passed, but its certificate %.16s is not in AWS", id);
        orphan->remedy = g_strdup("Have a supervisor re-provision the unit: AWS does not let it in.");
    }
}

static gboolean
examine_ledger(KlOrphanSearch *search, GError **error)
{
    for (guint i = 0; i < search->ledger->len; i++) {
        const KlLedgerEntry *entry = search->ledger->pdata[i];
        gboolean passed = FALSE, running = FALSE;
        if (entry->status != KL_CERTIFICATE_LIVE)
            continue;
        if (!has_passed(search, entry, &passed, &running, error))
            return FALSE;
        if (running)
            continue;
        if (passed) {
            examine_passed(search, entry);
            continue;
        }
        const char *id = entry->certificate->sha256;
        KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_NEVER_PASSED, entry->device_id, id);
        orphan->detail = g_strdup_printf("certificate %.16s is live, but the unit never passed with it", id);
        orphan->remedy = g_strdup_printf(
            "Provision the unit again; one that is scrapped: keyline ca revoke %s --reason scrapped", id);
    }
    return TRUE;
}

/* Whether a certificate that has ended may still be in the cloud, as far as is known here. *row is that of its
 * clean-up, or NULL. */
static gboolean
is_still_out_there(KlOrphanSearch *search, const KlLedgerEntry *entry, KlOutboxRow **row, gboolean *out, GError **error)
{
    GError *failure = NULL;
    const KlCertificate *certificate = entry->certificate;
    *out = FALSE;
    *row = NULL;
    if (certificate->places != NULL && *certificate->places == '\0')
        return TRUE;
    *row = search->store->klass->outbox_row(search->store, KL_OUTBOX_CLEANUP, certificate->sha256, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    *out = *row != NULL ? (*row)->state != KL_OUTBOX_SENT : certificate->places != NULL;
    return TRUE;
}

/* A certificate that has ended, and AWS was not told: the list of AWS IoT Core, if there was one, has not shown it. */
static gboolean
examine_ended(KlOrphanSearch *search, GError **error)
{
    for (guint i = 0; i < search->ledger->len; i++) {
        const KlLedgerEntry *entry = search->ledger->pdata[i];
        const char *id = entry->certificate->sha256;
        g_autoptr(KlOutboxRow) row = NULL;
        gboolean out = FALSE;
        if (entry->status == KL_CERTIFICATE_LIVE || g_hash_table_contains(search->listed, id))
            continue;
        if (!is_still_out_there(search, entry, &row, &out, error))
            return FALSE;
        if (!out || (search->aws != NULL && g_strcmp0(entry->certificate->places, KL_PLACE_IOT) == 0))
            continue;
        KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_WITHDRAWN, entry->device_id, id);
        orphan->detail = g_strdup_printf("certificate %.16s was %s here, and AWS was never told%s", id,
                                         entry->status == KL_CERTIFICATE_REVOKED ? "revoked" : "superseded",
                                         row == NULL                      ? ""
                                         : row->state == KL_OUTBOX_PARKED ? ": that is parked in the outbox"
                                                                          : ": that waits in the outbox");
        if (search->config->aws.on)
            continue;
        orphan->cleanable = FALSE;
        g_free(orphan->remedy);
        orphan->remedy = g_strdup("Put the [aws] group back into station.conf, then run keyline doctor --orphans "
                                  "--clean; or have the certificate taken out of AWS by hand.");
    }
    return TRUE;
}

static gboolean
examine_rows(KlOrphanSearch *search, GError **error)
{
    g_autoptr(GPtrArray) rows = search->store->klass->registrations(search->store, NULL, error);
    for (guint i = 0; rows != NULL && i < rows->len; i++) {
        const KlRegistration *row = rows->pdata[i];
        if (g_hash_table_contains(search->live_units, row->device))
            continue;
        KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_ROW, row->device, NULL);
        orphan->detail = g_strdup("has a registration row, but no live certificate");
        orphan->remedy = g_strdup("Provision the unit again; for one that is scrapped, have its row taken out of the "
                                  "registration table.");
    }
    return rows != NULL;
}

/* Whether that certificate is an orphan already, by which its row is told, too. */
static gboolean
is_found(const KlOrphanSearch *search, const char *certificate)
{
    for (guint i = 0; i < search->found->orphans->len; i++) {
        const KlOrphan *orphan = search->found->orphans->pdata[i];
        if (g_strcmp0(orphan->certificate, certificate) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
examine_outbox(KlOrphanSearch *search, GError **error)
{
    KlStore *store = search->store;
    g_autoptr(GPtrArray) rows = store->klass->outbox_rows(store, KL_OUTBOX_PARKED, 0, error);
    for (guint i = 0; rows != NULL && i < rows->len; i++) {
        const KlOutboxRow *row = rows->pdata[i];
        if (row->kind == KL_OUTBOX_CLEANUP && is_found(search, row->key))
            continue;
        int code = row->last_code != NULL ? kl_error_from_name(row->last_code) : -1;
        KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_PARKED, NULL, NULL);
        orphan->subject =
            g_strdup_printf("%" G_GINT64_FORMAT " (%s %s)", row->number, kl_outbox_kind_name(row->kind), row->key);
        orphan->detail = g_strdup_printf("%s (%s: %s)", code >= 0 ? kl_error_words((KlErrorCode)code) : "not sent",
                                         row->last_code, row->last_detail);
        orphan->remedy =
            g_strdup_printf("Mend that, then run keyline registry retry %" G_GINT64_FORMAT ".", row->number);
    }
    return rows != NULL;
}

/* --- the whole --- */

static gboolean
read_ledger(KlOrphanSearch *search, GError **error)
{
    search->ledger = search->store->klass->ledger(search->store, NULL, -1, error);
    for (guint i = 0; search->ledger != NULL && i < search->ledger->len; i++) {
        KlLedgerEntry *entry = search->ledger->pdata[i];
        g_hash_table_insert(search->by_sha256, entry->certificate->sha256, entry);
        if (entry->status == KL_CERTIFICATE_LIVE && entry->device_id != NULL)
            g_hash_table_add(search->live_units, entry->device_id);
        search->once_in_iot |= kl_certificate_has_place(entry->certificate, KL_PLACE_IOT);
    }
    return search->ledger != NULL;
}

static gboolean
run(KlOrphanSearch *search, guint min_age_s, GError **error)
{
    g_autoptr(KlStationCloud) cloud = NULL;
    /* The ledger first: whatever is in it is in AWS by then, and what is issued meanwhile is young. */
    if (!read_ledger(search, error))
        return FALSE;
    if (kl_station_knows_iot(search->config) || (search->config->aws.on && search->once_in_iot)) {
        cloud = kl_station_cloud_new(search->config, error);
        if (cloud == NULL)
            return FALSE;
        search->aws = cloud->aws;
    }
    if (search->aws != NULL &&
        (!kl_orphans_list(search, error) || !kl_orphans_examine_listed(search, min_age_s, error)))
        return FALSE;
    return examine_ledger(search, error) && examine_ended(search, error) && examine_rows(search, error) &&
           examine_outbox(search, error) && kl_orphans_reconcile(search, error);
}

static int
compare_orphans(gconstpointer a, gconstpointer b)
{
    const KlOrphan *one = *(KlOrphan *const *)a, *other = *(KlOrphan *const *)b;
    int kinds = (int)one->kind - (int)other->kind;
    return kinds != 0 ? kinds : g_strcmp0(one->subject, other->subject);
}

KlOrphans *
kl_station_orphans(const KlStation *station, guint min_age_s, GError **error)
{
    const KlConfig *config = kl_station_config(station);
    KlOrphans *found = g_new0(KlOrphans, 1);
    found->orphans = g_ptr_array_new_with_free_func((GDestroyNotify)kl_orphan_free);
    KlOrphanSearch search = {
        .station = station,
        .store = kl_station_store(station),
        .config = config,
        .found = found,
        .by_sha256 = g_hash_table_new(g_str_hash, g_str_equal),
        .live_units = g_hash_table_new(g_str_hash, g_str_equal),
        .listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, kl_listed_free),
    };
    gboolean done = run(&search, min_age_s, error);
    g_hash_table_unref(search.listed);
    g_hash_table_unref(search.live_units);
    g_hash_table_unref(search.by_sha256);
    g_clear_pointer(&search.ledger, g_ptr_array_unref);
    g_ptr_array_sort(found->orphans, compare_orphans);
    if (!done)
        g_clear_pointer(&found, kl_orphans_free);
    return found;
}

gboolean
kl_station_orphan_clean(const KlStation *station, const KlOrphan *orphan, GError **error)
{
    if (!orphan->cleanable)
        return kl_fail(error, KL_ERROR_INTERNAL, "%s is not to be taken out", orphan->subject);
    return kl_station_take_out(station, orphan->certificate, CLEAN_S, error);
}
