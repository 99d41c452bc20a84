/* What the engine's files share. */
#pragma once

#include "station/activation/engine.h"

G_BEGIN_DECLS

struct KlActivationEngine {
    KlActivationParts parts;
};

/* Whether a request may be signed for that device. CSR_*. */
gboolean kl_activation_check_csr(const KlActivationEngine *engine, const char *device, GBytes *der, GError **error);

/* Whether certificates may get the policy that the row names. */
gboolean kl_activation_policy_fits(const KlActivationEngine *engine, const KlRegistration *row);

/* Puts the one certificate of the row's device into an answer that has a csr, or is to have a key made: the one it got
 * before, or a new one, with the row's policy and perhaps its key. ACTIVATION_BUSY while somebody else gets it issued;
 * whatever signer and table fail with. */
gboolean kl_activation_add_credential(const KlActivationEngine *engine, const KlRegistration *row, KlActivation *answer,
                                      KlOp *op, GError **error);

/* What the journal is told of a message, as canonical JSON: hostile text is cut, and nothing of what is in payloads or
 * in the row's parameters. was: the row that was judged, or NULL. The caller frees it. */
char *kl_activation_note_json(const KlActivation *activation, const KlActivationMessage *message,
                              const KlRegistration *was, const char *id);

G_END_DECLS
