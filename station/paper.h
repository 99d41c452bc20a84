/* Drawing on paper: A4 pages of a PDF, in points, with text that needs no hinting. */
#pragma once

#include <cairo.h>
#include <glib.h>

G_BEGIN_DECLS

#define KL_PAPER_WIDTH 595.28
#define KL_PAPER_HEIGHT 841.89

/* Where text goes. It is wrapped to the width; font: "Sans Bold 9", its size in points. */
typedef struct {
    double x, width;
    const char *font;
    double ink;     /* 0 black .. 1 white */
    gboolean right; /* ends at the right side */
} KlTextBox;

/* The height that the text would have. What is no UTF-8 in it is replaced. */
double kl_paper_text_height(cairo_t *cairo, const KlTextBox *box, const char *text);

/* Draws the text from y down; returns its height. */
double kl_paper_text(cairo_t *cairo, const KlTextBox *box, double y, const char *text);

/* A thin line across. */
void kl_paper_rule(cairo_t *cairo, double x, double y, double width);

/* Makes a PDF of what draw() draws; it ends each page by cairo_show_page(). INTERNAL: what cairo says. */
GBytes *kl_paper_pdf(const char *title, void (*draw)(cairo_t *cairo, gconstpointer data), gconstpointer data,
                     GError **error);

G_END_DECLS
