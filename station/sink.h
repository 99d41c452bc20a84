/* Contract: tables elsewhere that the station's rows go to, shared by several stations. The local database is always
 * the record: whatever is sent was committed there first, as a row of the outbox. Safe from several threads.
 * Implemented in db/. */
#pragma once

#include "station/field.h"
#include "station/op.h"

G_BEGIN_DECLS

typedef enum {
    KL_OUTBOX_REGISTRATION, /* a unit's row of the registration table; key: the device id */
    KL_OUTBOX_RECORD,       /* what became of a unit here; key: the record's id */
    KL_OUTBOX_CLEANUP,      /* a certificate that must not stay in the cloud; key: its SHA-256 */
} KlOutboxKind;

#define KL_OUTBOX_KINDS (KL_OUTBOX_CLEANUP + 1)

/* "registration", "record", "cleanup". Static. */
const char *kl_outbox_kind_name(KlOutboxKind kind);
int kl_outbox_kind_from_name(const char *name); /* -1: none */

typedef enum { KL_OUTBOX_QUEUED, KL_OUTBOX_SENT, KL_OUTBOX_PARKED } KlOutboxState;

/* A row of the outbox. Self-contained. */
typedef struct {
    gint64 number; /* the order in which it was queued */
    KlOutboxKind kind;
    KlOutboxState state;
    char *key;
    char *run;  /* the job that queued it: tells our own row, whose answer was lost, from another's */
    char *body; /* JSON text of what is sent */
    guint attempts;
    char *last_code;                     /* error name of the last failed attempt, or NULL */
    char *last_detail;                   /* its technical message, or NULL */
    gint64 queued_us, tried_us, sent_us; /* UTC; 0: not yet */
} KlOutboxRow;

void kl_outbox_row_free(KlOutboxRow *row);

/* A text member of the row's body, or NULL. The caller frees. */
char *kl_outbox_row_text(const KlOutboxRow *row, const char *name);

typedef struct {
    guint queued, parked, sent;
    guint queued_of[KL_OUTBOX_KINDS];
    gint64 oldest_us; /* when the oldest queued row was queued; 0: none is */
    char *last_code;  /* of the last failed attempt at a row that is still queued, or NULL */
} KlOutboxCounts;

void kl_outbox_counts_clear(KlOutboxCounts *counts);

/* What other stations know of a unit. */
typedef struct {
    char *station;     /* where it passed last */
    char *record;      /* the record's id there */
    char *operator_id; /* or NULL */
    gint64 passed_us;  /* UTC */
    char *device_id;   /* the unit's id there, or NULL */
    char *certificate; /* SHA-256 of the certificate that it passed with, or NULL */
} KlPassedElsewhere;

void kl_passed_elsewhere_free(KlPassedElsewhere *passed);

#define KL_SINK_ASKED_MOST 100 /* devices at a time */

typedef struct KlSink KlSink;

typedef struct {
    const char *id; /* "dynamodb" */

    /* Sends one row. Repeating it is fine: a row of ours that is there already counts as sent. Of its errors, those of
     * the RETRY kind are worth trying again, those of the STATION kind hold for every row of its kind (credentials,
     * permissions, no such table) until somebody has mended them, and all others are this row's own: it is poisonous.
     * DUPLICATE_DEVICE: the device id is another unit's. CLOUD_CONFLICT: first boot has begun with another row of the
     * unit than this. */
    gboolean (*put)(KlSink *sink, const KlOutboxRow *row, KlOp *op, GError **error);

    /* Whether another station has passed the unit: *passed set, or NULL when none has. FALSE when it can't be known
     * now. */
    gboolean (*passed_elsewhere)(KlSink *sink, const char *imei, KlPassedElsewhere **passed, KlOp *op, GError **error);

    /* Takes a block of numbers of a sequence for this station alone: first .. first + count - 1. */
    gboolean (*lease)(KlSink *sink, const char *sequence, guint count, guint64 *first, KlOp *op, GError **error);

    /* Whether the software that a product's registration row names is there. *found is set. */
    gboolean (*has_firmware)(KlSink *sink, const char *firmware, gboolean *found, KlOp *op, GError **error);

    /* What the registration table says of these devices, each named once, KL_SINK_ASKED_MOST of them at most: adds a
     * KlCloudRow for each to rows, in any order. FALSE: it could not be asked of all of them now; rows has those that
     * were. A row that can't be one to go by has its problem: ROW_UNREADABLE. */
    gboolean (*registrations)(KlSink *sink, const char *const *devices, guint n_devices, GPtrArray *rows, KlOp *op,
                              GError **error);

    void (*free)(KlSink *sink);
} KlSinkClass;

struct KlSink {
    const KlSinkClass *klass;
};

static inline void
kl_sink_free(KlSink *sink)
{
    sink->klass->free(sink);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlOutboxCounts, kl_outbox_counts_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlOutboxRow, kl_outbox_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlPassedElsewhere, kl_passed_elsewhere_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSink, kl_sink_free)

G_END_DECLS
