/* Contract: the registration table as first boot uses it, with what has to be remembered beside it. Safe from several
 * threads, and from several services at once that share one table. Everything that changes something returns only after
 * a durable commit. Errors: STORE_*, or the cloud's; an error of the kind RETRY means that the message is to be handled
 * again. Implemented in db/. */
#pragma once

#include "station/op.h"
#include "station/registration.h"

G_BEGIN_DECLS

#define KL_ACTIVATION_IDS_KEPT 32 /* how many of a device's last message ids are remembered at least */
#define KL_ACTIVATION_CLAIM_US (60 * G_USEC_PER_SEC) /* so long, a claim keeps others from issuing */

typedef struct KlActivationTable KlActivationTable;

/* A device's row, and whether the message has been handled before. */
typedef struct {
    KlRegistration *row; /* NULL: there is no such device */
    gboolean again;
} KlActivationView;

/* A device's row that is asked for, and what there is. Borrows device and id. */
typedef struct {
    const char *device;
    const char *id; /* of the message, NULL for none */
    KlActivationView view;
} KlActivationLook;

/* What a message has come to. Borrows everything. */
typedef struct {
    const char *device;        /* "" when the message named none */
    const KlRegistration *was; /* the row that was judged, NULL for none: it has to be so still, field by field */
    const KlRegistration *row; /* what it is to be: registered, version and connections may differ; NULL: as it was */
    const char *id;            /* of the message, NULL for none: remembered, and not before, unless again */
    gboolean again;            /* the view told so */
    gboolean heard;            /* it was the device that spoke: it was seen now */
    const char *verdict;       /* counted, by device and verdict; devices that are in no row count together */
    const char *note;          /* what the journal is told of it, a canonical JSON object; kept with the rest */
    gboolean alarm;            /* connections are past the threshold: told, and remembered, the first time */
    gint64 now_us;             /* UTC */
} KlActivationChange;

typedef enum {
    KL_ACTIVATION_KEPT,    /* all of it, in one transaction */
    KL_ACTIVATION_CHANGED, /* nothing: the row is another one by now, or the id was remembered meanwhile */
    KL_ACTIVATION_FAILED,  /* with an error: nothing, unless the answer was lost; the id tells, when asked again */
} KlActivationKept;

/* Who wants a device's credential. Borrows everything. */
typedef struct {
    const char *device;
    const char *claimant; /* a name that nobody else ever has */
    GBytes *csr;          /* DER */
    gboolean replaces; /* where the claim passes on to the claimant, csr takes the place of the one that was there and
                          got no certificate: its key is nobody's any more */
    gint64 now_us;     /* UTC */
} KlActivationClaim;

/* The one credential that a device gets by its requests. */
typedef struct {
    GBytes *csr;     /* DER: the request that came first, whichever came now; unless it was replaced */
    char *pem;       /* the certificate and its issuers; NULL as long as there is none */
    gboolean mine;   /* without pem: the claimant is the one to get it issued, and nobody else for CLAIM_US */
    gint64 since_us; /* when csr was claimed first: since then, a certificate may have been issued and lost */
} KlActivationCredential;

void kl_activation_credential_clear(KlActivationCredential *credential);

typedef struct {
    /* Reads the device's row. id may be NULL. The view is set on success; the caller frees its row. */
    gboolean (*read)(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
                     GError **error);

    KlActivationKept (*keep)(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error);

    /* The same for many messages, each of another device, for the price of few; both are NULL where that can't be done.
     * All views are set on success, and none otherwise. FALSE from keep_all(): nothing is kept of any of them,
     * whichever it was for; the others can be kept by themselves. On success each is KEPT or CHANGED. */
    gboolean (*read_all)(KlActivationTable *table, KlActivationLook *looks, guint n, KlOp *op, GError **error);
    gboolean (*keep_all)(KlActivationTable *table, const KlActivationChange *changes, KlActivationKept *kept, guint n,
                         KlOp *op, GError **error);

    /* Claims a device's credential for the claimant, with its request unless there is one already that is not replaced.
     * credential is set on success; the caller clears it. */
    gboolean (*claim)(KlActivationTable *table, const KlActivationClaim *claim, KlActivationCredential *credential,
                      KlOp *op, GError **error);

    /* Keeps the certificate that was issued for a claim with that request (the credential's csr). A certificate that is
     * there already stays: *kept tells which one it is; the caller frees it. ACTIVATION_BUSY: there is no such claim
     * any more, as the unit was provisioned anew or the request replaced meanwhile; the certificate is nobody's. */
    gboolean (*issued)(KlActivationTable *table, const char *device, GBytes *csr, const char *pem, char **kept,
                       KlOp *op, GError **error);

    /* Gives a claim up that was not issued now, for the next one to take. */
    gboolean (*release)(KlActivationTable *table, const char *device, const char *claimant, KlOp *op, GError **error);

    void (*free)(KlActivationTable *table);
} KlActivationTableClass;

struct KlActivationTable {
    const KlActivationTableClass *klass;
};

static inline void
kl_activation_table_free(KlActivationTable *table)
{
    table->klass->free(table);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlActivationTable, kl_activation_table_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlActivationCredential, kl_activation_credential_clear)

G_END_DECLS
