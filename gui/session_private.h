/* Inside a session: private to session*.c. */
#pragma once

#include "gui/session.h"

G_BEGIN_DECLS

/* A card with what its signal needs. */
typedef struct {
    KlCard card;
    guint64 verdict_plug; /* what the verdict is about; 0: it was gone already */
    gint64 told_us;       /* monotonic, of its last card-changed */
    guint timer;          /* source that will tell of it, or 0 */
} KlCardSlot;

struct _KlSession {
    GObject parent_instance;

    void (*then)(gpointer data); /* called once the station is closed; NULL: nobody waits for it */
    gpointer then_data;

    KlStation *station;
    KlStore *reader;
    KlStore *statistics_reader;
    KlLine *line; /* NULL once closed */
    gboolean unlocked;
    KlErrorCode locked_by; /* until then: what keeps the line from starting */
    KlBatch *batch;        /* NULL: not armed */
    KlBus *bus;            /* NULL until asked for; of the station */
    gint bus_told;         /* atomic: "bus-changed" is on its way */
    GArray *cards;         /* KlCardSlot */
    int chosen;

    char *operator_id;
    gboolean auditor;
    char *work_order;
    GThreadPool *signs; /* one thread, which keeps sign-ons and sign-offs (KlAct) in their order */
    guint target;
    gint64 since_us; /* UTC: counters without a work order count from here */
    KlCounters counters;
    gboolean counting;    /* a count is under way */
    gboolean count_again; /* and is out of date already */
};

KlCardSlot *kl_session_slot(KlSession *session, guint index);

/* Tells of a card: at once, or not before 200 ms after the last time. */
void kl_session_tell(KlSession *session, guint index, gboolean at_once);

/* Tells of everything that is not a card. */
void kl_session_tell_changed(KlSession *session);

/* A worker's event, on the worker's thread; data is the session. */
void kl_session_on_event(KlEvent *event, gpointer data);

/* The batch that a job started now is filed under, or NULL: one that is stopping takes no more. */
const char *kl_session_batch_id(KlSession *session);

/* Lets the batch know of a job of its own before the line does. */
void kl_session_batch_begin(KlSession *session, const char *slot);

/* Lets the batch know, and ends it when it is done. */
void kl_session_batch_event(KlSession *session, const KlEvent *event);
void kl_session_batch_resume(KlSession *session);

/* Keeps that the operator did that ("sign-on", "resume"), soon. */
void kl_session_note(KlSession *session, const char *what);

/* No more news from the bus. */
void kl_session_leave_bus(KlSession *session);

/* Keeps a KlAct, in a thread; data is the session. */
void kl_session_keep_sign(gpointer act, gpointer data);

/* Counts anew, in a thread. */
void kl_session_count(KlSession *session);

G_END_DECLS
