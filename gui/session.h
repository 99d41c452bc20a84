/* A station at work, as the window sees it: what stands in each slot, who works, on which order. Lives in the main
 * thread; the line's workers report to it through coalesced idle callbacks, so that nothing here ever blocks.
 *
 * Signals:
 *   "card-changed" (guint index)   a slot's card changed; at most once in 200 ms for each card, at once for a verdict
 *   "record" (KlRecord *)          a job ended (after its record's commit was tried); borrowed
 *   "changed"                      operator, order, counters, lock state, station error or batch changed
 *   "batch-ended" (KlBatch *)      the line is no longer armed, and nothing of the batch runs; borrowed
 *   "bus-changed"                  something came to the USB bus or left it, once kl_session_bus was asked for
 */
#pragma once

#include <glib-object.h>

#include "station/batch.h"
#include "station/station.h"

G_BEGIN_DECLS

#define KL_TYPE_SESSION (kl_session_get_type())
G_DECLARE_FINAL_TYPE(KlSession, kl_session, KL, SESSION, GObject)

typedef enum {
    KL_CARD_EMPTY,   /* nothing plugged in */
    KL_CARD_READY,   /* something is there, no verdict on it yet */
    KL_CARD_RUNNING, /* a job is under way */
    KL_CARD_PASS,
    KL_CARD_FAIL,  /* the unit's fault: set it aside */
    KL_CARD_RETRY, /* worth trying again: timeouts, cables, stopped by the operator */
    KL_CARD_ERROR, /* the station's fault */
} KlCardState;

/* A slot's card. Strings belong to the session; valid until the next card-changed of this slot. */
typedef struct {
    const char *slot;
    KlCardState state;
    guint64 plug;      /* what is plugged in, see KlTransportPlug; 0: nothing. A running unit may be away for a while */
    char *unit;        /* device id, else FSN, else NULL */
    char *label;       /* scanned for this slot and not used yet, or NULL */
    char *step_title;  /* of the running step, English; translate with gettext */
    guint n, m;        /* step n of m */
    double fraction;   /* of the job, 0..1 */
    gint64 started_us; /* monotonic, of the running job */
    KlRecord *record;  /* of the last job, while its verdict stands: until the unit that it is about is unplugged, or
                          (if it was gone by then already) until something is plugged in; NULL otherwise */
} KlCard;

typedef struct {
    guint passed;     /* units, in this work order (or since the sign-on without one) */
    guint failed;     /* jobs that did not pass */
    guint units;      /* worked on */
    guint first_pass; /* of which passed at their first attempt */
    guint target;     /* of the work order, 0: none */
    double per_hour;  /* passed units in the last hour */
} KlCounters;

/* Opens a station folder for work (it stays locked until kl_session_unlock, but tells what is plugged in). Errors as
 * kl_station_open. */
KlSession *kl_session_new(const char *dir, GError **error);

/* Stops what runs (as far as it may be stopped) and waits for its records. Called once, at the end; the station itself
 * closes with the last reference, which a query in a thread may still hold. */
void kl_session_close(KlSession *session);

/* The same, gives up the caller's reference, and calls then(data) in the main thread as soon as the station itself is
 * closed, so that it can be opened again. The station closes in a thread: with a cloud it may take seconds. */
void kl_session_close_then(KlSession *session, void (*then)(gpointer data), gpointer data);

/* --- the station --- */

KlStation *kl_session_station(KlSession *session);
/* A second, read-only connection for listings and reports, so that a long query never delays a unit. Use it from a
 * GTask thread. */
KlStore *kl_session_reader(KlSession *session);
/* A third one for what is added up over many records: it may take seconds, and a search must not wait for it. */
KlStore *kl_session_statistics_reader(KlSession *session);

gboolean kl_session_unlocked(KlSession *session);
/* While locked, why: FIRMWARE_MISSING when that was found when it was last unlocked, else PASSPHRASE_MISSING. */
KlErrorCode kl_session_locked_by(KlSession *session);
/* Unlocks the CA in a thread (scrypt takes time), and makes sure that the station is ready. Finish with
 * kl_session_unlock_finish. passphrase NULL: the configured file. The secret is taken over and wiped. */
void kl_session_unlock(KlSession *session, KlSecret *passphrase, GAsyncReadyCallback done, gpointer data);
gboolean kl_session_unlock_finish(KlSession *session, GAsyncResult *result, GError **error);

/* --- the slots --- */

guint kl_session_n_cards(KlSession *session);
const KlCard *kl_session_card(KlSession *session, guint index);

