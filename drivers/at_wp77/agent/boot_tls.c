#include "boot_tls.h"

#include "softkey.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A broker's name is in its certificate's subjectAltName. A common name is a unit's: the CA that signs those may be the
 * one that is trusted. */
#define HOST_FLAGS (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

static int
refuse(KlBootTls *tls, KlAgentBootTrouble trouble, const char *words)
{
    tls->trouble = trouble;
    snprintf(tls->words, sizeof tls->words, "%s", words);
    return 0;
}

/* What is wrong, by the number that X509_verify_cert() leaves. */
static KlAgentBootTrouble
trouble_of(int number)
{
    switch (number) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return KL_AGENT_TROUBLE_WRONG_NAME;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return KL_AGENT_TROUBLE_CLOCK;
    default:
        return KL_AGENT_TROUBLE_UNTRUSTED;
    }
}

static int
verify_by_trust(X509_STORE_CTX *context, KlBootTls *tls)
{
    if (X509_verify_cert(context) == 1)
        return 1;
    int number = X509_STORE_CTX_get_error(context);
    return refuse(tls, trouble_of(number), X509_verify_cert_error_string(number));
}

/* A rehearsal's broker has a certificate of nobody's: it is known by its hash, and the rest is judged as in the field.
 */
static int
verify_by_pin(const X509_STORE_CTX *context, KlBootTls *tls)
{
    X509 *certificate = X509_STORE_CTX_get0_cert(context);
    uint8_t *der = NULL;
    uint8_t digest[KL_AGENT_HASH_SIZE];
    time_t now = (time_t)tls->clock_s;
    int len = certificate != NULL ? i2d_X509(certificate, &der) : -1;
    bool same = len > 0 && kl_softkey_sha256(der, (size_t)len, digest) && memcmp(digest, tls->pin, sizeof digest) == 0;
    OPENSSL_free(der);
    if (!same)
        return refuse(tls, KL_AGENT_TROUBLE_UNTRUSTED, "not the certificate of the rehearsal");
    if (X509_check_host(certificate, tls->host, 0, HOST_FLAGS, NULL) != 1 &&
        X509_check_ip_asc(certificate, tls->host, 0) != 1)
        return refuse(tls, KL_AGENT_TROUBLE_WRONG_NAME, "its certificate is for another name than the endpoint");
    if (X509_cmp_time(X509_get0_notBefore(certificate), &now) != -1)
        return refuse(tls, KL_AGENT_TROUBLE_CLOCK, "its certificate is not yet valid");
    if (X509_cmp_time(X509_get0_notAfter(certificate), &now) != 1)
        return refuse(tls, KL_AGENT_TROUBLE_CLOCK, "its certificate has expired");
    return 1;
}

static int
verify(X509_STORE_CTX *context, void *data)
{
    KlBootTls *tls = data;
    int ok = tls->pinned ? verify_by_pin(context, tls) : verify_by_trust(context, tls);
    tls->verified = ok == 1;
    if (!tls->verified && X509_STORE_CTX_get_error(context) == X509_V_OK)
        X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
    return ok;
}

/* The broker's alerts are the only words that it has for a certificate that it does not take. */
static void
on_handshake(const SSL *ssl, int where, int value)
{
    KlBootTls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (where & SSL_CB_HANDSHAKE_DONE)
        tls->done = true;
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xff) != SSL_AD_CLOSE_NOTIFY &&
        tls->trouble == KL_AGENT_TROUBLE_FINE) {
        tls->trouble = KL_AGENT_TROUBLE_REFUSED;
        snprintf(tls->words, sizeof tls->words, "the broker says: %s", SSL_alert_desc_string_long(value));
    }
}

static bool
set_identity(SSL_CTX *context, const KlBootCredential *credential)
{
    if (SSL_CTX_use_certificate(context, credential->certificate) != 1 ||
        SSL_CTX_use_PrivateKey(context, credential->key) != 1)
        return false;
    for (int i = 0; i < sk_X509_num(credential->issuers); i++)
        if (SSL_CTX_add1_chain_cert(context, sk_X509_value(credential->issuers, i)) != 1)
            return false;
    return true;
}

static bool
set_judgement(SSL_CTX *context, const KlBootCredential *credential, KlBootTls *tls)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(context);
    for (int i = 0; i < sk_X509_num(credential->trust); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(credential->trust, i)) != 1)
            return false;
    /* Whom the unit trusts need not be a root. */
    if (X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return false;
    X509_VERIFY_PARAM_set_hostflags(parameters, HOST_FLAGS);
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, tls->host) != 1 &&
        X509_VERIFY_PARAM_set1_host(parameters, tls->host, 0) != 1)
        return false;
    X509_VERIFY_PARAM_set_time(parameters, (time_t)tls->clock_s);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify, tls);
    SSL_CTX_set_app_data(context, tls);
    SSL_CTX_set_info_callback(context, on_handshake);
    return true;
}

SSL_CTX *
kl_boot_tls_new(const KlBootCredential *credential, KlBootTls *tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        set_identity(context, credential) && set_judgement(context, credential, tls)) {
        ERR_clear_error();
        return context;
    }
    ERR_clear_error();
    SSL_CTX_free(context);
    return NULL;
}
