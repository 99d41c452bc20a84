#include "station/station_cleaner.h"

#include <string.h>

#include "certs/cloud.h"
#include "certs/pca_revoke.h"
#include "station/net/retry.h"

#define PAUSE_US (500 * (gint64)1000)

typedef struct {
    KlSigner base;
    KlAws *aws;
    const KlConfig *config;
    KlStore *store;
} Cleaner;

/* --- where --- */

static void
add_place(GPtrArray *places, const char *place)
{
    if (*place != '\0' && !g_ptr_array_find_with_equal_func(places, place, g_str_equal, NULL))
        g_ptr_array_add(places, g_strdup(place));
}

/* First where units are let in; the CA's own list comes after. entry NULL: of nobody's ledger. */
static GPtrArray *
find_places(const Cleaner *cleaner, const KlLedgerEntry *entry)
{
    const KlConfig *config = cleaner->config;
    GPtrArray *places = g_ptr_array_new_with_free_func(g_free);
    const char *kept = entry != NULL ? entry->certificate->places : KL_PLACE_IOT;
    if (kl_station_knows_iot(config))
        add_place(places, KL_PLACE_IOT);
    if (kept == NULL && config->signer == KL_SIGNER_PCA)
        add_place(places, config->aws.pca_arn);
    g_auto(GStrv) words = g_strsplit(kept != NULL ? kept : "", " ", -1);
    for (char **word = words; *word != NULL; word++)
        add_place(places, *word);
    return places;
}

/* --- how --- */

static gboolean
leave_place(const Cleaner *cleaner, const char *place, const char *sha256, const KlLedgerEntry *entry, KlOp *op,
            GError **error)
{
    if (strcmp(place, KL_PLACE_IOT) == 0) {
        g_autoptr(KlCloud) iot = kl_cloud_new(cleaner->aws, NULL);
        return kl_cloud_withdraw(iot, sha256, op, error);
    }
    if (entry == NULL || !g_str_has_prefix(place, "arn:"))
        return kl_fail(error, KL_ERROR_CLOUD_REFUSED, "certificate %s is known to '%s', which is nothing of AWS",
                       sha256, place);
    const char *reason = entry->status == KL_CERTIFICATE_SUPERSEDED ? "SUPERSEDED" : "UNSPECIFIED";
    return kl_pca_revoke(cleaner->aws, place, entry->certificate->serial, reason, op, error);
}

/* A certificate that another station had the private CA make, and AWS IoT Core does not know: only that station has the
 * serial number by which it is revoked. */
static gboolean
can_be_done_with(const Cleaner *cleaner, const char *sha256, GError **error)
{
    if (cleaner->config->signer != KL_SIGNER_PCA || cleaner->config->aws.register_mode != KL_REGISTER_NO)
        return TRUE;
    return kl_fail(error, KL_ERROR_CLOUD_REFUSED,
                   "certificate %s is another station's: have it revoked there (keyline ca revoke), for the private CA",
                   sha256);
}

static gboolean
withdraw(KlSigner *base, const char *certificate_sha256, const char *device_id, KlOp *op, GError **error)
{
    const Cleaner *cleaner = (const Cleaner *)base;
    KlStore *store = cleaner->store;
    g_autoptr(GPtrArray) entries = store->klass->ledger(store, certificate_sha256, -1, error);
    if (entries == NULL)
        return FALSE;
    const KlLedgerEntry *entry = entries->len > 0 ? entries->pdata[0] : NULL;
    g_autoptr(GPtrArray) places = find_places(cleaner, entry);
    for (guint i = 0; i < places->len; i++) {
        if (!leave_place(cleaner, places->pdata[i], certificate_sha256, entry, op, error))
            return FALSE;
    }
    return entry != NULL || can_be_done_with(cleaner, certificate_sha256, error);
}

static void
cleaner_free(KlSigner *base)
{
    g_free(base);
}

static const KlSignerClass klass = {.id = "cleaner", .withdraw = withdraw, .free = cleaner_free};

KlSigner *
kl_station_cleaner_new(KlAws *aws, const KlConfig *config, KlStore *store)
{
    Cleaner *cleaner = g_new0(Cleaner, 1);
    cleaner->base.klass = &klass;
    cleaner->aws = aws;
    cleaner->config = config;
    cleaner->store = store;
    return &cleaner->base;
}

/* --- now --- */

/* Until it is done, or the time is up: AWS takes seconds to detach. */
static gboolean
clean(KlSigner *cleaner, const char *certificate_sha256, guint seconds, GError **error)
{
    KlOp op = {.deadline_us = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC};
    for (;;) {
        g_autoptr(GError) failure = NULL;
        if (cleaner->klass->withdraw(cleaner, certificate_sha256, NULL, &op, &failure))
            return TRUE;
        if (kl_error_code(failure) != KL_ERROR_CLOUD_TIMEOUT || g_get_monotonic_time() + PAUSE_US >= op.deadline_us ||
            !kl_pause(&op, PAUSE_US, NULL)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
}

/* Its clean-up, should it be queued or parked, is done with that; or was tried. */
static gboolean
settle(KlStore *store, const char *certificate_sha256, const GError *outcome, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(KlOutboxRow) row = store->klass->outbox_row(store, KL_OUTBOX_CLEANUP, certificate_sha256, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (row == NULL || row->state == KL_OUTBOX_SENT)
        return TRUE;
    if (outcome == NULL)
        return store->klass->outbox_sent(store, row->number, error);
    return store->klass->outbox_failed(store, row->number, kl_error_name(kl_error_code(outcome)), outcome->message,
                                       g_get_real_time(), error);
}

gboolean
kl_station_take_out(const KlStation *station, const char *certificate_sha256, guint seconds, GError **error)
{
    const KlConfig *config = kl_station_config(station);
    KlStore *store = kl_station_store(station);
    g_autoptr(KlStationCloud) cloud = kl_station_cloud_new(config, error);
    if (cloud == NULL)
        return FALSE;
    KlSigner *cleaner = kl_station_cleaner_new(cloud->aws, config, store);
    g_autoptr(GError) failure = NULL;
    gboolean done = clean(cleaner, certificate_sha256, seconds, &failure);
    cleaner->klass->free(cleaner);
    if (!settle(store, certificate_sha256, failure, error))
        return FALSE;
    if (!done)
        g_propagate_error(error, g_steal_pointer(&failure));
    return done;
}
