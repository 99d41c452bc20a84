#include "gui/timeline.h"

#include <math.h>

#include "gui/i18n.h"
#include "gui/record_text.h"

#define LINE_HEIGHT 26
#define BAR_HEIGHT 14
#define NAME_WIDTH 210
#define NOTE_WIDTH 190 /* right of the longest bar: how long, and what failed */
#define BAR_MIN 3
#define SCALE_HEIGHT 22
#define HATCH 6

struct _KlTimeline {
    GtkDrawingArea parent_instance;
    KlRecord *record; /* or NULL */
};

G_DEFINE_FINAL_TYPE(KlTimeline, kl_timeline, GTK_TYPE_DRAWING_AREA)

/* Readable on light and dark ground alike. */
static const GdkRGBA passed_colour = {0.21, 0.52, 0.89, 1};
static const GdkRGBA failed_colour = {0.88, 0.22, 0.26, 1};

/* Where the bars lie. */
typedef struct {
    double left, width; /* of the time axis */
    double total_us;
} Axis;

static double
total_us(const KlRecord *record)
{
    gint64 total = 1;
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        total = MAX(total, step->start_us + step->duration_us);
    }
    return (double)total;
}

static double
axis_x(const Axis *axis, double time_us)
{
    return axis->left + axis->width * CLAMP(time_us / axis->total_us, 0, 1);
}

static void
draw_text(GtkWidget *widget, cairo_t *cr, double x, double middle, int width, const char *text, double strength)
{
    GtkStyleContext *style = gtk_widget_get_style_context(widget);
    GdkRGBA colour;
    int height = 0;
    g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(widget, text);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_single_paragraph_mode(layout, TRUE);
    pango_layout_set_width(layout, width * PANGO_SCALE);
    pango_layout_get_pixel_size(layout, NULL, &height);
    gtk_style_context_get_color(style, gtk_style_context_get_state(style), &colour);
    cairo_set_source_rgba(cr, colour.red, colour.green, colour.blue, colour.alpha * strength);
    cairo_move_to(cr, x, middle - height / 2.0);
    pango_cairo_show_layout(cr, layout);
}

static void
hatch(cairo_t *cr, const GdkRectangle *bar)
{
    cairo_save(cr);
    cairo_rectangle(cr, bar->x, bar->y, bar->width, bar->height);
    cairo_clip(cr);
    cairo_set_source_rgba(cr, 1, 1, 1, 0.75);
    cairo_set_line_width(cr, 2);
    for (int x = bar->x - bar->height; x < bar->x + bar->width; x += HATCH) {
        cairo_move_to(cr, x, bar->y + bar->height);
        cairo_line_to(cr, x + bar->height, bar->y);
    }
    cairo_stroke(cr);
    cairo_restore(cr);
}

static char *
note_of(const KlStepResult *step)
{
    g_autofree char *seconds = kl_record_seconds(step->duration_us);
    g_autofree char *code = kl_record_safe(step->code);
    return code != NULL ? g_strdup_printf("%s  ✖ %s", seconds, code) : g_steal_pointer(&seconds);
}

static void
draw_step(GtkWidget *widget, cairo_t *cr, const Axis *axis, const KlStepResult *step, int top)
{
    gboolean failed = step->outcome != KL_OUTCOME_PASS;
    double from = axis_x(axis, (double)step->start_us);
    double to = MAX(axis_x(axis, (double)(step->start_us + step->duration_us)), from + BAR_MIN);
    GdkRectangle bar = {(int)from, top + (LINE_HEIGHT - BAR_HEIGHT) / 2, (int)ceil(to - from), BAR_HEIGHT};
    gdk_cairo_set_source_rgba(cr, failed ? &failed_colour : &passed_colour);
    cairo_rectangle(cr, bar.x, bar.y, bar.width, bar.height);
    cairo_fill(cr);
    if (failed)
        hatch(cr, &bar);
    g_autofree char *name = kl_record_step_name(step);
    g_autofree char *note = note_of(step);
    draw_text(widget, cr, 0, top + LINE_HEIGHT / 2.0, NAME_WIDTH - 12, name, 1);
    draw_text(widget, cr, bar.x + bar.width + 6, top + LINE_HEIGHT / 2.0, NOTE_WIDTH - 6, note, failed ? 1 : 0.75);
}

