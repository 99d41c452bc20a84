/* One pass over the journal's events: the selected ones go out, the others become hashes, and in the end the root is
 * the checkpoint's, or all was in vain. */
#pragma once

#include "db/audit_select.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where things go; each may fail, which ends the pass. */
typedef struct {
    /* A selected event: its bytes (borrowed), its leaf. */
    gboolean (*event)(gpointer data, guint64 n, const char *body, gsize length, const guint8 leaf[KL_HASH_SIZE],
                      GError **error);
    /* A line of hidden.txt. */
    gboolean (*hidden)(gpointer data, const guint8 hash[KL_HASH_SIZE], GError **error);
    void (*progress)(double fraction, gpointer progress_data); /* or NULL */
    gpointer progress_data;
    GCancellable *cancel; /* or NULL */
} KlAuditPass;

/* Goes over the events up to the reader's checkpoint. AUDIT_BROKEN when one is missing, or they are not what was
 * signed; STORE_*, CANCELLED, and those of the calls. */
gboolean kl_audit_pass(const KlAuditReader *reader, const KlAuditRequest *request, const KlAuditPass *calls,
                       gpointer data, GError **error);

/* What an event's bytes end with: its type (borrowed, with its length) and time. AUDIT_BROKEN. */
gboolean kl_audit_event_tail(const char *body, gsize length, const char **type, gsize *type_length, gint64 *time_us,
                             GError **error);

G_END_DECLS
