/* How charts look: goffice objects dressed for the window's ground. Private to the charts. */
#pragma once

#include <goffice/goffice.h>
/* goffice.h comes first: it defines what the others need. */
#include <goffice/graph/gog-graph.h>
#include <goffice/graph/gog-plot.h>
#include <goffice/graph/gog-series.h>

G_BEGIN_DECLS

/* Blue, orange and ink: told apart by everybody, and by their place too. */
typedef enum { KL_COLOUR_GOOD, KL_COLOUR_BAD, KL_COLOUR_LINE } KlChartColour;

typedef struct {
    GogGraph *graph;
    GogChart *chart;
    gboolean dark;
} KlChartStyle;

/* An empty chart without ground or frame. Starts goffice when this is the first. The caller owns graph. */
KlChartStyle kl_chart_style_begin(gboolean dark);

/* Adds a plot of one of goffice's kinds ("GogBarColPlot"). */
GogPlot *kl_chart_style_add_plot(KlChartStyle *style, const char *kind);

/* Dresses the plot's n-th series: as filled bars, or as a line. */
void kl_chart_style_bars(KlChartStyle *style, GogPlot *plot, guint n, KlChartColour colour);
void kl_chart_style_line(KlChartStyle *style, GogPlot *plot, guint n, KlChartColour colour);

/* Dresses an axis ("X-Axis"), gives it a title (or NULL) and grid lines. */
void kl_chart_style_axis(KlChartStyle *style, const char *name, const char *title, gboolean grid);

/* Gives the plot, whose points lie on so many horizontal bars (1 .. categories), axes of its own: from 0 to 100 percent
 * above. From then on "X-Axis" and "Y-Axis" name no axis. */
void kl_chart_style_share_axes(KlChartStyle *style, GogPlot *plot, guint categories);

/* The axis' first and last value; negative: as the data want it. */
void kl_chart_style_bounds(KlChartStyle *style, const char *name, double first, double last);

/* The axis counts things up to so many: no ticks between whole numbers. */
void kl_chart_style_whole_numbers(KlChartStyle *style, const char *name, guint most);

/* The axis' first category comes at the top. */
void kl_chart_style_invert(KlChartStyle *style, const char *name);

/* Adds a legend above. */
void kl_chart_style_legend(KlChartStyle *style);

G_END_DECLS
