/* A device's item in DynamoDB, as first boot reads and changes it (db/activation_dynamodb.h). Pure. */
#pragma once

#include <json-glib/json-glib.h>

#include "db/activation_dynamodb.h"

G_BEGIN_DECLS

#define KL_BOOT_TURN KL_BOOT_ATTRIBUTE "turn"
#define KL_BOOT_IDS KL_BOOT_ATTRIBUTE "ids"
#define KL_BOOT_FIRST KL_BOOT_ATTRIBUTE "first"
#define KL_BOOT_SEEN KL_BOOT_ATTRIBUTE "seen"
#define KL_BOOT_COUNT KL_BOOT_ATTRIBUTE "count_"
#define KL_BOOT_CSR KL_BOOT_ATTRIBUTE "csr"
#define KL_BOOT_CLAIMANT KL_BOOT_ATTRIBUTE "claimant"
#define KL_BOOT_SINCE KL_BOOT_ATTRIBUTE "since"
#define KL_BOOT_CLAIMED KL_BOOT_ATTRIBUTE "claimed"
#define KL_BOOT_PEM KL_BOOT_ATTRIBUTE "pem"

/* The registration row in an item. Texts that are missing are "". One whose numbers are no whole numbers from 0 is no
 * row to go on from: its registered is "", which is no state. */
KlRegistration *kl_boot_row(JsonObject *item);

/* Field by field. */
gboolean kl_boot_row_equal(const KlRegistration *one, const KlRegistration *other);

/* Whether a word is one of those, separated by blanks, that an attribute holds. */
gboolean kl_boot_words_have(JsonObject *item, const char *attribute, const char *word);

/* --- updates: each adds an expression and its condition to a request that names its item. --- */

/* What a message has come to, if the item is still the one that was read; token goes into KL_BOOT_TURN. A first boot
 * that begins has no credential behind it: one that a service still claimed for the last one goes. */
void kl_boot_write_change(JsonObject *request, const KlActivationChange *change, JsonObject *item, const char *token);

/* Whether the item has a credential to be claimed by somebody who has not claimed it already. A claim that is from the
 * future, after the clock was put right, holds nobody up. */
gboolean kl_boot_may_claim(JsonObject *item, const KlActivationClaim *claim);
void kl_boot_read_credential(JsonObject *item, const KlActivationClaim *claim, KlActivationCredential *credential);

/* Claims it, if nobody has done so since the item was read. */
void kl_boot_write_claim(JsonObject *request, JsonObject *item, const KlActivationClaim *claim);

/* The certificate, if there was a claim with that request (Base64) and no certificate yet; the end of a claim that is
 * the claimant's. */
void kl_boot_write_issued(JsonObject *request, const char *csr, const char *pem);
void kl_boot_write_release(JsonObject *request, const char *claimant);

G_END_DECLS
