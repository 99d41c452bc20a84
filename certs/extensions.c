#include "certs/extensions.h"

#include <openssl/sha.h>

gboolean
kl_extensions_add(X509 *x509, const KlExtension *extensions, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        g_autoptr(ASN1_OCTET_STRING) value = ASN1_OCTET_STRING_new();
        if (value == NULL ||
            ASN1_OCTET_STRING_set(value, extensions[i].value.data, (int)extensions[i].value.length) != 1)
            return FALSE;
        g_autoptr(X509_EXTENSION) extension =
            X509_EXTENSION_create_by_NID(NULL, extensions[i].nid, extensions[i].critical, value);
        if (extension == NULL || X509_add_ext(x509, extension, -1) != 1)
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_extensions_add_key_id(X509 *x509)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x509);
    guint8 digest[SHA_DIGEST_LENGTH];
    g_autoptr(ASN1_OCTET_STRING) key_id = ASN1_OCTET_STRING_new();
    return bits != NULL && key_id != NULL &&
           EVP_Digest(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits), digest, NULL, EVP_sha1(), NULL) ==
               1 &&
           ASN1_OCTET_STRING_set(key_id, digest, sizeof digest) == 1 &&
           X509_add1_ext_i2d(x509, NID_subject_key_identifier, key_id, 0, X509V3_ADD_DEFAULT) == 1;
}

AUTHORITY_KEYID *
kl_authority_key_id(const ASN1_OCTET_STRING *key_id)
{
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    if (authority != NULL)
        authority->keyid = ASN1_OCTET_STRING_dup(key_id);
    return authority;
}
