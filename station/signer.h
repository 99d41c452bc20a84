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
} KlIssueRequest;

typedef struct {
    const char *id; /* "local" */

    /* Can it issue now: key matches certificate, CA valid and not about to expire, clock plausible. Errors: CA_*,
     * TOKEN_FAILED. */
    gboolean (*self_test)(KlSigner *signer, const KlProfile *profile, gint64 now, GError **error);

    /* A new certificate. The answer is unchecked: the caller puts it through KlPki.verify_issued. */
    KlCertificate *(*issue)(KlSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error);

    /* Finds out whether an earlier, interrupted issue() for this request left a certificate behind. TRUE with *found
     * set, or with *found NULL when there certainly is none. FALSE when it can't be known now. */
    gboolean (*lookup)(KlSigner *signer, const KlIssueRequest *request, KlCertificate **found, KlOp *op,
                       GError **error);

    /* Tells the back end that a certificate is no longer valid. The ledger is changed by the caller. Idempotent. */
    gboolean (*revoke)(KlSigner *signer, const KlCertificate *certificate, GError **error);

    void (*free)(KlSigner *signer);
} KlSignerClass;

struct KlSigner {
    const KlSignerClass *klass;
    guint parallel; /* how many calls it works on at once; 0: any number. Who calls, sees to it */
};

G_END_DECLS
