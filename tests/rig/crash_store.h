/* A store that kills its program at a chosen boundary of the journal. */
#pragma once

#include "station/store.h"

G_BEGIN_DECLS

/* Wraps a store (and takes it over): the nth changing call (1..) kills the process by SIGKILL, before it is made or
 * after it has committed. */
KlStore *kl_crash_store_new(KlStore *store, guint nth, gboolean after);

G_END_DECLS
