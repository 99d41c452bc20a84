/* The station's seal (station/seal.h): a P-256 key and its self-signed certificate, DIR/audit/seal.key and
 * DIR/audit/station.pem. */
#pragma once

#include "station/error.h"
#include "station/seal.h"

G_BEGIN_DECLS

/* Whether there is a seal in the station folder, or what is left of one. */
gboolean kl_seal_exists(const char *dir);

/* Makes key and certificate: CN=STATION, 25 years. The key is not encrypted, and for its owner only (0600): it has to
 * sign without anybody at hand, and what it signs is worth as much as the database beside it. Never overwrites: an
 * existing seal is left. USAGE (the name), STORE_*. */
gboolean kl_seal_make(const char *dir, const char *station, gint64 now, GError **error);

/* Moves the seal aside, as DIR/audit/FILE.TIME, for another to be made; nothing where there is none. STORE_*. */
gboolean kl_seal_put_aside(const char *dir, gint64 now, GError **error);

/* Opens the seal. key: "file", or the pkcs11: URI of the key on a token (pin-source= says where its PIN is), whose
 * certificate station.pem must be. SEAL_MISSING (also: unreadable), SEAL_EXPOSED (others may read the key), SEAL_WRONG
 * (the certificate is not the key's, or not P-256), CONFIG_INVALID, TOKEN_FAILED, PASSPHRASE_*. */
KlSeal *kl_seal_open(const char *dir, const char *key, GError **error);

extern const KlSealChecks kl_seal_checks;

G_END_DECLS
