/* PINs of the station's roles: kept only as a salted scrypt hash. */
#pragma once

#include "station/secret.h"

G_BEGIN_DECLS

/* "scrypt$N$r$p$SALT$HASH" (salt and hash in base64) for a PIN of 4..64 characters. NULL with USAGE when it is too
 * short or long. */
char *kl_pin_hash(const KlSecret *pin, GError **error);

/* TRUE when the PIN is the one that was hashed. FALSE with PIN_WRONG; STORE_CORRUPT when the hash is not one. Takes the
 * same time whatever is wrong with the PIN. */
gboolean kl_pin_verify(const char *hash, const KlSecret *pin, GError **error);

G_END_DECLS
