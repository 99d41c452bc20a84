/* One record: what its unit lived through (all its jobs, newest first), verdict, steps over time, certificate,
 * transcript. Everything is fetched in a thread. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_RECORD_VIEW (kl_record_view_get_type())
G_DECLARE_FINAL_TYPE(KlRecordView, kl_record_view, KL, RECORD_VIEW, GtkBox)

GtkWidget *kl_record_view_new(KlSession *session);

/* Shows the record with that number (of record_numbers), or nothing for 0. */
void kl_record_view_show_number(KlRecordView *view, gint64 number);

/* A job ended: when it was one of the unit that is shown, what is shown is fetched anew. */
void kl_record_view_job_ended(KlRecordView *view, const KlRecord *record);

G_END_DECLS
