/* What the files of the search for orphans share. */
#pragma once

#include "station/net/aws.h"
#include "station/station_orphans.h"

G_BEGIN_DECLS

/* A certificate as ListCertificates shows it. */
typedef struct {
    char *status;
    char *arn;
    double made; /* seconds since 1970 */
} KlListed;

/* A search under way. */
typedef struct {
    const KlStation *station;
    KlStore *store;
    const KlConfig *config;
    KlOrphans *found;
    GPtrArray *ledger;      /* KlLedgerEntry */
    GHashTable *by_sha256;  /* borrowed keys, borrowed KlLedgerEntry */
    GHashTable *live_units; /* borrowed device ids with a live certificate */
    gboolean once_in_iot;   /* one of the ledger was made known to AWS IoT Core when it was issued */
    KlAws *aws;             /* NULL: AWS IoT Core is not asked */
    GHashTable *listed;     /* SHA-256 -> KlListed */
} KlOrphanSearch;

/* Adds an orphan; detail, and where it is not cleanable the remedy, are to be filled in. */
KlOrphan *kl_orphan_add(KlOrphanSearch *search, KlOrphanKind kind, const char *device_id, const char *certificate);

/* A KlListed, for hash tables. */
void kl_listed_free(gpointer listed);

/* Asks AWS for all certificates of the account. */
gboolean kl_orphans_list(KlOrphanSearch *search, GError **error);

/* Compares them with the ledger. */
gboolean kl_orphans_examine_listed(KlOrphanSearch *search, guint min_age_s, GError **error);

/* Compares the tables of the database with each other and with the journal. */
gboolean kl_orphans_reconcile(KlOrphanSearch *search, GError **error);

G_END_DECLS
