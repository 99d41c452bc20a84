/* Contract: the station's memory. Every call that changes something returns only after a durable commit. Safe from
 * several threads. Any of them can fail with STORE_FAILED, STORE_READ_ONLY, STORE_FULL, STORE_CORRUPT. Implemented in
 * db/. */
#pragma once

#include "station/certificate.h"
#include "station/field.h"
#include "station/record.h"
#include "station/registration.h"
#include "station/seal.h"
#include "station/sink.h"
#include "station/statistics.h"
#include "station/unit.h"

G_BEGIN_DECLS

#define KL_AUDIT_CHECKPOINT_EVERY 1000

typedef struct KlStore KlStore;

/* An act that can't be undone or repeated blindly, committed before it is begun. */
typedef enum {
    KL_INTENT_KEY,         /* about to have the unit make a key; detail: key slot */
    KL_INTENT_ISSUE,       /* about to ask the signer; detail: SHA-256 of the CSR */
    KL_INTENT_REPROVISION, /* about to replace the unit's key or certificate; detail: the reason */
    KL_INTENT_LOCK,        /* about to lock the unit's key; detail: key slot */
} KlIntentKind;

/* What the store knows of a unit from earlier jobs. */
typedef struct {
    char *device_id;            /* given earlier, or NULL */
    gboolean provisioned;       /* its last finished provisioning passed, and nothing was begun since */
    GPtrArray *keys;            /* char *: SPKI SHA-256 of every key that this unit made and that was not replaced */
    gboolean key_pending;       /* a key intent is open: the unit may have made a key whose answer was lost */
    char *issue_job;            /* job of an open issue intent, or NULL: a certificate may have been issued and lost */
    gint64 issue_us;            /* with issue_job: when that was begun, UTC */
    char *reprovision_reason;   /* of an open re-provision intent, or NULL */
    KlCertificate *certificate; /* the unit's one live certificate, or NULL */
    gboolean certificate_revoked; /* it had one, and that was revoked */
} KlUnitState;

void kl_unit_state_free(KlUnitState *state);

/* Which device id a unit gets. */
typedef struct {
    const char *sequence; /* name of a counter (of leased numbers: KlProfile.id_sequence), or NULL: use fixed */
    const char *pattern;  /* with sequence: "FX30-%06u" */
    const char *fixed;    /* without sequence: the id itself */
    gboolean leased;      /* with sequence: numbers come from leased blocks; IDS_EXHAUSTED when none is left */
} KlIdRequest;

typedef enum { KL_CERTIFICATE_LIVE, KL_CERTIFICATE_SUPERSEDED, KL_CERTIFICATE_REVOKED } KlCertificateStatus;

/* A ledger entry. */
typedef struct {
    KlCertificate *certificate;
    KlCertificateStatus status;
    char *imei;
    char *device_id;
    char *job;
    char *reason;     /* why it was superseded or revoked; NULL while live */
    gint64 issued_us; /* UTC microseconds */
    gint64 ended_us;  /* when superseded or revoked; 0 while live */
} KlLedgerEntry;

void kl_ledger_entry_free(KlLedgerEntry *entry);

/* Something that a person did at the station, apart from jobs: who, in which role, what, to what, why. Never edited. */
typedef struct {
    gint64 time_us; /* UTC microseconds; set by the store */
    char *who;      /* operator id, or NULL */
    char *role;     /* "operator", "supervisor" */
    char *what;     /* "sign-on", "reprovision", "revoke", "profile", ... */
    char *subject;  /* what it was done to, or NULL */
    char *reason;   /* or NULL */
} KlAct;

void kl_act_free(KlAct *act);

/* Which records to list; NULL and 0 mean any. Newest first. */
typedef struct {
    const char *identifier; /* record or batch id or its prefix (>= 8), IMEI, FSN, device id, certificate fingerprint or
                               serial */
    const char *operator_id;
    const char *work_order;
    const char *batch;     /* batch id or its prefix (>= 8) */
    const char *outcome;   /* outcome name */
    gint64 from_us, to_us; /* started in [from, to) */
    guint limit;
} KlRecordFilter;

