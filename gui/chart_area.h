/* A place for a chart: draws it, and tells in words what it shows to those who can't see it. */
#pragma once

#include <gtk/gtk.h>

#include "gui/report_charts.h"

G_BEGIN_DECLS

#define KL_TYPE_CHART_AREA (kl_chart_area_get_type())
G_DECLARE_FINAL_TYPE(KlChartArea, kl_chart_area, KL, CHART_AREA, GtkDrawingArea)

GtkWidget *kl_chart_area_new(KlChartKind kind);

/* Shows this report from now on. The report is borrowed and has to live until the next is shown. */
void kl_chart_area_show_report(KlChartArea *area, const KlReport *report);

G_END_DECLS
