/* The journal: appending events to the chain and the tree. On the store's thread, within KlStoreWork. The format is
 * AUDIT-FORMAT.md's. */
#pragma once

#include <sqlite3.h>

#include "station/canonical.h"
#include "station/seal.h"

G_BEGIN_DECLS

#define KL_AUDIT_HASH_SIZE 32

/* The journal's first event, which tells what was kept before there was one; nothing when it has begun already. Opening
 * a database for writing does this. AUDIT_BROKEN, STORE_*. */
gboolean kl_audit_begin(sqlite3 *db, GError **error);

/* Appends an event. data: a canonical JSON object. job, imei: NULL when it belongs to none. The first event of a
 * journal is preceded by its beginning. AUDIT_BROKEN when the journal's end is not where audit_head says, STORE_*. */
gboolean kl_audit_append(sqlite3 *db, const char *type, const char *job, const char *imei, const char *data,
                         GError **error);

/* Signs a checkpoint over all events, and notes it. *line (may be NULL) as of KlStoreClass.checkpoint. SEAL_MISSING
 * when seal is NULL, SEAL_*, TOKEN_FAILED. */
gboolean kl_audit_checkpoint(sqlite3 *db, KlSeal *seal, const char *station, const char *reason, char **line,
                             GError **error);

/* The same with reason "count", when KL_AUDIT_CHECKPOINT_EVERY events came after the last one, unless another seal was
 * noted since this one: then that one is to sign. */
gboolean kl_audit_checkpoint_due(sqlite3 *db, KlSeal *seal, const char *station, GError **error);

/* Notes the seal's certificate from which on it signs, unless it is the one that was noted last. */
gboolean kl_audit_use_seal(sqlite3 *db, KlSeal *seal, const char *station, GError **error);

G_END_DECLS
