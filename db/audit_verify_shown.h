/* Events that were taken out of a journal, in an export or a proof: each for itself, and all of them in the tree. */
#pragma once

#include "db/audit_scan.h"
#include "db/audit_verify_sealed.h"

G_BEGIN_DECLS

/* Where they come from. */
typedef struct {
    /* The next event's bytes, which stay until the next call; FALSE: no more. */
    gboolean (*event)(gpointer source, KlAuditSpan *bytes);
    /* The next hidden hash in hex, likewise. */
    gboolean (*hidden)(gpointer source, KlAuditSpan *hex);
    /* What else is said of each event: n and leaf(n) of the next one, in order; NULL: nothing is. FALSE: no more. */
    gboolean (*leaf)(gpointer source, gint64 *n, guint8 leaf[KL_HASH_SIZE]);
    /* Called with each sound event; may be NULL. */
    void (*each)(gpointer source, const KlAuditEvent *event, KlAuditSpan bytes);
} KlAuditSource;

typedef struct {
    gint64 given_n;                  /* this event's h(n) is wanted; 0: none */
    guint8 given_hash[KL_HASH_SIZE]; /* it, if given_known */
    gboolean given_known;
} KlAuditShownChain;

/* Checks them against the checkpoint, whose signature is the caller's business. chain may be NULL. */
void kl_audit_shown_check(const KlAuditSealed *sealed, const KlAuditSource *calls, gpointer source,
                          KlAuditShownChain *chain, KlAuditReport *report);

G_END_DECLS