/* Starts (or retries) the unit in a slot. label NULL: the one scanned for the slot, if any. reason not NULL:
 * re-provision; the caller has asked for the supervisor's PIN. Errors: STATION_BUSY, STATION_STOPPED,
 * PASSPHRASE_MISSING (still locked), NOT_SIGNED_ON, AUDITOR_VIEW. */
gboolean kl_session_start(KlSession *session, guint index, const char *label, const char *reason, GError **error);
void kl_session_stop(KlSession *session, guint index);
gboolean kl_session_running(KlSession *session);

/* --- the armed line: a batch --- */

/* Whether the line could be armed now: NOT_SIGNED_ON, AUDITOR_VIEW, PASSPHRASE_MISSING, STATION_BUSY (it is armed),
 * LABEL_MISSING (the product wants every label scanned). */
gboolean kl_session_can_arm(KlSession *session, GError **error);
/* Every unit that is plugged in, now or later, starts by itself until count units (>= 1) were worked on. Ends earlier
 * when another operator signs on, at the sign-off and with another work order. Errors as above. */
gboolean kl_session_arm(KlSession *session, guint count, GError **error);
/* Starts nothing more; what runs goes on to its end. */
void kl_session_disarm(KlSession *session);
/* The batch under way, or NULL. Borrowed. */
const KlBatch *kl_session_batch(KlSession *session);

/* --- the USB bus --- */

/* The station's USB bus; from now on "bus-changed" tells of it. BUS_FAILED. Borrowed. */
KlBus *kl_session_bus(KlSession *session, GError **error);
/* Looks in a thread at what is on the bus. Finish with kl_session_look_finish: KlUsbDevice array, BUS_FAILED. */
void kl_session_look(KlSession *session, GCancellable *cancel, GAsyncReadyCallback done, gpointer data);
GPtrArray *kl_session_look_finish(GAsyncResult *result, GError **error);
/* Whether a slot is known by its hub port. */
gboolean kl_session_uses_bus(KlSession *session);

/* --- units in the field --- */

/* Asks the cloud in a thread how a unit in the field is; what it says is kept. Finish with kl_session_ask_field_finish.
 * Errors as kl_station_ask_field, and what is wrong with its row. */
void kl_session_ask_field(KlSession *session, const char *device, GCancellable *cancel, GAsyncReadyCallback done,
                          gpointer data);
gboolean kl_session_ask_field_finish(GAsyncResult *result, GError **error);

/* What a scan did, in words for the operator (English; translated by the caller with gettext). Clear it after use. */
typedef struct {
    gboolean ok;
    int index;         /* the slot concerned, or -1 */
    const char *words; /* static; may hold one %s, for the subject */
    char *subject;     /* the badge, order, slot or label that was scanned, without its prefix */
} KlScanResult;

void kl_scan_result_clear(KlScanResult *result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlScanResult, kl_scan_result_clear)

/* A scan in the scan entry. Badges ("OP:" or "OPERATOR:" and an id) sign an operator on, "WO:" names a work order
 * ("WO:48-1123" or "WO:48-1123:500" with its target), "SLOT:" and a name chooses the slot for the next label;
 * everything else is a unit's label: it starts the chosen slot, or the only slot that is ready, and is refused in words
 * when it is not clear which unit is meant, when that slot is running (it is then kept for the unit that comes after),
 * or when nobody is signed on. */
KlScanResult kl_session_scan(KlSession *session, const char *text);
/* The slot that the next label is for: chosen by the operator, or -1. */
void kl_session_choose(KlSession *session, int index);
int kl_session_chosen(KlSession *session);

/* --- who and what --- */

const char *kl_session_operator(KlSession *session); /* NULL: nobody is signed on */
void kl_session_sign_on(KlSession *session, const char *operator_id);
void kl_session_sign_off(KlSession *session);
/* The auditor's view: records can be read, nothing can be started or changed. */
gboolean kl_session_auditor(KlSession *session);
void kl_session_set_auditor(KlSession *session, gboolean auditor);
const char *kl_session_work_order(KlSession *session); /* NULL: none */
void kl_session_set_work_order(KlSession *session, const char *work_order, guint target);
KlCounters kl_session_counters(KlSession *session);

/* The station error that stopped the line (its stable name), or NULL; resume lets the line go on. */
const char *kl_session_line_error(KlSession *session);
void kl_session_resume(KlSession *session);

/* Keeps an act of the person signed on, in the given role. Errors are logged and returned. */
gboolean kl_session_record_act(KlSession *session, const char *role, const char *what, const char *subject,
                               const char *reason, GError **error);

G_END_DECLS
