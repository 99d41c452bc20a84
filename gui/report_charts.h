/* A report's charts, as goffice graphs: for the page and for paper. Main thread only. */
#pragma once

#include <cairo.h>

#include "gui/report.h"

G_BEGIN_DECLS

typedef struct _GogGraph KlChart;

typedef enum {
    KL_CHART_THROUGHPUT, /* passed units and failed jobs an hour (day, month) */
    KL_CHART_PARETO,     /* failures by cause, most frequent first, and their cumulative share */
    KL_CHART_STEPS,      /* how long each step takes */
    KL_CHART_PROGRESS,   /* passed units so far, and the work order's target */
    KL_CHART_N,
} KlChartKind;

/* What the chart shows, for people: "Units per hour". The caller frees. */
char *kl_chart_title(KlChartKind kind, const KlReport *report);

/* The same in words, for those who can't see it, or "There is nothing to show.". The caller frees. */
char *kl_chart_words(KlChartKind kind, const KlReport *report);

/* The chart, or NULL when there is nothing to show in it. dark: for a dark ground. The caller unrefs
 * (g_object_unref). */
KlChart *kl_chart_new(KlChartKind kind, const KlReport *report, gboolean dark);

/* Draws the chart at (0, 0) in points; its texts are 8 points high. */
void kl_chart_draw(KlChart *chart, cairo_t *cairo, double width, double height);

G_END_DECLS
