#include "boot_credential.h"

#include "boot_key.h"
#include "codec.h"
#include "softkey.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATES_MAX 8 /* of one item */

/* An item as text with a NUL behind it. KL_AGENT_E_BOOT_INCOMPLETE when it is not there, or empty. */
static int
read_item(const KlAgentOps *ops, void *data, const char *name, char text[KL_AGENT_ITEM_MAX + 1], size_t *len)
{
    int error = ops->item_read(data, name, (uint8_t *)text, KL_AGENT_ITEM_MAX, len);
    if (error == KL_AGENT_E_NO_ITEM || (error == 0 && (*len == 0 || memchr(text, '\0', *len) != NULL)))
        error = KL_AGENT_E_BOOT_INCOMPLETE;
    text[error == 0 ? *len : 0] = '\0';
    return error;
}

/* All certificates of an item; the caller frees them. */
static int
read_certificates(const KlAgentOps *ops, void *data, const char *name, STACK_OF(X509) * *certificates)
{
    char text[KL_AGENT_ITEM_MAX + 1];
    size_t len = 0;
    *certificates = NULL;
    int error = read_item(ops, data, name, text, &len);
    if (error != 0)
        return error;
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    STACK_OF(X509) *read = sk_X509_new_null();
    X509 *next = NULL;
    while (bio != NULL && read != NULL && sk_X509_num(read) < CERTIFICATES_MAX &&
           (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(read, next) <= 0) {
            X509_free(next);
            break;
        }
    }
    ERR_clear_error();
    BIO_free(bio);
    if (read != NULL && sk_X509_num(read) > 0) {
        *certificates = read;
        return 0;
    }
    sk_X509_pop_free(read, X509_free);
    return KL_AGENT_E_BOOT_INCOMPLETE;
}

static bool
read_device(const X509 *certificate, char device[KL_BOOT_DEVICE_MAX + 1])
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_-";
    X509_NAME *subject = X509_get_subject_name(certificate);
    int len = X509_NAME_get_text_by_NID(subject, NID_commonName, device, KL_BOOT_DEVICE_MAX + 1);
    return len > 0 && (size_t)len == strlen(device) && strspn(device, allowed) == (size_t)len &&
           X509_NAME_get_index_by_NID(subject, NID_commonName,
                                      X509_NAME_get_index_by_NID(subject, NID_commonName, -1)) < 0;
}

/* The item that says whom to trust; a damaged "trust" is no reason to trust anybody else. */
static const char *
trust_item(const KlAgentOps *ops, void *data)
{
    char text[KL_AGENT_ITEM_MAX];
    size_t len = 0;
    return ops->item_read(data, "trust", (uint8_t *)text, sizeof text, &len) == KL_AGENT_E_NO_ITEM ? "chain" : "trust";
}

static int
read_trust(const KlAgentOps *ops, void *data, STACK_OF(X509) * *trust)
{
    return read_certificates(ops, data, trust_item(ops, data), trust);
}

static int
hash_trust(const KlAgentOps *ops, void *data, char hex[2 * KL_AGENT_HASH_SIZE + 1])
{
    uint8_t bytes[KL_AGENT_ITEM_MAX];
    uint8_t digest[KL_AGENT_HASH_SIZE];
    size_t len = 0;
    int error = ops->item_read(data, trust_item(ops, data), bytes, sizeof bytes, &len);
    if (error == 0 && !kl_softkey_sha256(bytes, len, digest))
        error = KL_AGENT_E_CRYPTO;
    if (error == 0)
        kl_hex_encode(digest, sizeof digest, hex);
    return error;
}

int
kl_boot_self_read(const KlAgentOps *ops, void *data, KlBootSelf *self)
{
    char text[KL_AGENT_ITEM_MAX + 1];
    size_t len = 0;
    STACK_OF(X509) *certificates = NULL;
    *self = (KlBootSelf){.port = 0};
    int error = read_item(ops, data, "endpoint", text, &len);
    if (error == 0 && !kl_boot_address_read(text, self->host, &self->port))
        error = KL_AGENT_E_BOOT_INCOMPLETE;
    if (error == 0)
        error = read_certificates(ops, data, "certificate", &certificates);
    if (error == 0 && !read_device(sk_X509_value(certificates, 0), self->device))
        error = KL_AGENT_E_BOOT_INCOMPLETE;
    sk_X509_pop_free(certificates, X509_free);
    if (error == 0) {
        error = read_trust(ops, data, &certificates);
        sk_X509_pop_free(certificates, X509_free);
    }
    if (error == 0)
        error = hash_trust(ops, data, self->trust_sha256);
    if (error != 0)
        *self = (KlBootSelf){.port = 0};
    return error;
}

/* The slot whose key the certificate is for. */
static EVP_PKEY *
find_key(const KlAgentOps *ops, void *data, X509 *certificate)
{
    KlAgentSlot slots[KL_AGENT_SLOTS_MAX];
    size_t n = 0;
    EVP_PKEY *found = NULL;
    if (ops->key_list(data, slots, &n) != 0)
        return NULL;
    for (size_t i = 0; i < n && found == NULL; i++) {
        found = kl_boot_key(ops, data, slots[i].name);
        if (found != NULL && X509_check_private_key(certificate, found) != 1) {
            EVP_PKEY_free(found);
            found = NULL;
        }
    }
    ERR_clear_error();
    return found;
}

int
kl_boot_credential_load(const KlAgentOps *ops, void *data, KlBootCredential *credential)
{
    STACK_OF(X509) *certificates = NULL;
    *credential = (KlBootCredential){.key = NULL};
    int error = read_certificates(ops, data, "certificate", &certificates);
    if (error != 0)
        return error;
    credential->certificate = sk_X509_shift(certificates);
    sk_X509_pop_free(certificates, X509_free);
    credential->key = find_key(ops, data, credential->certificate);
    if (credential->key == NULL)
        return KL_AGENT_E_BOOT_INCOMPLETE;
    error = read_certificates(ops, data, "chain", &credential->issuers);
    if (error != 0 && error != KL_AGENT_E_BOOT_INCOMPLETE)
        return error;
    return read_trust(ops, data, &credential->trust);
}

void
kl_boot_credential_clear(KlBootCredential *credential)
{
    X509_free(credential->certificate);
    sk_X509_pop_free(credential->issuers, X509_free);
    sk_X509_pop_free(credential->trust, X509_free);
    EVP_PKEY_free(credential->key);
    *credential = (KlBootCredential){.key = NULL};
}
