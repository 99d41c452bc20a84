/* Found records as a GtkTreeModel that holds their numbers and fetches the records page by page, in a thread, when the
 * view asks for them. Until a page is there its rows show a placeholder. Few pages are kept. Belongs to the main
 * thread.
 *
 * Signal: "failed" (GError *) a page could not be fetched; borrowed. */
#pragma once

#include <gtk/gtk.h>

#include "station/store.h"

G_BEGIN_DECLS

#define KL_TYPE_RECORD_MODEL (kl_record_model_get_type())
G_DECLARE_FINAL_TYPE(KlRecordModel, kl_record_model, KL, RECORD_MODEL, GObject)

typedef enum {
    KL_RECORD_COLUMN_NUMBER,  /* gint64; known before the record is */
    KL_RECORD_COLUMN_STARTED, /* local time */
    KL_RECORD_COLUMN_ICON,    /* icon name of the verdict, or NULL */
    KL_RECORD_COLUMN_VERDICT, /* its word, translated */
    KL_RECORD_COLUMN_UNIT,    /* device id, else FSN, else the label scanned */
    KL_RECORD_COLUMN_IMEI,
    KL_RECORD_COLUMN_OPERATOR,
    KL_RECORD_COLUMN_SLOT,
    KL_RECORD_COLUMN_TOOK,  /* duration */
    KL_RECORD_COLUMN_WORDS, /* why it did not pass, translated */
    KL_RECORD_N_COLUMNS,
} KlRecordColumn;

#define KL_RECORD_PLACEHOLDER "…"

/* Rows [first, first + count) of the numbers (gint64, newest first; a reference is taken). The store must be safe to
 * use from several threads and live as long as keeper, of which a reference is held (NULL: the caller sees to it). */
KlRecordModel *kl_record_model_new(KlStore *store, GObject *keeper, GArray *numbers, guint first, guint count);

/* The same search once more found these numbers. TRUE when they are the ones of before with newer ones put in front:
 * the model, which must begin at the first number, then has these rows too, and looks again at records that were
 * running. FALSE: unchanged, a new model is needed. */
gboolean kl_record_model_grow(KlRecordModel *model, GArray *numbers);

/* The cells of a record, as the model shows them; the caller frees. NULL: nothing to show. */
char *kl_record_cell(const KlRecord *record, KlRecordColumn column);

G_END_DECLS