/* The largest of 1, 2, 5, 10 ... (times a power of ten) that fits at least twice into the whole: its labels have room.
 */
static double
tick_us(double total)
{
    double rough = total / 2, power = pow(10, floor(log10(rough)));
    double steps = rough / power;
    return power * (steps >= 5 ? 5 : steps >= 2 ? 2 : 1);
}

static void
draw_scale(GtkWidget *widget, cairo_t *cr, const Axis *axis, int height)
{
    GtkStyleContext *style = gtk_widget_get_style_context(widget);
    GdkRGBA colour;
    gtk_style_context_get_color(style, gtk_style_context_get_state(style), &colour);
    double tick = tick_us(axis->total_us);
    for (int i = 0; i * tick <= axis->total_us; i++) {
        double time = i * tick, x = floor(axis_x(axis, time)) + 0.5;
        g_autofree char *text = g_strdup_printf(_("%g s"), time / G_USEC_PER_SEC);
        cairo_set_source_rgba(cr, colour.red, colour.green, colour.blue, 0.15);
        cairo_set_line_width(cr, 1);
        cairo_move_to(cr, x, SCALE_HEIGHT);
        cairo_line_to(cr, x, height);
        cairo_stroke(cr);
        draw_text(widget, cr, x, SCALE_HEIGHT / 2.0, 80, text, 0.7);
    }
}

static gboolean
kl_timeline_draw(GtkWidget *widget, cairo_t *cr)
{
    const KlRecord *record = KL_TIMELINE(widget)->record;
    if (record == NULL || record->steps->len == 0)
        return GDK_EVENT_PROPAGATE;
    int width = gtk_widget_get_allocated_width(widget);
    Axis axis = {NAME_WIDTH, MAX(width - NAME_WIDTH - NOTE_WIDTH, 50), total_us(record)};
    draw_scale(widget, cr, &axis, gtk_widget_get_allocated_height(widget));
    for (guint i = 0; i < record->steps->len; i++)
        draw_step(widget, cr, &axis, record->steps->pdata[i], SCALE_HEIGHT + (int)i * LINE_HEIGHT);
    return GDK_EVENT_PROPAGATE;
}

static void
kl_timeline_finalize(GObject *object)
{
    kl_record_free(KL_TIMELINE(object)->record);
    G_OBJECT_CLASS(kl_timeline_parent_class)->finalize(object);
}

static void
kl_timeline_class_init(KlTimelineClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = kl_timeline_finalize;
    GTK_WIDGET_CLASS(klass)->draw = kl_timeline_draw;
}

static void
kl_timeline_init(KlTimeline *timeline)
{
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(timeline)), _("Steps over time"));
}

GtkWidget *
kl_timeline_new(void)
{
    return g_object_new(KL_TYPE_TIMELINE, NULL);
}

static char *
describe(const KlRecord *record)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; record != NULL && i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        g_autofree char *name = kl_record_step_name(step);
        g_autofree char *end = kl_record_step_end(step);
        g_autofree char *start = kl_record_seconds(step->start_us);
        g_autofree char *took = kl_record_seconds(step->duration_us);
        g_string_append_printf(text, _("%s: %s, at %s, took %s"), name, end, start, took);
        g_string_append(text, ".\n");
    }
    return g_string_free(text, FALSE);
}

void
kl_timeline_set_record(KlTimeline *timeline, const KlRecord *record)
{
    kl_record_free(timeline->record);
    timeline->record = record != NULL ? kl_record_copy(record) : NULL;
    int lines = record != NULL ? (int)record->steps->len : 0;
    g_autofree char *text = describe(record);
    atk_object_set_description(gtk_widget_get_accessible(GTK_WIDGET(timeline)), text);
    gtk_widget_set_size_request(GTK_WIDGET(timeline), NAME_WIDTH + NOTE_WIDTH + 120,
                                SCALE_HEIGHT + lines * LINE_HEIGHT);
    gtk_widget_queue_draw(GTK_WIDGET(timeline));
}
