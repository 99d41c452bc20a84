/* The Report page: what happened on the line in a period, and its export. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_REPORT_PAGE (kl_report_page_get_type())
G_DECLARE_FINAL_TYPE(KlReportPage, kl_report_page, KL, REPORT_PAGE, GtkBox)

GtkWidget *kl_report_page_new(KlSession *session);

G_END_DECLS
