/* Going through a database's events in order: the chain, the tree, and the seals on them. */
#pragma once

#include "db/audit_verify_events.h"
#include "db/audit_verify_sealed.h"

G_BEGIN_DECLS

/* What is known at one event. Begun as the journal's beginning, or its state where the pruned part ends. */
typedef struct {
    const KlAuditVerify *options;
    KlAuditReport *report;
    KlAuditClaims *told;   /* by the events */
    KlAuditClaims *sealed; /* what audit_checkpoints and audit_periods have */
    gint64 first;          /* the first event that has to be there */
    gint64 closed;         /* the last period's end; 0: none */

    gint64 next;                       /* n of the next event */
    gboolean gap;                      /* the event before is not there */
    guint8 hash[KL_HASH_SIZE];         /* the last event's, as it is kept */
    gint64 suspect;                    /* the last event did not follow, and it is open whether its body or its hash was
                                          altered; 0: no */
    guint8 suspect_hash[KL_HASH_SIZE]; /* what it should be by its body */
    gboolean tree_broken;              /* by what was told already */
    KlAuditFrontier tree;
    gboolean rewritten; /* a checkpoint did not agree: told once */

    KlAuditTrust anchor; /* from outside */
    char *certificate;   /* that signs from here on */
    char *fingerprint;   /* its SHA-256 */
    gint64 key_event;    /* that said so */
    KlAuditSealed given; /* from outside */
    gboolean is_given;

    sqlite3 *db; /* for these two */
    sqlite3_stmt *checkpoints;
    gboolean checkpoint_left; /* its row is the next one to be checked */
    gint64 head_n;            /* of audit_head; 0: none */
    guint8 head_hash[KL_HASH_SIZE];
    char *head_frontier; /* raw */
    gsize head_frontier_length;
} KlAuditCheck;

KlAuditCheck *kl_audit_check_new(const KlAuditVerify *options, KlAuditReport *report, GError **error);
void kl_audit_check_free(KlAuditCheck *check);

/* Reads where the journal begins and ends. */
gboolean kl_audit_check_begin(KlAuditCheck *check, sqlite3 *db, GError **error);
/* A KlAuditRowCall. */
gboolean kl_audit_check_row(const KlAuditRow *row, gpointer check, GError **error);
/* Behind the last event. */
gboolean kl_audit_check_end(KlAuditCheck *check, GError **error);

/* --- of its parts --- */

/* The checkpoints over the events up to and with n. */
gboolean kl_audit_check_seals(KlAuditCheck *check, gint64 n, GError **error);
/* Those over events that are not there. */
gboolean kl_audit_check_seals_left(KlAuditCheck *check, GError **error);
/* A checkpoint over what was checked last. */
void kl_audit_check_sealed(KlAuditCheck *check, const KlAuditSealed *sealed, const char *where);
/* Takes the certificate of an audit-key event. FALSE: there is none in it. */
gboolean kl_audit_check_take_key(KlAuditCheck *check, const KlAuditEvent *event);

G_END_DECLS
