/* One message from its arrival to what is published: its device's row is read, the message judged, what became of it
 * kept, and only then anything done. Exactly one change of state for each message, whoever dies in between and however
 * many services share the table. */
#pragma once

#include "station/activation/activation.h"
#include "station/activation/software.h"
#include "station/activation/table.h"
#include "station/pki.h"
#include "station/signer.h"

G_BEGIN_DECLS

/* What an engine works with. Borrows everything. */
typedef struct {
    KlActivationRules rules;
    KlActivationTable *table;
    KlSoftwareShelf *software; /* NULL: there is no software for anybody */

    /* With KL_CREDENTIALS_CSR and _CREATE_KEYS: who signs, checks and makes keys, and what certificates look like.
     * Nothing is known of a unit but its device id: the profile's subject may name {device_id} only. */
    KlSigner *signer;
    KlPki *pki;
    const KlProfile *profile; /* but for the certificates' policy: that is the row's, as in the seed */
    const char *policy;       /* the one that rows may name; NULL: any */
} KlActivationParts;

typedef struct KlActivationEngine KlActivationEngine;

/* CONFIG_INVALID for parts that don't fit together. */
KlActivationEngine *kl_activation_engine_new(const KlActivationParts *parts, GError **error);
void kl_activation_engine_free(KlActivationEngine *engine);

/* Handles one message; safe from several threads. message->again is what the broker says of it: it is believed only of
 * messages without an id.
 *
 * The answer has all that is to be published, in order (the credential first); after that, the message may be
 * acknowledged. A private key among it is wiped with the answer and in no other one: when it is not published, the
 * device's row has to begin anew. NULL with an error: nothing is to be published. With an error of the kind RETRY
 * (ACTIVATION_BUSY: others work on the same device) the message is to be handled again, by not acknowledging it; with
 * any other, the unit will ask again by itself once the service has been put right. */
KlActivation *kl_activation_engine_handle(KlActivationEngine *engine, const KlActivationMessage *message, KlOp *op,
                                          GError **error);

/* Handles many messages, each of another device, for the price of few, where the table can do that. became (n of them)
 * has the answers; NULL: nothing was done about that message, and it is to be handled by itself, as if it came now. */
void kl_activation_engine_handle_all(KlActivationEngine *engine, const KlActivationMessage *messages, guint n, KlOp *op,
                                     KlActivation **became);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlActivationEngine, kl_activation_engine_free)

G_END_DECLS
