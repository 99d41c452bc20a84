/* Which slot is working on which IMEI: two units with one IMEI are both stopped. Safe from several threads. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlClaims KlClaims;

KlClaims *kl_claims_new(void);
void kl_claims_free(KlClaims *claims);

/* The slot works on the IMEI from now on. When another slot already does, both are contested. */
void kl_claims_take(KlClaims *claims, const char *imei, const char *slot);

/* FALSE with DUPLICATE_IMEI when the slot's claim on the IMEI is contested. */
gboolean kl_claims_check(KlClaims *claims, const char *imei, const char *slot, GError **error);

/* The slot is done with the IMEI. The other slot's claim stays contested. */
void kl_claims_drop(KlClaims *claims, const char *imei, const char *slot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlClaims, kl_claims_free)

G_END_DECLS
