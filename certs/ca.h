/* The station's certificate authority in DIR/ca: ca.pem (its certificate, then upwards to the root) and ca.key (PKCS#8,
 * encrypted under a passphrase: scrypt, AES-256-CBC). The key may live on a PKCS#11 token instead. */
#pragma once

#include "station/secret.h"

G_BEGIN_DECLS

/* A CA whose key can sign now. Never changes; safe from several threads. */
typedef struct KlCa KlCa;

/* Makes a self-signed P-256 CA (CA:TRUE, pathlen 0; certificate and CRL signing) that is valid from now (seconds since
 * 1970) for days. dir is the station folder. CA_EXISTS; PASSPHRASE_MISSING for an empty passphrase; USAGE for a name
 * or number of days that can't be; STORE_* when the files can't be written. */
gboolean kl_ca_init(const char *dir, const char *common_name, guint days, const KlSecret *passphrase, gint64 now,
                    GError **error);

/* Takes over a CA. certificate_path: PEM, the CA's certificate first, then upwards. key_path: PEM in any form, which
 * key_passphrase (may be NULL) opens; it is stored encrypted again under passphrase. Or a pkcs11: URI, whose PIN is
 * then passphrase (may be NULL, see kl_ca_load); only the certificate is stored. P-256, P-384 and RSA from 2048 bits.
 * CA_EXISTS, CA_KEY_EXPOSED, CA_KEY_MISMATCH, CA_UNSUITABLE, CA_UNREADABLE, CA_EXPIRED, CA_NOT_YET_VALID,
 * PASSPHRASE_MISSING, PASSPHRASE_WRONG, TOKEN_FAILED, STORE_*. */
gboolean kl_ca_import(const char *dir, const char *key_path, const char *certificate_path,
                      const KlSecret *key_passphrase, const KlSecret *passphrase, gint64 now, GError **error);

/* Loads the CA. key: "file" (ca.key) or a pkcs11: URI, as in the station's configuration. passphrase: the file's
 * passphrase, or the token's PIN (may be NULL when the URI has a pin-source). Refuses a CA that ends within
 * margin_days. CA_MISSING, CA_UNREADABLE, CA_KEY_EXPOSED, CA_KEY_CLEAR, CA_KEY_MISMATCH, CA_UNSUITABLE, CA_EXPIRED,
 * CA_NOT_YET_VALID, PASSPHRASE_MISSING, PASSPHRASE_WRONG, TOKEN_FAILED, CONFIG_INVALID (the URI). */
KlCa *kl_ca_load(const char *dir, const char *key, const KlSecret *passphrase, guint margin_days, gint64 now,
                 GError **error);
void kl_ca_free(KlCa *ca);

/* The CA's certificate and those above it, PEM without other text. Borrowed. */
const char *kl_ca_chain_pem(const KlCa *ca);

/* The same, from the folder and without the key: the trust anchors for kl_pki_new(). CA_MISSING, CA_UNREADABLE. */
char *kl_ca_read_chain(const char *dir, GError **error);

/* The CA's certificate and where its key is, as lines of text for people. Needs no passphrase. CA_MISSING,
 * CA_UNREADABLE. */
char *kl_ca_describe(const char *dir, GError **error);

/* When the CA's certificate ends, seconds since 1970. */
gint64 kl_ca_not_after(const KlCa *ca);

/* Writes a CRL (PEM) to DIR/ca/ca.crl, atomically; returns the path. STORE_*. */
char *kl_ca_write_crl(const char *dir, const char *pem, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCa, kl_ca_free)

G_END_DECLS
