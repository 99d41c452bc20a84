/* A report on paper: one A4 page. */
#include <glib-object.h>

#include "gui/i18n.h"
#include "gui/report_charts.h"
#include "gui/report_export.h"
#include "station/paper.h"

/* Points. */
#define MARGIN 42.0
#define WIDTH (KL_PAPER_WIDTH - 2 * MARGIN)
#define GAP 14.0
#define CHART_HEIGHT 158.0
#define FOOT (KL_PAPER_HEIGHT - MARGIN)

typedef struct {
    cairo_t *cairo;
    double y; /* where the next thing goes */
} Paper;

static void
draw_rule(Paper *paper)
{
    kl_paper_rule(paper->cairo, MARGIN, paper->y, WIDTH);
}

static void
draw_head(Paper *paper, const KlReport *report)
{
    const KlTextBox title = {MARGIN, WIDTH, "Sans Bold 20", 0}, line = {MARGIN, WIDTH, "Sans 10", 0.25};
    g_autofree char *period = kl_report_period_words(report);
    g_autofree char *order = kl_report_work_order_words(report);
    g_autofree char *place = g_strdup_printf(_("Station %s · %s"), report->station, order);
    paper->y += kl_paper_text(paper->cairo, &title, paper->y, _("Production report")) + 4;
    paper->y += kl_paper_text(paper->cairo, &line, paper->y, period) + 2;
    paper->y += kl_paper_text(paper->cairo, &line, paper->y, place) + GAP / 2;
    draw_rule(paper);
    paper->y += GAP / 2;
}

static void
draw_figures(Paper *paper, const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    const struct {
        const char *caption;
        char *value;
    } figures[] = {
        {_("Units"), g_strdup_printf("%u", statistics->units)},
        {_("Passed"), g_strdup_printf("%u", statistics->passed_units)},
        {_("First-pass yield"), g_strdup_printf("%.1f %%", kl_report_first_pass_yield(report))},
        {_("Units per hour"), g_strdup_printf("%.1f", kl_report_per_hour(report))},
        {_("Failed attempts"), g_strdup_printf("%u", statistics->failed_jobs)},
    };
    const guint n_figures = G_N_ELEMENTS(figures);
    double column = (double)WIDTH / n_figures, height = 0;
    for (guint i = 0; i < n_figures; i++) {
        const KlTextBox value = {MARGIN + i * column, column - GAP, "Sans Bold 18", 0};
        const KlTextBox caption = {value.x, value.width, "Sans 9", 0.35};
        double top = kl_paper_text(paper->cairo, &value, paper->y, figures[i].value);
        double bottom = top + kl_paper_text(paper->cairo, &caption, paper->y + top, figures[i].caption);
        height = MAX(height, bottom);
        g_free(figures[i].value);
    }
    paper->y += height + GAP;
}

static void
draw_chart(Paper *paper, const KlReport *report, KlChartKind kind, double x, double width)
{
    const KlTextBox title = {x, width, "Sans Bold 10", 0};
    g_autofree char *words = kl_chart_title(kind, report);
    double top = paper->y + kl_paper_text(paper->cairo, &title, paper->y, words) + 2;
    g_autoptr(GObject) chart = (GObject *)kl_chart_new(kind, report, FALSE);
    if (chart == NULL) {
        const KlTextBox nothing = {x, width, "Sans 9", 0.35};
        g_autofree char *text = kl_chart_words(kind, report);
        kl_paper_text(paper->cairo, &nothing, top, text);
        return;
    }
    cairo_save(paper->cairo);
    cairo_translate(paper->cairo, x, top);
    kl_chart_draw((KlChart *)chart, paper->cairo, width, paper->y + CHART_HEIGHT - top);
    cairo_restore(paper->cairo);
}

static void
draw_charts(Paper *paper, const KlReport *report)
{
    double half = (WIDTH - GAP) / 2, right = MARGIN + half + GAP;
    draw_chart(paper, report, KL_CHART_THROUGHPUT, MARGIN, half);
    draw_chart(paper, report, KL_CHART_PROGRESS, right, half);
    paper->y += CHART_HEIGHT + GAP;
    draw_chart(paper, report, KL_CHART_PARETO, MARGIN, half);
    draw_chart(paper, report, KL_CHART_STEPS, right, half);
    paper->y += CHART_HEIGHT + GAP;
}

/* The table of failures: how often, what the operator was told, what to do, the code. */
static const struct {
    double x, width;
} columns[] = {{0, 32}, {36, 164}, {206, 174}, {386, WIDTH - 386}};

/* Draws a line of the table at y; returns its height. */
static double
draw_cells(Paper *paper, const char *font, const char *const cells[G_N_ELEMENTS(columns)])
{
    double height = 0;
    for (guint i = 0; i < G_N_ELEMENTS(columns); i++) {
        const KlTextBox box = {MARGIN + columns[i].x, columns[i].width, font, 0};
        double cell = kl_paper_text(paper->cairo, &box, paper->y, cells[i]); /* apart: MAX evaluates twice */
        height = MAX(height, cell);
    }
    return height + 3;
}

static void
draw_failures(Paper *paper, const GPtrArray *codes)
{
    const char *const head[] = {_("Times"), _("Failure"), _("What to do"), _("Code")};
    if (codes->len == 0)
        return;
    draw_rule(paper);
    paper->y += 4;
    paper->y += draw_cells(paper, "Sans Bold 8", head);
    for (guint i = 0; i < codes->len; i++) {
        const KlCodeCount *code = codes->pdata[i];
        g_autofree char *times = g_strdup_printf("%u", code->jobs);
        const char *const cells[] = {times, kl_report_code_words(code->code), kl_report_code_remedy(code->code),
                                     code->code};
        /* A line takes two or three lines of text; below the last one stays room for the foot. */
        if (paper->y > FOOT - 50) {
            const KlTextBox more = {MARGIN, WIDTH, "Sans Italic 8", 0.35};
            g_autofree char *rest = g_strdup_printf(_("... and %u further kinds of failure"), codes->len - i);
            kl_paper_text(paper->cairo, &more, paper->y, rest);
            return;
        }
        paper->y += draw_cells(paper, "Sans 8", cells);
    }
}

static void
draw_foot(Paper *paper, const KlReport *report)
{
    const KlTextBox foot = {MARGIN, WIDTH, "Sans 8", 0.4};
    g_autofree char *when = kl_report_time_words(report->made_us);
    g_autofree char *text = g_strdup_printf(_("Made by Keyline on %s"), when);
    kl_paper_text(paper->cairo, &foot, FOOT - 10, text);
}

static void
draw_page(cairo_t *cairo, gconstpointer data)
{
    const KlReport *report = data;
    Paper paper = {cairo, MARGIN};
    draw_head(&paper, report);
    if (kl_report_is_empty(report)) {
        const KlTextBox box = {MARGIN, WIDTH, "Sans 12", 0};
        kl_paper_text(cairo, &box, paper.y, _("No unit was worked on in this period."));
    } else {
        draw_figures(&paper, report);
        draw_charts(&paper, report);
        draw_failures(&paper, report->statistics->codes);
    }
    draw_foot(&paper, report);
    cairo_show_page(cairo);
}

GBytes *
kl_report_pdf(const KlReport *report, GError **error)
{
    return kl_paper_pdf(_("Production report"), draw_page, report, error);
}
