/* Where the journal ends. */
#pragma once

#include <sqlite3.h>

#include "db/audit_clock.h"
#include "db/audit_tree.h"

G_BEGIN_DECLS

#define KL_AUDIT_FORMAT "keyline-audit-1"

typedef struct {
    char journal[37];
    KlAuditFrontier frontier; /* n: the last event's; 0: the journal has not begun */
    guint8 hash[KL_HASH_SIZE];
    KlAuditClock clock; /* at the last event: boot and ahead_us */
    gint64 time_us;     /* of the last event */
} KlAuditHead;

/* All zero when the journal has not begun. AUDIT_BROKEN when the last event is not the one that the head names. */
gboolean kl_audit_head_read(sqlite3 *db, KlAuditHead *head, GError **error);

/* Keeps the head as of its last event, just written. */
gboolean kl_audit_head_write(sqlite3 *db, const KlAuditHead *head, const KlAuditClock *clock, GError **error);

G_END_DECLS
