/* Asking a cloud's table how units in the field are, and keeping what it says. */
#pragma once

#include "station/store.h"

G_BEGIN_DECLS

#define KL_FIELD_PROBLEMS_MOST 1000 /* that are told one by one */

/* What came of it so far. */
typedef struct {
    guint asked;         /* devices that the table said something of: those that are missing, and problems, too */
    guint missing;       /* of which it has no row */
    guint alarms;        /* of which it has too many connections */
    guint n_problems;    /* whose rows can't be gone by: what was known before stays */
    GPtrArray *problems; /* KlCloudRow: the first of them */
} KlFieldAsked;

void kl_field_asked_clear(KlFieldAsked *asked);

typedef struct {
    const char *table;                                      /* the sink's registration table */
    gint64 connections_alarm;                               /* more connections are an alarm */
    const char *const *devices;                             /* NULL-terminated; NULL: all that have a row here */
    void (*told)(const KlFieldAsked *asked, gpointer data); /* after some of them; or NULL */
    gpointer data;
} KlFieldQuestion;

/* Asks, page by page; each page has some time of its own unless the operation has a deadline. What came before a
 * failure is kept, and counted in *asked, which the caller clears. RECORD_UNKNOWN: a device has no row here, nobody was
 * asked. STORE_*; whatever the sink fails with. Problems of single rows: ROW_UNREADABLE; DUPLICATE_DEVICE: it is
 * another unit's row. */
gboolean kl_field_ask(KlStore *store, KlSink *sink, const KlFieldQuestion *question, KlOp *op, KlFieldAsked *asked,
                      GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlFieldAsked, kl_field_asked_clear)

G_END_DECLS