typedef struct {
    /* --- a job's journal, in the order of a job --- */

    /* Begins a job: commits the record's head as RUNNING. */
    gboolean (*job_begin)(KlStore *store, const KlRecord *record, GError **error);

    /* Binds the job to the unit, remembers the unit if it is new, and tells what is known of it. DUPLICATE_IMEI when
     * the IMEI is known with another FSN or the FSN with another IMEI. */
    KlUnitState *(*unit_claim)(KlStore *store, const char *job, const KlUnit *unit, GError **error);

    /* The unit's device id: the one it has, or one given now for good. Sequence numbers are never handed out twice.
     * DUPLICATE_DEVICE when another unit has it. */
    char *(*device_id)(KlStore *store, const char *imei, const KlIdRequest *request, GError **error);

    /* Opens an intent. A REPROVISION intent also ends the unit's "provisioned" state, retires all its keys, so that
     * they are no longer among KlUnitState.keys, and gives up its open key and issue intents. Opening one that the unit
     * already has open replaces its job and detail. */
    gboolean (*intent)(KlStore *store, const char *job, const char *imei, KlIntentKind kind, const char *detail,
                       GError **error);

    /* The unit holds this key, which is in use from now on: closes the key intent. DUPLICATE_KEY when any other unit
     * ever had the same key; the attempt is then kept as well. Repeating it for the same unit is fine. */
    gboolean (*key_made)(KlStore *store, const char *job, const char *imei, const char *spki_sha256,
                         const char *backend, GError **error);

    /* Writes an issued and verified certificate into the ledger, as the unit's one live certificate: closes the issue
     * and re-provision intents, and in the same transaction marks the one before as superseded with that reason. */
    gboolean (*issued)(KlStore *store, const char *job, const char *imei, const char *csr_sha256,
                       const KlCertificate *certificate, const char *supersede_reason, GError **error);

    /* Queues the clean-up of a certificate that is not in this ledger: another station's, which the one that the job
     * gets for the unit takes the place of. Idempotent; nothing where there is no outbox. */
    gboolean (*replaces_elsewhere)(KlStore *store, const char *job, const char *certificate_sha256,
                                   const char *device_id, const char *reason, GError **error);

    /* A certificate of this ledger is about to be made known there, too: adds a place (see certificate.h), so that it
     * is taken out there when it ends. Idempotent; one of which it is not kept where it is known stays so. */
    gboolean (*known_at)(KlStore *store, const char *job, const char *certificate_sha256, const char *place,
                         GError **error);

    /* Makes sure that the registration row is there. DUPLICATE_DEVICE when the device id is another unit's. A row that
     * is already there for this unit is left as it is once the unit has passed or first boot has changed it; before, it
     * takes policy, firmware and parameters of the new one (the product may have been edited between two attempts). In
     * a re-provisioning, from its intent until the unit passes, the row becomes the new one in any case, and is queued
     * as one that begins anew. */
    gboolean (*registered)(KlStore *store, const char *job, const char *imei, const KlRegistration *row,
                           GError **error);

    /* Ends a job: commits outcome, steps and transcript in one transaction; PASS marks the unit as provisioned and
     * closes its lock intent. The verdict may be shown only after this has returned TRUE. */
    gboolean (*job_end)(KlStore *store, const KlRecord *record, GError **error);

    /* Ends every job that is still RUNNING (their program died) as ABORTED, INTERRUPTED, now. *count may be NULL. */
    gboolean (*interrupt_running)(KlStore *store, guint *count, GError **error);

    /* --- reading --- */

    /* KlRecord array, without transcripts and steps. */
    GPtrArray *(*records)(KlStore *store, const KlRecordFilter *filter, GError **error);
    /* One record by id or its unique prefix (>= 8 characters), whole. RECORD_UNKNOWN. */
    KlRecord *(*record)(KlStore *store, const char *id, GError **error);
    /* The numbers (gint64, newest first) of all records that match, however many: for paging. limit is ignored. */
    GArray *(*record_numbers)(KlStore *store, const KlRecordFilter *filter, GError **error);
    /* The records with these numbers, in this order, as records() gives them. */
    GPtrArray *(*records_numbered)(KlStore *store, const gint64 *numbers, gsize n_numbers, GError **error);
    /* What happened in a period; see statistics.h. */
    KlStatistics *(*statistics)(KlStore *store, const KlStatisticsRequest *request, GError **error);
    /* KlRegistration array by device id; device NULL: all. */
    GPtrArray *(*registrations)(KlStore *store, const char *device, GError **error);
    /* KlFieldUnit array by device id. */
    GPtrArray *(*field)(KlStore *store, const KlFieldFilter *filter, GError **error);
    /* KlFieldCount array by verdict: messages here of devices that are in no row. */
    GPtrArray *(*field_strangers)(KlStore *store, GError **error);
    /* Keeps what the cloud's table of that name said (KlCloudRow array), apart from the station's own rows: for field()
     * with that table as its cloud. Left out are those with a problem, devices that have no row here, what is older
     * than what is kept, and what was asked before the row of a unit that is provisioned anew was sent there. More
     * connections than connections_alarm are an alarm. The journal does not tell of it. */
    gboolean (*cloud_said)(KlStore *store, const char *table, const GPtrArray *rows, gint64 connections_alarm,
                           GError **error);
    /* KlLedgerEntry array, oldest first; identifier (IMEI, device id, fingerprint, serial) NULL: all; status -1: any.
     */
    GPtrArray *(*ledger)(KlStore *store, const char *identifier, int status, GError **error);
    /* Revokes a certificate by fingerprint. CERTIFICATE_UNKNOWN. Idempotent: an earlier revocation stays as it was. */
    gboolean (*revoke)(KlStore *store, const char *certificate_sha256, const char *reason, GError **error);
    /* The next number of a durable counter ("crl"): 1, 2, 3 ... */
    gboolean (*next_number)(KlStore *store, const char *counter, guint64 *number, GError **error);

    /* --- settings and acts --- */

    /* A setting's value; NULL without an error when it was never set. The caller frees it. */
    char *(*setting)(KlStore *store, const char *key, GError **error);
    /* Sets a setting; value NULL forgets it. */
    gboolean (*set_setting)(KlStore *store, const char *key, const char *value, GError **error);
    /* Keeps an act; its time is set now. */
    gboolean (*add_act)(KlStore *store, const KlAct *act, GError **error);
    /* The last acts, newest first: KlAct array; limit 0: all. */
    GPtrArray *(*acts)(KlStore *store, guint limit, GError **error);

    /* --- the outbox: what has to go to a cloud's tables (see sink.h) --- */

    /* From now on these are queued, in the transaction that keeps them: a registration row when it is written or
     * changed (or was never queued and is registered again), the record of a job that ended with a unit known (also in
     * interrupt_running), and a certificate that is superseded or revoked: one that has places (see certificate.h) also
     * when none of this is in use, so that it is taken out when there is a cloud again. A newer row replaces an open
     * (queued or parked) one of the same kind and key, which from then on shows nowhere here. Bodies:
     * db/schema/004.sql.
     */
    void (*use_outbox)(KlStore *store, gboolean use);
    /* Queues every registration row, and every unit's last PASS record, that was never queued; *count may be NULL. */
    gboolean (*outbox_fill)(KlStore *store, guint *count, GError **error);
    /* The oldest queued row of that kind whose time has come (now_us, UTC); NULL without an error when there is none,
     * *next_us (may be NULL) is then when the next one's comes, G_MAXINT64: never. */
    KlOutboxRow *(*outbox_next)(KlStore *store, KlOutboxKind kind, gint64 now_us, gint64 *next_us, GError **error);
    /* What became of a row. Two programs may work on one outbox, and a person may park a row, or a newer one replace
     * it, while it is on its way: a row that is no longer queued stays as it is, except that arriving always counts.
     * RECORD_UNKNOWN: there never was a row of that number. */

    /* It has arrived. */
    gboolean (*outbox_sent)(KlStore *store, gint64 number, GError **error);
    /* It has not; its next turn is at next_us. */
    gboolean (*outbox_failed)(KlStore *store, gint64 number, const char *code, const char *detail, gint64 next_us,
                              GError **error);
    /* It never will: it is put aside and holds nobody up. code NULL: a person has put it aside, which is no attempt;
     * the error of the last one stays. */
    gboolean (*outbox_park)(KlStore *store, gint64 number, const char *code, const char *detail, GError **error);
    /* Queues parked rows again, and lets queued ones try at once: one, or with number 0 all. RECORD_UNKNOWN also for a
     * row that was sent or replaced already. */
    gboolean (*outbox_retry)(KlStore *store, gint64 number, GError **error);
    /* KlOutboxRow array, oldest first; state -1: any; limit 0: all. */
    GPtrArray *(*outbox_rows)(KlStore *store, int state, guint limit, GError **error);
    /* The newest row of that kind and key, or NULL without an error. */
    KlOutboxRow *(*outbox_row)(KlStore *store, KlOutboxKind kind, const char *key, GError **error);
    gboolean (*outbox_counts)(KlStore *store, KlOutboxCounts *counts, GError **error);

    /* --- numbers leased from a sequence that several stations share --- */

    /* Adds a block of numbers that this station may hand out: first .. first + count - 1. One that overlaps an earlier
     * block is STORE_CORRUPT. */
    gboolean (*lease_add)(KlStore *store, const char *sequence, guint64 first, guint count, GError **error);
    /* How many leased numbers are left. */
    gboolean (*lease_left)(KlStore *store, const char *sequence, guint64 *left, GError **error);

    /* --- the journal (db/AUDIT-FORMAT.md). Every call above that keeps something also puts it there, in the same
     * transaction: what can't be journalled does not happen. AUDIT_BROKEN: its end is not where it was left --- */

    /* From now on this seal, which outlives the store, signs the checkpoints: one whenever KL_AUDIT_CHECKPOINT_EVERY
     * events came after the last. The journal notes a seal that it has not seen last, with the station's name. */
    gboolean (*use_seal)(KlStore *store, KlSeal *seal, const char *station, GError **error);
    /* Appends an event about the station: data is a canonical JSON object (station/canonical.h). */
    gboolean (*note)(KlStore *store, const char *type, const char *data, GError **error);
    /* Signs a checkpoint over all events; reason: see the format. When nothing but a checkpoint came after the last
     * one, it is that one. *line (may be NULL) is it, as a line of checkpoints.jsonl; the caller frees. SEAL_MISSING
     * without a seal. */
    gboolean (*checkpoint)(KlStore *store, const char *reason, char **line, GError **error);

    /* --- quotas: how many units of a work order may get a certificate --- */

    /* Sets it; units 0 takes it away. When a unit of that work order would be one too many, intent(ISSUE) is
     * QUOTA_REACHED; a unit that has begun, or has a certificate from a job of it, goes on. */
    gboolean (*set_quota)(KlStore *store, const char *work_order, guint64 units, GError **error);
    /* *units: the quota, 0 none; *used: how many units got or may have got a certificate in jobs of it. */
    gboolean (*quota)(KlStore *store, const char *work_order, guint64 *units, guint64 *used, GError **error);

    /* Writes, reads and checks something small and undoes it: is the disk able to keep a record now, is the database
     * sound. */
    gboolean (*self_test)(KlStore *store, GError **error);

    void (*free)(KlStore *store);
} KlStoreClass;

struct KlStore {
    const KlStoreClass *klass;
};

static inline void
kl_store_free(KlStore *store)
{
    store->klass->free(store);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlStore, kl_store_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlUnitState, kl_unit_state_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLedgerEntry, kl_ledger_entry_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAct, kl_act_free)

G_END_DECLS
