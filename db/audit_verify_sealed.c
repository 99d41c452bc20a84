#include "db/audit_verify_sealed.h"

#include <string.h>

#include "station/error.h"

#define FORMAT "keyline-audit-checkpoint-1"

gboolean
kl_audit_read_hash(KlAuditSpan hex, guint8 hash[KL_HASH_SIZE])
{
    if (hex.at == NULL || hex.length != 2 * KL_HASH_SIZE)
        return FALSE;
    for (gsize i = 0; i < KL_HASH_SIZE; i++) {
        char high = hex.at[2 * i], low = hex.at[2 * i + 1];
        if (!g_ascii_isxdigit(high) || !g_ascii_isxdigit(low) || g_ascii_isupper(high) || g_ascii_isupper(low))
            return FALSE;
        hash[i] = (guint8)(g_ascii_xdigit_value(high) << 4 | g_ascii_xdigit_value(low));
    }
    return TRUE;
}

/* The members of a body, in order; what they are is in the same place of values. */
static const char *const names[] = {
    "certificate_sha256", "format", "hash", "journal", "n", "reason", "root", "station", "time_us"};

static gboolean
read_members(KlAuditSpan rest, KlAuditSpan values[G_N_ELEMENTS(names)])
{
    KlAuditSpan name, value;
    gsize count = 0;
    while (kl_audit_scan_member(&rest, &name, &value)) {
        if (count == G_N_ELEMENTS(names) || !kl_audit_span_is(name, names[count], strlen(names[count])))
            return FALSE;
        values[count++] = value;
    }
    return count == G_N_ELEMENTS(names);
}

gboolean
kl_audit_sealed_read(KlAuditSealed *sealed, const char *body, gsize length, const char *signature,
                     gsize signature_length)
{
    KlAuditSpan values[G_N_ELEMENTS(names)];
    guint8 fingerprint[KL_HASH_SIZE];
    gint64 time_us = 0;
    sealed->body = g_strndup(body, length);
    sealed->signature = g_strndup(signature, signature_length);
    if (strlen(sealed->body) != length || !kl_audit_scan_object(body, length) ||
        !read_members((KlAuditSpan){body, length}, values))
        return FALSE;
    sealed->certificate_sha256 = kl_audit_scan_text(values[0]);
    sealed->journal = kl_audit_scan_text(values[3]);
    sealed->station = kl_audit_scan_text(values[7]);
    KlAuditSpan format = kl_audit_scan_raw(values[1]);
    return kl_audit_read_hash(kl_audit_scan_raw(values[0]), fingerprint) &&
           kl_audit_span_is(format, FORMAT, strlen(FORMAT)) &&
           kl_audit_read_hash(kl_audit_scan_raw(values[2]), sealed->hash) && sealed->journal != NULL &&
           kl_audit_scan_number(values[4], &sealed->n) && sealed->n > 0 && kl_audit_scan_raw(values[5]).at != NULL &&
           kl_audit_read_hash(kl_audit_scan_raw(values[6]), sealed->root) && sealed->station != NULL &&
           kl_audit_scan_number(values[8], &time_us) && time_us > 0;
}

gboolean
kl_audit_sealed_read_object(KlAuditSealed *sealed, KlAuditSpan object)
{
    KlAuditSpan name, value;
    if (!kl_audit_scan_member(&object, &name, &value) || !kl_audit_span_is(name, "body", 4))
        return FALSE;
    g_autofree char *body = kl_audit_scan_text(value);
    if (!kl_audit_scan_member(&object, &name, &value) || !kl_audit_span_is(name, "signature", 9))
        return FALSE;
    g_autofree char *signature = kl_audit_scan_text(value);
    return !kl_audit_scan_member(&object, &name, &value) && body != NULL && signature != NULL &&
           kl_audit_sealed_read(sealed, body, strlen(body), signature, strlen(signature));
}

void
kl_audit_sealed_clear(KlAuditSealed *sealed)
{
    g_free(sealed->body);
    g_free(sealed->signature);
    g_free(sealed->certificate_sha256);
    g_free(sealed->journal);
    g_free(sealed->station);
    *sealed = (KlAuditSealed){0};
}

char *
kl_audit_sealed_doubt(const KlAuditSealed *sealed, const char *certificate, const char *fingerprint,
                      const KlSealChecks *checks)
{
    g_autoptr(GError) error = NULL;
    if (certificate == NULL)
        return g_strdup("no certificate is there to check the signature with");
    if (g_strcmp0(fingerprint, sealed->certificate_sha256) != 0)
        return g_strdup_printf("it says that %.16s... has signed it, not the station's certificate %.16s...",
                               sealed->certificate_sha256, fingerprint);
    if (!checks->signature(certificate, sealed->body, strlen(sealed->body), sealed->signature, &error))
        return g_strdup("the signature is not the station's");
    return NULL;
}

gboolean
kl_audit_trust_take(KlAuditTrust *trust, const KlAuditVerify *options, const char *enclosed, GError **error)
{
    g_autoptr(GError) local = NULL;
    const char *certificate = options->certificate != NULL ? options->certificate : enclosed;
    trust->from_outside = options->certificate != NULL;
    trust->fingerprint = certificate != NULL ? options->checks->fingerprint(certificate, &local) : NULL;
    if (trust->fingerprint != NULL)
        trust->certificate = g_strdup(certificate);
    if (trust->from_outside && trust->fingerprint == NULL)
        return kl_fail(error, KL_ERROR_USAGE, "the station's certificate: %s", local->message);
    return TRUE;
}

void
kl_audit_trust_clear(KlAuditTrust *trust)
{
    g_free(trust->certificate);
    g_free(trust->fingerprint);
    *trust = (KlAuditTrust){0};
}

gboolean
kl_audit_sealed_given(KlAuditSealed *sealed, const KlAuditVerify *options, gboolean *given, GError **error)
{
    *given = options->checkpoint != NULL;
    if (!*given)
        return TRUE;
    gsize length = strlen(options->checkpoint);
    while (length > 0 && g_ascii_isspace(options->checkpoint[length - 1]))
        length--;
    if (kl_audit_scan_object(options->checkpoint, length) &&
        kl_audit_sealed_read_object(sealed, (KlAuditSpan){options->checkpoint, length}))
        return TRUE;
    return kl_fail(error, KL_ERROR_USAGE, "the checkpoint to compare with is none");
}
