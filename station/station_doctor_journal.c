/* The doctor's look at the journal; and its findings, noted there. */
#include <unistd.h>

#include "certs/seal.h"
#include "db/audit_status.h"
#include "db/store_sqlite.h"
#include "station/canonical.h"
#include "station/i18n.h"
#include "station/station_doctor.h"
#include "station/station_private.h"

static void
tell_sealed(KlDoctor *doctor, const KlAuditStatus *status)
{
    GError *error = NULL;
    g_autoptr(KlSeal) seal = kl_seal_open(doctor->dir, doctor->config->audit_key, &error);
    if (seal == NULL) {
        kl_doctor_bad(doctor, N_("Journal"), error);
        return;
    }
    const char *fingerprint = seal->klass->fingerprint(seal);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(status->checkpoint_us / G_USEC_PER_SEC);
    g_autofree char *when = time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M UTC") : g_strdup("?");
    if (status->checkpoint == 0)
        kl_doctor_good(doctor, N_("Journal"), NULL, N_("%d events, no checkpoint yet; seal %s"), (int)status->events,
                       fingerprint);
    else
        kl_doctor_good(doctor, N_("Journal"), NULL, N_("%d events, last checkpoint at %d, %s; seal %s"),
                       (int)status->events, (int)status->checkpoint, when, fingerprint);
}

/* A database that can't be looked at is told by its own finding. */
void
kl_doctor_journal(KlDoctor *doctor)
{
    KlAuditStatus status = {0};
    GError *error = NULL;
    g_autofree char *path = kl_station_database_path(doctor->dir);
    if (!kl_audit_status(path, &status, &error)) {
        if (kl_error_code(error) == KL_ERROR_AUDIT_BROKEN)
            kl_doctor_bad(doctor, N_("Journal"), error);
        else
            g_error_free(error);
        return;
    }
    if (status.sealed || kl_seal_exists(doctor->dir))
        tell_sealed(doctor, &status);
    else
        kl_doctor_good(doctor, N_("Journal"), NULL, N_("%d events; the seal is made when work begins"),
                       (int)status.events);
}

static char *
findings_data(const GPtrArray *findings)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin_array(writer, "findings");
    for (guint i = 0; i < findings->len; i++) {
        const KlFinding *finding = g_ptr_array_index(findings, i);
        kl_canonical_begin(writer, NULL);
        kl_canonical_text(writer, "state", !finding->ok ? "bad" : finding->warning ? "warning" : "ok");
        kl_canonical_text(writer, "title", finding->title);
        kl_canonical_end(writer);
    }
    kl_canonical_end(writer);
    return kl_canonical_finish(writer);
}

/* Only who may work here writes: the station that runs, or who has its lock meanwhile. What the doctor found is worth
 * no less when it can't be noted. */
void
kl_doctor_note(const KlDoctor *doctor)
{
    g_autofree char *data = findings_data(doctor->findings);
    if (doctor->running != NULL) {
        KlStore *store = kl_station_store(doctor->running);
        store->klass->note(store, "doctor", data, NULL);
        return;
    }
    g_autofree char *path = kl_station_database_path(doctor->dir);
    int lock = g_file_test(path, G_FILE_TEST_EXISTS) ? kl_station_lock(doctor->dir, NULL) : -1;
    if (lock < 0)
        return;
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, FALSE, NULL);
    if (store != NULL)
        store->klass->note(store, "doctor", data, NULL);
    g_clear_pointer(&store, kl_store_free);
    close(lock);
}
