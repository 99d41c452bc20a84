/* Which slot is working on which IMEI: two units with one IMEI are both stopped, a unit that moved is let go of where
 * it was. Safe from several threads. */
#pragma once

#include "station/transport.h"

G_BEGIN_DECLS

typedef struct KlClaims KlClaims;

KlClaims *kl_claims_new(void);
void kl_claims_free(KlClaims *claims);

/* Where a claim's unit stands: it is there as long as the slot's plug is the one that it was identified under. */
typedef struct {
    KlTransportPlug look;
    const char *address; /* the slot's; borrowed until the claim is dropped */
    guint64 plug;
} KlClaimUnit;

/* The slot works on the IMEI from now on, or again after it has identified its unit anew. Another slot whose unit is
 * still there has a unit with the same IMEI: both are contested. One whose unit is gone has lost it to this slot. */
void kl_claims_take(KlClaims *claims, const char *imei, const char *slot, const KlClaimUnit *unit);

/* FALSE with DUPLICATE_IMEI when the slot's claim on the IMEI is contested, with UNIT_REMOVED when its unit has moved
 * to another slot. */
gboolean kl_claims_check(KlClaims *claims, const char *imei, const char *slot, GError **error);

/* Whether no other slot works on the IMEI: one that has lost its unit may yet be in the middle of writing of it. */
gboolean kl_claims_alone(KlClaims *claims, const char *imei);

/* The slot is done with the IMEI. The other slot's claim stays contested. */
void kl_claims_drop(KlClaims *claims, const char *imei, const char *slot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlClaims, kl_claims_free)

G_END_DECLS
