#include "gui/chart_style.h"

#include <goffice/app/go-plugin-loader-module.h>
#include <goffice/app/go-plugin.h>
#include <goffice/data/go-data-simple.h>
#include <goffice/data/go-data.h>
#include <goffice/graph/gog-axis.h>
#include <goffice/graph/gog-chart.h>
#include <goffice/graph/gog-data-set.h>
#include <goffice/graph/gog-object.h>
#include <goffice/utils/go-color.h>
#include <goffice/utils/go-format.h>
#include <goffice/utils/go-style.h>
#include <goffice/utils/go-styled-object.h>
#include <math.h>

#define FONT "Sans 8"

/* Above that, goffice chooses whole numbers by itself. */
#define MAX_SINGLE_TICKS 6

static GOColor
colour_of(const KlChartStyle *style, KlChartColour colour)
{
    switch (colour) {
    case KL_COLOUR_GOOD:
        return style->dark ? GO_COLOR_FROM_RGB(0x62, 0xa0, 0xea) : GO_COLOR_FROM_RGB(0x1c, 0x71, 0xd8);
    case KL_COLOUR_BAD:
        return style->dark ? GO_COLOR_FROM_RGB(0xff, 0xa3, 0x48) : GO_COLOR_FROM_RGB(0xe6, 0x61, 0x00);
    case KL_COLOUR_LINE:
        break;
    }
    return style->dark ? GO_COLOR_FROM_RGB(0xf6, 0xf5, 0xf4) : GO_COLOR_FROM_RGB(0x24, 0x1f, 0x31);
}

static GOColor
text_colour(const KlChartStyle *style)
{
    return style->dark ? GO_COLOR_FROM_RGB(0xee, 0xee, 0xec) : GO_COLOR_FROM_RGB(0x2e, 0x34, 0x36);
}

static GOColor
grid_colour(const KlChartStyle *style)
{
    return style->dark ? GO_COLOR_FROM_RGBA(0xff, 0xff, 0xff, 0x28) : GO_COLOR_FROM_RGBA(0, 0, 0, 0x20);
}

static GOStyle *
style_of(gpointer object)
{
    return go_styled_object_get_style(GO_STYLED_OBJECT(object));
}

static void
set_fill(GOStyle *style, GOColor colour)
{
    style->fill.auto_type = style->fill.auto_fore = style->fill.auto_back = style->fill.auto_pattern = FALSE;
    style->fill.type = GO_STYLE_FILL_PATTERN;
    style->fill.pattern.pattern = GO_PATTERN_SOLID;
    style->fill.pattern.fore = style->fill.pattern.back = colour;
}

static void
set_line(GOStyle *style, GOColor colour, double width)
{
    style->line.auto_dash = style->line.auto_color = style->line.auto_fore = style->line.auto_width = FALSE;
    style->line.dash_type = GO_LINE_SOLID;
    style->line.color = style->line.fore = colour;
    style->line.width = width;
}

static void
set_bare(GOStyle *style)
{
    style->fill.auto_type = style->line.auto_dash = FALSE;
    style->fill.type = GO_STYLE_FILL_NONE;
    style->line.dash_type = GO_LINE_NONE;
}

static void
set_text(const KlChartStyle *style, GOStyle *target)
{
    target->font.auto_color = target->font.auto_font = target->font.auto_scale = FALSE;
    target->font.color = text_colour(style);
    go_style_set_font_desc(target, pango_font_description_from_string(FONT));
}

static gpointer
start_goffice(gpointer data)
{
    libgoffice_init();
    go_plugins_init(NULL, NULL, NULL, NULL, TRUE, GO_TYPE_PLUGIN_LOADER_MODULE);
    return NULL;
}

KlChartStyle
kl_chart_style_begin(gboolean dark)
{
    static GOnce started = G_ONCE_INIT;
    g_once(&started, start_goffice, NULL);
    KlChartStyle style = {.graph = g_object_new(GOG_TYPE_GRAPH, NULL), .dark = dark};
    style.chart = GOG_CHART(gog_object_add_by_name(GOG_OBJECT(style.graph), "Chart", NULL));
    set_bare(style_of(style.graph));
    set_bare(style_of(style.chart));
    return style;
}

GogPlot *
kl_chart_style_add_plot(KlChartStyle *style, const char *kind)
{
    GogPlot *plot = gog_plot_new_by_name(kind);
    gog_object_add_by_name(GOG_OBJECT(style->chart), "Plot", GOG_OBJECT(plot));
    return plot;
}

static GOStyle *
series_style(GogPlot *plot, guint n)
{
    return style_of(g_slist_nth_data((GSList *)gog_plot_get_series(plot), n));
}

