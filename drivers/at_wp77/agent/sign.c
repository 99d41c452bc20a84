#include "sign.h"

#include <string.h>

#define PROVE_DOMAIN "keyline-prove"
#define IMEI_DIGITS 15

int
kl_sign_request(const KlAgentOps *ops, void *data, const char *slot, const char *cn, uint8_t der[KL_PKCS10_MAX],
                size_t *len)
{
    uint8_t point[KL_P256_POINT_SIZE];
    int error = ops->key_public(data, slot, point);
    if (error != 0)
        return error;
    uint8_t info[KL_PKCS10_MAX];
    size_t info_len = 0;
    if (!kl_pkcs10_info(cn, point, info, &info_len))
        return KL_AGENT_E_KEYSTORE;
    uint8_t digest[KL_AGENT_HASH_SIZE];
    uint8_t raw[KL_P256_SIGNATURE_SIZE];
    error = ops->sha256(data, info, info_len, digest);
    if (error == 0)
        error = ops->key_sign(data, slot, digest, raw);
    if (error == 0 && !kl_pkcs10_request(info, info_len, raw, der, len))
        error = KL_AGENT_E_KEYSTORE;
    return error;
}

/* The prefix keeps a proof apart from every other thing that the key could be asked to sign; the IMEI keeps it from
 * being another unit's proof. */
static int
proof_digest(const KlAgentOps *ops, void *data, const uint8_t nonce[KL_AGENT_NONCE_SIZE],
             uint8_t digest[KL_AGENT_HASH_SIZE])
{
    KlAgentIdentity identity = {0};
    int error = ops->identity(data, &identity);
    if (error != 0)
        return error;
    if (strspn(identity.imei, "0123456789") != IMEI_DIGITS || identity.imei[IMEI_DIGITS] != '\0')
        return KL_AGENT_E_IDENTITY;
    const size_t prefix = sizeof PROVE_DOMAIN - 1;
    uint8_t message[sizeof PROVE_DOMAIN - 1 + KL_AGENT_NONCE_SIZE + IMEI_DIGITS];
    memcpy(message, PROVE_DOMAIN, prefix);
    memcpy(message + prefix, nonce, KL_AGENT_NONCE_SIZE);
    memcpy(message + prefix + KL_AGENT_NONCE_SIZE, identity.imei, IMEI_DIGITS);
    return ops->sha256(data, message, sizeof message, digest);
}

int
kl_sign_proof(const KlAgentOps *ops, void *data, const char *slot, const uint8_t nonce[KL_AGENT_NONCE_SIZE],
              uint8_t der[KL_ECDSA_DER_MAX], size_t *len)
{
    uint8_t digest[KL_AGENT_HASH_SIZE];
    uint8_t raw[KL_P256_SIGNATURE_SIZE];
    int error = proof_digest(ops, data, nonce, digest);
    if (error == 0)
        error = ops->key_sign(data, slot, digest, raw);
    if (error == 0 && !kl_ecdsa_der(raw, der, len))
        error = KL_AGENT_E_KEYSTORE;
    return error;
}
