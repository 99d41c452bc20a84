/* A key that is made here for somebody else. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A new P-256 key as PEM (PKCS#8, not encrypted), and *csr: a request for it that passes kl_csr_check() (DER). No copy
 * of the key is left in memory but that one, which is wiped when it is freed. The caller frees both. INTERNAL: what no
 * certificate can be called. */
GBytes *kl_made_key(const char *common_name, GBytes **csr, GError **error);

G_END_DECLS
