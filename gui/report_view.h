/* A report on the screen: figures, charts, and what failed with what to do about it. */
#pragma once

#include <gtk/gtk.h>

#include "gui/report.h"

G_BEGIN_DECLS

#define KL_TYPE_REPORT_VIEW (kl_report_view_get_type())
G_DECLARE_FINAL_TYPE(KlReportView, kl_report_view, KL, REPORT_VIEW, GtkScrolledWindow)

GtkWidget *kl_report_view_new(void);

/* Shows this report from now on. Borrowed: it has to live until the next is shown. */
void kl_report_view_show(KlReportView *view, const KlReport *report);

G_END_DECLS
