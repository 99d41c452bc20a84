/* What broken-off work left behind here and in the cloud: certificates that no unit has, units that never passed, rows
 * that say more than is true. */
#pragma once

#include "station/station.h"

G_BEGIN_DECLS

typedef enum {
    KL_ORPHAN_LEFT_OVER,    /* in AWS, never handed to its unit: INACTIVE, and not in the ledger */
    KL_ORPHAN_WITHDRAWN,    /* superseded or revoked here, still in AWS, or AWS was never told */
    KL_ORPHAN_NEVER_PASSED, /* live in the ledger, of a unit that never passed with it */
    KL_ORPHAN_UNINSTALLED,  /* the same, and no job has put it on its unit */
    KL_ORPHAN_INACTIVE,     /* of a unit that passed, in AWS but not ACTIVE */
    KL_ORPHAN_GONE,         /* of a unit that passed, not in AWS */
    KL_ORPHAN_ROW,          /* a registration row whose unit has no live certificate */
    KL_ORPHAN_PARKED,       /* a row of the outbox that the cloud does not take */
    KL_ORPHAN_NO_UNIT,      /* a certificate of a unit that is not known */
    KL_ORPHAN_UNJOURNALED,  /* a unit that counts as provisioned, and no journal tells that it passed */
    KL_ORPHAN_NO_LEDGER,    /* the journal tells of a PASS with a certificate that the ledger does not have */
} KlOrphanKind;

/* "left-over", "withdrawn", ... Static. */
const char *kl_orphan_kind_name(KlOrphanKind kind);

typedef struct {
    KlOrphanKind kind;
    char *subject;      /* the unit's device id, or the row's number and kind */
    char *detail;       /* what is wrong */
    char *remedy;       /* one thing to do about it */
    char *certificate;  /* its SHA-256, or NULL */
    char *device_id;    /* or NULL */
    gboolean cleanable; /* kl_station_orphan_clean() can take it out */
} KlOrphan;

void kl_orphan_free(KlOrphan *orphan);

typedef struct {
    GPtrArray *orphans; /* KlOrphan */
    guint unknown;      /* INACTIVE certificates in AWS that are another station's business: of units that this one does
                           not know, or in use there */
    guint young;        /* INACTIVE certificates in AWS that are too young to be called left over */
} KlOrphans;

void kl_orphans_free(KlOrphans *orphans);

/* Looks for orphans; asks AWS IoT Core only where the station's signer has its certificates known there, or once had. A
 * certificate that is not in the ledger counts as left over when it was made min_age_s ago: a younger one may be
 * somebody's work in progress. Errors of the store and of kl_aws_call(). */
KlOrphans *kl_station_orphans(const KlStation *station, guint min_age_s, GError **error);

/* Takes an orphan's certificate out of AWS: inactive, detached, deleted, revoked at the private CA. Who calls it holds
 * the station's lock (RUN). Errors of kl_aws_call(). */
gboolean kl_station_orphan_clean(const KlStation *station, const KlOrphan *orphan, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlOrphan, kl_orphan_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlOrphans, kl_orphans_free)

G_END_DECLS
