/* Where the tables of the database contradict each other, or the journal: after a restore, or after somebody's hand. */
#pragma once

#include <sqlite3.h>

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    KL_RECONCILE_NO_UNIT,        /* a certificate of a unit that is not known */
    KL_RECONCILE_NOT_INSTALLED,  /* a live certificate that no job has put on its unit */
    KL_RECONCILE_NOT_IN_JOURNAL, /* a unit counts as provisioned, and no journal or archive tells that it passed */
    KL_RECONCILE_NO_LEDGER_ROW,  /* the journal tells of a PASS with a certificate that the ledger does not have */
} KlReconcileKind;

typedef struct {
    KlReconcileKind kind;
    const char *imei; /* or NULL, as what follows */
    const char *device_id;
    const char *certificate; /* SHA-256 */
    const char *job;
} KlReconcileFinding;

/* Calls each() for all of them; what it gets is borrowed for the time of the call. STORE_*. */
gboolean kl_reconcile(sqlite3 *db, void (*each)(const KlReconcileFinding *finding, gpointer data), gpointer data,
                      GError **error);

G_END_DECLS
