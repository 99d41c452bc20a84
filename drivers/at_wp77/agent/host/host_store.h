/* A unit's keystore and item store on a host: KlAgentOps over a folder.
 *
 *   key-<slot>.pem   the private key, PKCS#8 PEM, mode 0600    lock-<slot>   the slot is locked (empty file)
 *   item-<name>      an item as it was sent                     .new-*        half-written; removed at the next start
 *   software         what the first boot has applied            item-boot*    how far the first boot has come
 *
 * This stands in for the module's own storage: such a folder holds training and test units, nothing of value. */
#pragma once

#include <glib.h>

#include "drivers/at_wp77/agent/commands.h"

G_BEGIN_DECLS

typedef struct KlHostStore KlHostStore;

/* Opens the unit that lives in `path`, or makes a new one there. The identity is what the unit will say of itself;
 * backend is "iks" or "software", what it will say of its keystore. One agent at a time may have a folder. NULL with a
 * G_IO_ERROR. */
KlHostStore *kl_host_store_open(const char *path, const KlAgentIdentity *identity, const char *backend, GError **error);

void kl_host_store_free(KlHostStore *store);

/* Makes these bytes the software that the unit runs, atomically; NULL: that of the factory. 0 or a KL_AGENT_E_*. */
int kl_host_store_software(KlHostStore *store, const guint8 *bytes, gsize len);

/* The operations; their ops_data is a KlHostStore. To change what some of them do, copy the table, replace those
 * functions and let them call the originals. */
extern const KlAgentOps kl_host_store_ops;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlHostStore, kl_host_store_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAgent, kl_agent_free)

G_END_DECLS