void
kl_chart_style_bars(KlChartStyle *style, GogPlot *plot, guint n, KlChartColour colour)
{
    GOStyle *bars = series_style(plot, n);
    set_fill(bars, colour_of(style, colour));
    bars->line.auto_dash = FALSE;
    bars->line.dash_type = GO_LINE_NONE;
}

void
kl_chart_style_line(KlChartStyle *style, GogPlot *plot, guint n, KlChartColour colour)
{
    GOStyle *line = series_style(plot, n);
    GOColor ink = colour_of(style, colour);
    set_line(line, ink, 1.5);
    if ((line->interesting_fields & GO_STYLE_MARKER) == 0)
        return;
    GOMarker *marker = go_marker_new();
    go_marker_set_shape(marker, GO_MARKER_CIRCLE);
    go_marker_set_size(marker, 4);
    go_marker_set_fill_color(marker, ink);
    go_marker_set_outline_color(marker, ink);
    go_style_set_marker(line, marker);
    line->marker.auto_shape = line->marker.auto_fill_color = line->marker.auto_outline_color = FALSE;
}

static GogObject *
axis_of(const KlChartStyle *style, const char *name)
{
    return gog_object_get_child_by_name(GOG_OBJECT(style->chart), name);
}

static void
dress_axis(const KlChartStyle *style, GogObject *axis)
{
    set_text(style, style_of(axis));
    set_line(style_of(axis), text_colour(style), 0.5);
    g_object_set(axis, "major-tick-out", FALSE, "major-tick-in", FALSE, NULL);
}

void
kl_chart_style_axis(KlChartStyle *style, const char *name, const char *title, gboolean grid)
{
    GogObject *axis = axis_of(style, name);
    dress_axis(style, axis);
    if (grid) {
        GogObject *lines = gog_object_add_by_name(axis, "MajorGrid", NULL);
        set_line(style_of(lines), grid_colour(style), 0.5);
    }
    if (title != NULL) {
        GogObject *label = gog_object_add_by_name(axis, "Label", NULL);
        gog_dataset_set_dim(GOG_DATASET(label), 0, go_data_scalar_str_new_copy(title), NULL);
        set_text(style, style_of(label));
    }
}

/* The plot's categories run on an axis of its own that lies unseen upon the bars': numbers among the categories would
 * take their words away. */
static void
add_hidden_axis(const KlChartStyle *style, GogPlot *plot, guint categories)
{
    GogObject *axis = gog_object_add_by_name(GOG_OBJECT(style->chart), "Y-Axis", NULL);
    gog_plot_set_axis(plot, GOG_AXIS(axis));
    gog_axis_set_bounds(GOG_AXIS(axis), 0.5, categories + 0.5);
    dress_axis(style, axis);
    set_bare(style_of(axis));
    g_object_set(axis, "pos-str", "high", "invert-axis", TRUE, "major-tick-labeled", FALSE, NULL);
}

void
kl_chart_style_share_axes(KlChartStyle *style, GogPlot *plot, guint categories)
{
    GogObject *axis = gog_object_add_by_name(GOG_OBJECT(style->chart), "X-Axis", NULL);
    g_object_set(axis, "pos-str", "high", NULL);
    gog_plot_set_axis(plot, GOG_AXIS(axis));
    gog_axis_set_bounds(GOG_AXIS(axis), 0, 100);
    gog_axis_set_format(GOG_AXIS(axis), go_format_new_from_XL("0\"%\""));
    dress_axis(style, axis);
    add_hidden_axis(style, plot, categories);
}

void
kl_chart_style_bounds(KlChartStyle *style, const char *name, double first, double last)
{
    gog_axis_set_bounds(GOG_AXIS(axis_of(style, name)), first >= 0 ? first : (double)NAN,
                        last >= 0 ? last : (double)NAN);
}

void
kl_chart_style_whole_numbers(KlChartStyle *style, const char *name, guint most)
{
    if (most <= MAX_SINGLE_TICKS)
        gog_dataset_set_dim(GOG_DATASET(axis_of(style, name)), GOG_AXIS_ELEM_MAJOR_TICK, go_data_scalar_val_new(1),
                            NULL);
}

void
kl_chart_style_invert(KlChartStyle *style, const char *name)
{
    g_object_set(axis_of(style, name), "invert-axis", TRUE, NULL);
}

void
kl_chart_style_legend(KlChartStyle *style)
{
    GogObject *legend = gog_object_add_by_name(GOG_OBJECT(style->chart), "Legend", NULL);
    gog_object_set_position_flags(legend, GOG_POSITION_N, GOG_POSITION_COMPASS);
    gog_object_set_position_flags(legend, GOG_POSITION_ALIGN_END, GOG_POSITION_ALIGNMENT);
    set_bare(style_of(legend));
    set_text(style, style_of(legend));
}
