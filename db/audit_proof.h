/* A proof (AUDIT-FORMAT.md): that the events of one unit, batch or job are in the journal, and nothing of any other. */
#pragma once

#include "station/audit.h"

G_BEGIN_DECLS

/* What the proof is about. */
typedef struct {
    guint64 n;           /* of its checkpoint */
    guint64 first, last; /* of its events */
    guint events;
} KlAuditProved;

/* checkpoint: a line of checkpoints.jsonl, up to which the journal is read. certificate: the station's, PEM. The
 * proof's text; the caller frees. RECORD_UNKNOWN when the journal has no event that the identifier means; AUDIT_BROKEN,
 * STORE_*. */
char *kl_audit_prove(const char *database, const char *identifier, const char *checkpoint, const char *certificate,
                     KlAuditProved *proved, GError **error);

G_END_DECLS
