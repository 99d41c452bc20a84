/* The station's certificate authority, for people. */
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/certificate_text.h"
#include "certs/cloud_ca.h"
#include "certs/crl.h"
#include "station/station_cleaner.h"
#include "station/station_private.h"

/* How long the cloud may take to register the CA. */
#define REGISTER_US (60 * G_USEC_PER_SEC)

gboolean
kl_station_ca_exists(const char *dir)
{
    static const char *const files[] = {"ca.pem", "ca.key"};
    g_autofree char *ca = kl_station_ca_path(dir);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(ca, files[i], NULL);
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return TRUE;
    }
    return FALSE;
}

gboolean
kl_station_ca_init(const char *dir, const char *common_name, guint days, const KlSecret *passphrase, GError **error)
{
    return kl_ca_init(dir, common_name, days, passphrase, g_get_real_time() / G_USEC_PER_SEC, error);
}

gboolean
kl_station_ca_import(const char *dir, const char *key_path, const char *certificate_path,
                     const KlSecret *key_passphrase, const KlSecret *passphrase, GError **error)
{
    return kl_ca_import(dir, key_path, certificate_path, key_passphrase, passphrase, g_get_real_time() / G_USEC_PER_SEC,
                        error);
}

KlCertificate *
kl_station_ca_certificate(const char *dir, GError **error)
{
    g_autofree char *chain = kl_ca_read_chain(dir, error);
    if (chain == NULL)
        return NULL;
    g_autoptr(KlX509Stack) stack = kl_x509_stack_parse(chain, strlen(chain), KL_ERROR_CA_UNREADABLE, error);
    if (stack == NULL)
        return NULL;
    guint8 *bytes = NULL;
    int length = i2d_X509(sk_X509_value(stack, 0), &bytes);
    if (length <= 0) {
        kl_fail(error, KL_ERROR_CA_UNREADABLE, "the CA's certificate can't be encoded");
        return NULL;
    }
    g_autoptr(GBytes) der = g_bytes_new(bytes, (gsize)length);
    OPENSSL_free(bytes);
    return kl_certificate_from_der(der, chain, error);
}

char *
kl_station_ca_show(const char *dir, GError **error)
{
    return kl_ca_describe(dir, error);
}

char *
kl_station_certificate_text(const KlCertificate *certificate)
{
    return kl_certificate_describe(certificate);
}

/* Tries to tell AWS of a revocation that is kept here. */
static gboolean
tell_aws(const KlStation *station, const char *sha256, guint seconds, KlTold *told, char **why, GError **error)
{
    KlStore *store = kl_station_store(station);
    g_autoptr(GError) failure = NULL;
    g_autoptr(KlOutboxRow) row = store->klass->outbox_row(store, KL_OUTBOX_CLEANUP, sha256, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    *told = row == NULL ? KL_TOLD_NOBODY : row->state == KL_OUTBOX_SENT ? KL_TOLD_SENT : KL_TOLD_QUEUED;
    if (*told != KL_TOLD_QUEUED)
        return TRUE;
    if (!kl_station_config(station)->aws.on) {
        *why = g_strdup("station.conf has no [aws] group any more");
        return TRUE;
    }
    if (kl_station_take_out(station, sha256, seconds, &failure)) {
        *told = KL_TOLD_SENT;
        return TRUE;
    }
    g_message("certificate %s is not out of AWS yet: %s", sha256, failure->message);
    KlErrorCode code = kl_error_code(failure);
    *why = g_strdup_printf("%s: %s", kl_error_name(code), kl_error_words(code));
    return TRUE;
}

gboolean
kl_station_ca_revoke(KlStation *station, const char *certificate_sha256, const char *reason, guint seconds,
                     KlTold *told, char **why, GError **error)
{
    KlStore *store = kl_station_store(station);
    return store->klass->revoke(store, certificate_sha256, reason, error) &&
           tell_aws(station, certificate_sha256, seconds, told, why, error);
}

/* Everything that a CRL lists: revoked and superseded certificates. */
static GPtrArray *
ended_certificates(KlStore *store, GError **error)
{
    g_autoptr(GPtrArray) revoked = store->klass->ledger(store, NULL, KL_CERTIFICATE_REVOKED, error);
    if (revoked == NULL)
        return NULL;
    GPtrArray *superseded = store->klass->ledger(store, NULL, KL_CERTIFICATE_SUPERSEDED, error);
    if (superseded == NULL)
        return NULL;
    g_ptr_array_extend_and_steal(revoked, superseded);
    return g_steal_pointer(&revoked);
}

char *
kl_station_ca_crl(KlStation *station, guint days, GError **error)
{
    KlStore *store = kl_station_store(station);
    g_autoptr(GPtrArray) ended = ended_certificates(store, error);
    guint64 number = 0;
    if (ended == NULL || !store->klass->next_number(store, "crl", &number, error))
        return NULL;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *pem = kl_crl_sign(kl_station_ca(station), ended, number, now, days, error);
    return pem != NULL ? kl_ca_write_crl(kl_station_config(station)->dir, pem, error) : NULL;
}

void
kl_ca_registration_clear(KlCaRegistration *registration)
{
    g_clear_pointer(&registration->id, g_free);
    g_clear_pointer(&registration->mode, g_free);
}

gboolean
kl_station_ca_register(const char *dir, gboolean default_mode, const KlSecret *passphrase, KlCaRegistration *done,
                       GError **error)
{
    g_autoptr(KlConfig) config = kl_station_load_config(dir, error);
    if (config == NULL)
        return FALSE;
    if (!config->aws.on)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "there is no [aws] group in station.conf");
    g_autofree char *chain = kl_ca_read_chain(dir, error);
    if (chain == NULL)
        return FALSE;
    g_autoptr(KlCa) ca = default_mode ? kl_station_load_ca(config, 0, passphrase, error) : NULL;
    if (default_mode && ca == NULL)
        return FALSE;
    g_autoptr(KlStationCloud) cloud = kl_station_cloud_new(config, error);
    if (cloud == NULL)
        return FALSE;
    KlOp op = {.deadline_us = g_get_monotonic_time() + REGISTER_US};
    g_auto(KlCloudCa) there = {0};
    if (!kl_cloud_register_ca(cloud->aws, chain, ca, &there, &op, error))
        return FALSE;
    *done =
        (KlCaRegistration){g_steal_pointer(&there.id), g_steal_pointer(&there.mode), there.registered, there.activated};
    return TRUE;
}
