/* The names and texts of the CA folder. */
#pragma once

#include "certs/ca.h"
#include "certs/openssl_auto.h"
#include "station/error.h"

G_BEGIN_DECLS

#define KL_CA_CERTIFICATE_FILE "ca.pem"
#define KL_CA_KEY_FILE "ca.key"
#define KL_CA_CRL_FILE "ca.crl"
#define KL_CA_TOKEN_PREFIX "pkcs11:"

/* DIR/ca/FILE. */
char *kl_ca_folder_path(const char *dir, const char *file);

/* The certificates in DIR/ca/ca.pem. CA_MISSING, CA_UNREADABLE. */
KlX509Stack *kl_ca_folder_chain(const char *dir, GError **error);

/* Writes a new CA: key_pem (NULL: on a token) first, so that ca.pem is never there without its key. CA_EXISTS when any
 * of the two is there. */
gboolean kl_ca_folder_write(const char *dir, BIO *key_pem, const char *chain_pem, GError **error);

/* FALSE with CA_EXISTS when the folder holds a CA, or a part of one. */
gboolean kl_ca_folder_is_free(const char *dir, GError **error);

G_END_DECLS
