/* Asks the store for a report in a thread: a long query never blocks the window. */
#pragma once

#include "gui/report.h"
#include "gui/session.h"

G_BEGIN_DECLS

/* The period is as seen now. work_order NULL: all. Calls done in the main thread; finish there with
 * kl_report_query_finish. */
void kl_report_query(KlSession *session, KlPeriod period, const char *work_order, guint target, GObject *source,
                     GAsyncReadyCallback done, gpointer data);

/* The report, or NULL with the store's error. The caller frees. */
KlReport *kl_report_query_finish(GAsyncResult *result, GError **error);

G_END_DECLS
