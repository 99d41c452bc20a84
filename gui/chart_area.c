#include "gui/chart_area.h"

#define MIN_WIDTH 300
#define HEIGHT 260
#define POINTS_PER_INCH 72.0
#define USUAL_RESOLUTION 96.0
#define ENLARGED 1.15 /* a screen is looked at from further away than paper */
#define DARK_GROUND 0.5

struct _KlChartArea {
    GtkDrawingArea parent_instance;
    KlChartKind kind;
    const KlReport *report;   /* NULL: none yet */
    cairo_surface_t *picture; /* drawn last; NULL: to be drawn anew */
};

G_DEFINE_FINAL_TYPE(KlChartArea, kl_chart_area, GTK_TYPE_DRAWING_AREA)

static void
forget_picture(KlChartArea *area)
{
    g_clear_pointer(&area->picture, cairo_surface_destroy);
    gtk_widget_queue_draw(GTK_WIDGET(area));
}

static void
kl_chart_area_dispose(GObject *object)
{
    g_clear_pointer(&KL_CHART_AREA(object)->picture, cairo_surface_destroy);
    G_OBJECT_CLASS(kl_chart_area_parent_class)->dispose(object);
}

static GdkRGBA
text_colour(GtkWidget *widget)
{
    GdkRGBA colour;
    GtkStyleContext *style = gtk_widget_get_style_context(widget);
    gtk_style_context_get_color(style, gtk_style_context_get_state(style), &colour);
    return colour;
}

/* Light text stands on a dark ground. */
static gboolean
is_dark(GtkWidget *widget)
{
    GdkRGBA text = text_colour(widget);
    return 0.3 * text.red + 0.6 * text.green + 0.1 * text.blue > DARK_GROUND;
}

static void
draw_words(GtkWidget *widget, cairo_t *cairo, const char *words)
{
    int width, height;
    GdkRGBA colour = text_colour(widget);
    g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(widget, words);
    pango_layout_get_pixel_size(layout, &width, &height);
    gdk_cairo_set_source_rgba(cairo, &colour);
    cairo_move_to(cairo, (gtk_widget_get_allocated_width(widget) - width) / 2.0,
                  (gtk_widget_get_allocated_height(widget) - height) / 2.0);
    pango_cairo_show_layout(cairo, layout);
}

/* Charts are measured in points: with the screen's resolution their text is about as big as the window's. */
static void
draw_chart(KlChartArea *area, cairo_t *cairo)
{
    GtkWidget *widget = GTK_WIDGET(area);
    g_autoptr(GObject) chart = (GObject *)kl_chart_new(area->kind, area->report, is_dark(widget));
    if (chart == NULL) {
        g_autofree char *words = kl_chart_words(area->kind, area->report);
        draw_words(widget, cairo, words);
        return;
    }
    double resolution = gdk_screen_get_resolution(gtk_widget_get_screen(widget));
    double scale = (resolution > 0 ? resolution : USUAL_RESOLUTION) / POINTS_PER_INCH * ENLARGED;
    cairo_scale(cairo, scale, scale);
    kl_chart_draw((KlChart *)chart, cairo, gtk_widget_get_allocated_width(widget) / scale,
                  gtk_widget_get_allocated_height(widget) / scale);
}

static gboolean
kl_chart_area_draw(GtkWidget *widget, cairo_t *cairo)
{
    KlChartArea *area = KL_CHART_AREA(widget);
    int width = gtk_widget_get_allocated_width(widget), height = gtk_widget_get_allocated_height(widget);
    if (area->report == NULL)
        return GDK_EVENT_PROPAGATE;
    if (area->picture == NULL) {
        area->picture =
            gdk_window_create_similar_surface(gtk_widget_get_window(widget), CAIRO_CONTENT_COLOR_ALPHA, width, height);
        cairo_t *picture = cairo_create(area->picture);
        draw_chart(area, picture);
        cairo_destroy(picture);
    }
    cairo_set_source_surface(cairo, area->picture, 0, 0);
    cairo_paint(cairo);
    if (gtk_widget_has_visible_focus(widget))
        gtk_render_focus(gtk_widget_get_style_context(widget), cairo, 0, 0, width, height);
    return GDK_EVENT_PROPAGATE;
}

static void
kl_chart_area_size_allocate(GtkWidget *widget, GtkAllocation *allocation)
{
    GTK_WIDGET_CLASS(kl_chart_area_parent_class)->size_allocate(widget, allocation);
    forget_picture(KL_CHART_AREA(widget));
}

static void
kl_chart_area_style_updated(GtkWidget *widget)
{
    GTK_WIDGET_CLASS(kl_chart_area_parent_class)->style_updated(widget);
    forget_picture(KL_CHART_AREA(widget));
}

static void
kl_chart_area_class_init(KlChartAreaClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_chart_area_dispose;
    GTK_WIDGET_CLASS(klass)->draw = kl_chart_area_draw;
    GTK_WIDGET_CLASS(klass)->size_allocate = kl_chart_area_size_allocate;
    GTK_WIDGET_CLASS(klass)->style_updated = kl_chart_area_style_updated;
}

static void
kl_chart_area_init(KlChartArea *area)
{
    gtk_widget_set_size_request(GTK_WIDGET(area), MIN_WIDTH, HEIGHT);
    gtk_widget_set_hexpand(GTK_WIDGET(area), TRUE);
    /* So that the keyboard gets there, the page scrolls to it, and a screen reader tells it. */
    gtk_widget_set_can_focus(GTK_WIDGET(area), TRUE);
    atk_object_set_role(gtk_widget_get_accessible(GTK_WIDGET(area)), ATK_ROLE_CHART);
}

GtkWidget *
kl_chart_area_new(KlChartKind kind)
{
    KlChartArea *area = g_object_new(KL_TYPE_CHART_AREA, NULL);
    area->kind = kind;
    return GTK_WIDGET(area);
}

void
kl_chart_area_show_report(KlChartArea *area, const KlReport *report)
{
    AtkObject *accessible = gtk_widget_get_accessible(GTK_WIDGET(area));
    g_autofree char *title = kl_chart_title(area->kind, report);
    g_autofree char *words = kl_chart_words(area->kind, report);
    area->report = report;
    atk_object_set_name(accessible, title);
    atk_object_set_description(accessible, words);
    forget_picture(area);
}
