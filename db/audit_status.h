/* How the journal stands: for people. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    gint64 events;
    gint64 checkpoint;    /* the last checkpoint's n; 0: none yet */
    gint64 checkpoint_us; /* when it was made */
    gboolean sealed;      /* a seal is in use */
} KlAuditStatus;

/* Reads it from the database at path. AUDIT_BROKEN, STATION_MISSING, STORE_*. */
gboolean kl_audit_status(const char *path, KlAuditStatus *status, GError **error);

G_END_DECLS
