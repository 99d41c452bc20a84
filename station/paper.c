#include "station/paper.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>

#include "station/error.h"

static PangoLayout *
layout_text(cairo_t *cairo, const KlTextBox *box, const char *text)
{
    PangoLayout *layout = pango_cairo_create_layout(cairo);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(pango_layout_get_context(layout), options);
    cairo_font_options_destroy(options);
    PangoFontDescription *font = pango_font_description_from_string(box->font);
    /* One unit is one point on this page, so sizes are absolute. */
    pango_font_description_set_absolute_size(font, pango_font_description_get_size(font));
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_width(layout, (int)(box->width * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_alignment(layout, box->right ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    pango_layout_set_text(layout, valid, -1);
    return layout;
}

static double
height_of(PangoLayout *layout)
{
    int height;
    pango_layout_get_size(layout, NULL, &height);
    return (double)height / PANGO_SCALE;
}

double
kl_paper_text_height(cairo_t *cairo, const KlTextBox *box, const char *text)
{
    g_autoptr(PangoLayout) layout = layout_text(cairo, box, text);
    return height_of(layout);
}

double
kl_paper_text(cairo_t *cairo, const KlTextBox *box, double y, const char *text)
{
    g_autoptr(PangoLayout) layout = layout_text(cairo, box, text);
    cairo_set_source_rgb(cairo, box->ink, box->ink, box->ink);
    cairo_move_to(cairo, box->x, y);
    pango_cairo_show_layout(cairo, layout);
    return height_of(layout);
}

void
kl_paper_rule(cairo_t *cairo, double x, double y, double width)
{
    cairo_set_source_rgb(cairo, 0.75, 0.75, 0.75);
    cairo_set_line_width(cairo, 0.5);
    cairo_move_to(cairo, x, y);
    cairo_line_to(cairo, x + width, y);
    cairo_stroke(cairo);
}

static cairo_status_t
take_bytes(void *closure, const unsigned char *data, unsigned int length)
{
    g_byte_array_append(closure, data, length);
    return CAIRO_STATUS_SUCCESS;
}

GBytes *
kl_paper_pdf(const char *title, void (*draw)(cairo_t *cairo, gconstpointer data), gconstpointer data, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(take_bytes, bytes, KL_PAPER_WIDTH, KL_PAPER_HEIGHT);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "Keyline");
    cairo_t *cairo = cairo_create(surface);
    draw(cairo, data);
    cairo_destroy(cairo);
    cairo_surface_finish(surface);
    cairo_status_t status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (status != CAIRO_STATUS_SUCCESS) {
        kl_fail(error, KL_ERROR_INTERNAL, "cairo: %s", cairo_status_to_string(status));
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}
