/* A store, and a signer, that kill their program at a chosen boundary. */
#pragma once

#include "station/signer.h"
#include "station/store.h"

G_BEGIN_DECLS

/* Wraps a store (and takes it over): the nth changing call (1..) kills the process by SIGKILL, before it is made or
 * after it has committed. */
KlStore *kl_crash_store_new(KlStore *store, guint nth, gboolean after);

/* Wraps a signer, which is borrowed: the calls of a job count, too, with those of that store. Free with klass->free. */
KlSigner *kl_crash_signer_new(KlSigner *inner, KlStore *store);

G_END_DECLS
