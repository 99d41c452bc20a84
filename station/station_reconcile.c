/* The search for orphans in the station's own database: after a restore, or after somebody's hand. */
#include "db/database.h"
#include "db/reconcile.h"
#include "station/station_orphans_private.h"
#include "station/station_private.h"

static void
set(KlOrphan *orphan, char *detail, const char *remedy)
{
    g_free(orphan->detail);
    g_free(orphan->remedy);
    orphan->detail = detail;
    orphan->remedy = g_strdup(remedy);
}

/* A certificate that never got onto its unit was found before as one whose unit never passed. */
static KlOrphan *
find_never_passed(KlOrphanSearch *search, const char *certificate)
{
    for (guint i = 0; i < search->found->orphans->len; i++) {
        KlOrphan *orphan = search->found->orphans->pdata[i];
        if (orphan->kind == KL_ORPHAN_NEVER_PASSED && g_strcmp0(orphan->certificate, certificate) == 0)
            return orphan;
    }
    return NULL;
}

static void
take_not_installed(KlOrphanSearch *search, const KlReconcileFinding *finding)
{
    KlOrphan *orphan = find_never_passed(search, finding->certificate);
    if (orphan == NULL)
        return;
    orphan->kind = KL_ORPHAN_UNINSTALLED;
    set(orphan, g_strdup_printf("certificate %.16s was issued, and never installed", finding->certificate),
        "Provision the unit again: it gets this certificate; of one that is scrapped, revoke it with keyline ca "
        "revoke.");
}

static void
take(const KlReconcileFinding *finding, gpointer data)
{
    KlOrphanSearch *search = data;
    const char *name = finding->device_id != NULL ? finding->device_id : finding->imei;
    KlOrphan *orphan;
    switch (finding->kind) {
    case KL_RECONCILE_NOT_INSTALLED:
        take_not_installed(search, finding);
        break;
    case KL_RECONCILE_NO_UNIT:
        orphan = kl_orphan_add(search, KL_ORPHAN_NO_UNIT, name, finding->certificate);
        set(orphan, g_strdup_printf("certificate %.16s is of a unit that is not known here", finding->certificate),
            "Run keyline audit verify: rows were taken out of the database. Restore a backup that has them.");
        break;
    case KL_RECONCILE_NOT_IN_JOURNAL:
        orphan = kl_orphan_add(search, KL_ORPHAN_UNJOURNALED, name, NULL);
        set(orphan, g_strdup("counts as provisioned, and neither journal nor archive tells that it passed"),
            "Run keyline audit verify, then provision the unit again: it is verified, and that is journalled.");
        break;
    case KL_RECONCILE_NO_LEDGER_ROW:
        orphan = kl_orphan_add(search, KL_ORPHAN_NO_LEDGER, name, finding->certificate);
        set(orphan,
            g_strdup_printf(
                "the journal tells of a PASS in job %.8s with certificate %.16s, which is not in the ledger",
                finding->job != NULL ? finding->job : "?",
                finding->certificate != NULL ? finding->certificate : "(none)"),
            "Run keyline audit verify: rows were taken out of the database. Restore a backup that has them.");
        break;
    }
}

gboolean
kl_orphans_reconcile(KlOrphanSearch *search, GError **error)
{
    g_autofree char *path = kl_station_database_path(search->config->dir);
    g_autoptr(sqlite3) db = kl_database_open(path, TRUE, error);
    return db != NULL && kl_reconcile(db, take, search, error);
}
