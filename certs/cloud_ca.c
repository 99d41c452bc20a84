#include "certs/cloud_ca.h"

#include <openssl/pem.h>

#include "certs/ca_internal.h"
#include "certs/cloud_internal.h"
#include "certs/cloud_pem.h"
#include "certs/openssl_error.h"

#define VERIFICATION_DAYS 1

void
kl_cloud_ca_clear(KlCloudCa *done)
{
    g_clear_pointer(&done->id, g_free);
    g_clear_pointer(&done->mode, g_free);
}

static X509 *
build_verification(const KlCa *ca, EVP_PKEY *key, const char *code)
{
    g_autoptr(X509) x509 = X509_new();
    g_autoptr(X509_NAME) subject = X509_NAME_new();
    if (x509 == NULL || subject == NULL ||
        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, (const guchar *)code, -1, -1, 0) != 1 ||
        X509_set_version(x509, X509_VERSION_3) != 1 || !kl_set_serial(x509) ||
        X509_set_issuer_name(x509, X509_get_subject_name(ca->certificate)) != 1 ||
        X509_set_subject_name(x509, subject) != 1 || X509_set_pubkey(x509, key) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(x509), -3600) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(x509), VERIFICATION_DAYS * KL_SECONDS_PER_DAY) == NULL)
        return NULL;
    return g_steal_pointer(&x509);
}

/* A certificate whose common name is AWS's registration code, for a key that nobody keeps. */
static char *
make_verification(const KlCa *ca, const char *code, GError **error)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    g_autoptr(X509) x509 = key != NULL ? build_verification(ca, key, code) : NULL;
    if (x509 == NULL) {
        kl_openssl_fail(error, KL_ERROR_SIGNER_REFUSED, "the verification certificate can't be built");
        return NULL;
    }
    if (X509_sign(x509, ca->key, kl_ca_digest(ca)) <= 0) {
        kl_openssl_fail(error, ca->sign_failure, "the verification certificate can't be signed");
        return NULL;
    }
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio == NULL || PEM_write_bio_X509(bio, x509) != 1) {
        kl_openssl_fail(error, KL_ERROR_SIGNER_REFUSED, "the verification certificate can't be encoded");
        return NULL;
    }
    long length = BIO_get_mem_data(bio, &text);
    return g_strndup(text, (gsize)length);
}

static char *
get_code(KlCloud *cloud, KlOp *op, GError **error)
{
    const KlCloudCall call = {.operation = KL_AWS_GET_REGISTRATION_CODE, .path = "/registrationcode"};
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_cloud_call(cloud, &call, op, &answer, error))
        return NULL;
    char *code = g_strdup(kl_aws_answer_text(&answer, "registrationCode"));
    if (code == NULL)
        kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot GetRegistrationCode: the answer has no code");
    return code;
}

/* TRUE when it is registered now; *known when it was before. */
static gboolean
submit(KlCloud *cloud, const char *pem, const char *verification, const char *mode, gboolean *known, KlOp *op,
       GError **error)
{
    const KlPair query[] = {{"setAsActive", "true"}, {"allowAutoRegistration", "false"}, {NULL, NULL}};
    const KlPair body[] = {
        {"caCertificate", pem},
        {"certificateMode", mode},
        {verification != NULL ? "verificationCertificate" : NULL, verification},
        {NULL, NULL},
    };
    const KlCloudCall call = {
        .operation = KL_AWS_REGISTER_CA_CERTIFICATE, .path = "/cacertificate", .query = query, .body = body};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) failure = NULL;
    if (kl_cloud_call(cloud, &call, op, &answer, &failure))
        return TRUE;
    *known = kl_cloud_forgive(&failure, KL_ERROR_CLOUD_CONFLICT);
    if (!*known)
        g_propagate_error(error, g_steal_pointer(&failure));
    return *known;
}

static gboolean
set_active(KlCloud *cloud, const char *path, KlOp *op, GError **error)
{
    const KlPair query[] = {{"newStatus", "ACTIVE"}, {NULL, NULL}};
    const KlCloudCall call = {.operation = KL_AWS_UPDATE_CA_CERTIFICATE, .path = path, .query = query};
    g_auto(KlAwsAnswer) answer = {0};
    return kl_cloud_call(cloud, &call, op, &answer, error);
}

/* Looks how AWS has the CA, and sets it active. CLOUD_MISSING: it has none. */
static gboolean
look_at(KlCloud *cloud, const char *mode, KlCloudCa *done, KlOp *op, GError **error)
{
    g_autofree char *path = kl_uri_path("cacertificate", done->id, NULL);
    const KlCloudCall call = {.operation = KL_AWS_DESCRIBE_CA_CERTIFICATE, .path = path};
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_cloud_call(cloud, &call, op, &answer, error))
        return FALSE;
    const char *status = kl_aws_answer_text(&answer, "certificateDescription.status");
    const char *is = kl_aws_answer_text(&answer, "certificateDescription.certificateMode");
    done->mode = g_strdup(is != NULL ? is : "DEFAULT"); /* accounts from before there were modes */
    if (g_strcmp0(done->mode, mode) != 0)
        return kl_fail(error, KL_ERROR_CLOUD_CONFLICT, "CA certificate %s is registered in mode %s, not %s", done->id,
                       done->mode, mode);
    if (g_strcmp0(status, "ACTIVE") == 0)
        return TRUE;
    done->activated = !done->registered;
    return set_active(cloud, path, op, error);
}

static gboolean
register_now(KlCloud *cloud, const char *pem, const KlCa *ca, const char *mode, gboolean *known, KlOp *op,
             GError **error)
{
    g_autofree char *verification = NULL;
    if (ca != NULL) {
        g_autofree char *code = get_code(cloud, op, error);
        verification = code != NULL ? make_verification(ca, code, error) : NULL;
        if (verification == NULL)
            return FALSE;
    }
    return submit(cloud, pem, verification, mode, known, op, error);
}

gboolean
kl_cloud_register_ca(KlAws *aws, const char *chain_pem, const KlCa *ca, KlCloudCa *done, KlOp *op, GError **error)
{
    const char *mode = ca != NULL ? "DEFAULT" : "SNI_ONLY";
    *done = (KlCloudCa){0};
    g_autofree char *pem = kl_cloud_first_pem(chain_pem, error);
    g_autoptr(KlCertificate) certificate = pem != NULL ? kl_cloud_certificate(pem, NULL, error) : NULL;
    if (certificate == NULL)
        return FALSE;
    done->id = g_strdup(certificate->sha256);
    g_autoptr(KlCloud) cloud = kl_cloud_new(aws, NULL);
    g_autoptr(GError) failure = NULL;
    if (look_at(cloud, mode, done, op, &failure))
        return TRUE;
    gboolean known = FALSE;
    if (!kl_cloud_forgive(&failure, KL_ERROR_CLOUD_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!register_now(cloud, pem, ca, mode, &known, op, error))
        return FALSE;
    done->registered = TRUE;
    g_clear_pointer(&done->mode, g_free);
    if (look_at(cloud, mode, done, op, &failure))
        return TRUE;
    if (known && kl_cloud_forgive(&failure, KL_ERROR_CLOUD_MISSING))
        return kl_fail(error, KL_ERROR_CLOUD_CONFLICT, "CA certificate %s belongs to another account", done->id);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
