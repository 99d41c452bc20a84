/* Contract: who signs certificates. Safe from several threads. Issuing is not idempotent anywhere: the caller commits
 * an intent first, and after a crash asks lookup() before it asks issue() again. */
#pragma once

#include "station/certificate.h"
#include "station/op.h"
#include "station/profile.h"

G_BEGIN_DECLS

typedef struct KlSigner KlSigner;

typedef struct {
    const KlCsr *csr;
    const KlProfile *profile;
    const KlUnit *unit;
    const char *job; /* job UUID: the idempotency token where a back end has one */
    gint64 now;      /* seconds since 1970 */
    gint64 since;    /* for lookup(): when the earlier attempt was begun, seconds since 1970; 0: unknown */
} KlIssueRequest;

typedef struct {
    const char *id;    /* "local" */
    const char *place; /* where enroll() makes a certificate known: one of its places; NULL: nowhere */

    /* Can it issue now: key matches certificate, CA valid and not about to expire, clock plausible. Errors: CA_*,
     * TOKEN_FAILED. */
    gboolean (*self_test)(KlSigner *signer, const KlProfile *profile, gint64 now, GError **error);

    /* A new certificate. The answer is unchecked: the caller puts it through KlPki.verify_issued. */
    KlCertificate *(*issue)(KlSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error);

    /* Finds out whether an earlier, interrupted issue() for this request left a certificate behind. TRUE with *found
     * set, or with *found NULL when there certainly is none. FALSE when it can't be known now. */
    gboolean (*lookup)(KlSigner *signer, const KlIssueRequest *request, KlCertificate **found, KlOp *op,
                       GError **error);

    /* --- what only a signer with a cloud behind it has; all NULL otherwise --- */

    /* Makes the issued certificate known to the cloud and binds it to the unit's thing and policy, not yet active where
     * the cloud can keep it so. Idempotent: it is called again after a crash, and for a certificate out of the ledger.
     */
    gboolean (*enroll)(KlSigner *signer, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op,
                       GError **error);

    /* Lets the certificate be used: after the unit has proved that it holds its key. Idempotent. */
    gboolean (*activate)(KlSigner *signer, const KlCertificate *certificate, KlOp *op, GError **error);

    /* Whether the certificate of a unit that passed earlier may be used still, and is bound as enroll() does it.
     * Changes nothing: what a person has switched off stays so. */
    gboolean (*check)(KlSigner *signer, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op,
                      GError **error);

    /* The host name of the broker that units talk to, asked for once and kept. The caller frees it. */
    char *(*endpoint)(KlSigner *signer, KlOp *op, GError **error);

    /* Takes a certificate that is not wanted any more out of the cloud, wherever it is known there: inactive, detached
     * from everything, deleted, revoked at the private CA that made it; device_id names its thing (or NULL).
     * Idempotent; one that is not there is taken out already. Detaching takes the cloud seconds: an error of the RETRY
     * kind means "call again". Where a certificate has to be taken out is a matter of the signer that the station had
     * when it was made, not of the one that it has now: only the outbox's cleaner (station/station_cleaner.h) has this.
     */
    gboolean (*withdraw)(KlSigner *signer, const char *certificate_sha256, const char *device_id, KlOp *op,
                         GError **error);

    void (*free)(KlSigner *signer);
} KlSignerClass;

struct KlSigner {
    const KlSignerClass *klass;
    guint parallel; /* how many self_test() and issue() it works on at once; 0: any number. Who calls, sees to it */
};

G_END_DECLS
