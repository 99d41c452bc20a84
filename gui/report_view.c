#include "gui/report_view.h"

#include "gui/chart_area.h"
#include "gui/i18n.h"

/* So many kinds of failure are listed: the rest is rare, and in the exported files. */
#define MAX_FAILURES 10

enum { UNITS, PASSED, YIELD, PER_HOUR, FAILED, N_FIGURES };

static const char *const captions[N_FIGURES] = {N_("units"), N_("passed"), N_("first-pass yield"), N_("per hour"),
                                                N_("failed attempts")};

struct _KlReportView {
    GtkScrolledWindow parent_instance;
    GtkLabel *figures[N_FIGURES];
    GtkLabel *titles[KL_CHART_N];
    KlChartArea *charts[KL_CHART_N];
    GtkWidget *failures_card;
    GtkGrid *failures;
};

G_DEFINE_FINAL_TYPE(KlReportView, kl_report_view, GTK_TYPE_SCROLLED_WINDOW)

static void
kl_report_view_class_init(KlReportViewClass *klass)
{
}

static void
add_class(gpointer widget, const char *name)
{
    gtk_style_context_add_class(gtk_widget_get_style_context(widget), name);
}

static GtkLabel *
new_label(const char *class_name)
{
    GtkLabel *label = GTK_LABEL(gtk_label_new(NULL));
    gtk_label_set_xalign(label, 0);
    add_class(label, class_name);
    return label;
}

static GtkWidget *
make_figures(KlReportView *view)
{
    GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 40);
    for (guint i = 0; i < N_FIGURES; i++) {
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
        GtkLabel *caption = new_label("report-caption");
        view->figures[i] = new_label("report-figure");
        gtk_label_set_text(caption, _(captions[i]));
        gtk_container_add(GTK_CONTAINER(box), GTK_WIDGET(view->figures[i]));
        gtk_container_add(GTK_CONTAINER(box), GTK_WIDGET(caption));
        gtk_container_add(GTK_CONTAINER(row), box);
    }
    return row;
}

static GtkWidget *
make_chart(KlReportView *view, KlChartKind kind)
{
    GtkWidget *card = gtk_box_new(GTK_ORIENTATION_VERTICAL, 8);
    add_class(card, "report-card");
    view->titles[kind] = new_label("report-title");
    gtk_label_set_ellipsize(view->titles[kind], PANGO_ELLIPSIZE_END);
    view->charts[kind] = KL_CHART_AREA(kl_chart_area_new(kind));
    gtk_container_add(GTK_CONTAINER(card), GTK_WIDGET(view->titles[kind]));
    gtk_container_add(GTK_CONTAINER(card), GTK_WIDGET(view->charts[kind]));
    return card;
}

static GtkWidget *
make_charts(KlReportView *view)
{
    static const KlChartKind places[2][2] = {{KL_CHART_THROUGHPUT, KL_CHART_PROGRESS},
                                             {KL_CHART_PARETO, KL_CHART_STEPS}};
    GtkGrid *grid = GTK_GRID(gtk_grid_new());
    gtk_grid_set_row_spacing(grid, 16);
    gtk_grid_set_column_spacing(grid, 16);
    gtk_grid_set_column_homogeneous(grid, TRUE);
    for (int row = 0; row < 2; row++) {
        for (int column = 0; column < 2; column++)
            gtk_grid_attach(grid, make_chart(view, places[row][column]), column, row, 1, 1);
    }
    return GTK_WIDGET(grid);
}

static GtkWidget *
make_failures(KlReportView *view)
{
    GtkLabel *title = new_label("report-title");
    view->failures_card = gtk_box_new(GTK_ORIENTATION_VERTICAL, 8);
    view->failures = GTK_GRID(gtk_grid_new());
    add_class(view->failures_card, "report-card");
    gtk_label_set_text(title, _("What to do about it"));
    gtk_grid_set_row_spacing(view->failures, 6);
    gtk_grid_set_column_spacing(view->failures, 24);
    gtk_container_add(GTK_CONTAINER(view->failures_card), GTK_WIDGET(title));
    gtk_container_add(GTK_CONTAINER(view->failures_card), GTK_WIDGET(view->failures));
    return view->failures_card;
}

static void
kl_report_view_init(KlReportView *view)
{
    GtkWidget *page = gtk_box_new(GTK_ORIENTATION_VERTICAL, 16);
    add_class(page, "report-page");
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(view), GTK_POLICY_AUTOMATIC, GTK_POLICY_AUTOMATIC);
    gtk_container_add(GTK_CONTAINER(page), make_figures(view));
    gtk_container_add(GTK_CONTAINER(page), make_charts(view));
    gtk_container_add(GTK_CONTAINER(page), make_failures(view));
    gtk_container_add(GTK_CONTAINER(view), page);
    gtk_widget_show_all(page);
}

GtkWidget *
kl_report_view_new(void)
{
    return g_object_new(KL_TYPE_REPORT_VIEW, NULL);
}

static void
show_figure(KlReportView *view, guint figure, char *value)
{
    g_autofree char *text = value;
    g_autofree char *name = g_strdup_printf("%s: %s", _(captions[figure]), text);
    gtk_label_set_text(view->figures[figure], text);
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(view->figures[figure])), name);
}

static void
add_cell(KlReportView *view, int column, int row, const char *text, const char *class_name)
{
    GtkLabel *label = new_label(class_name);
    gtk_label_set_text(label, text);
    gtk_label_set_line_wrap(label, TRUE);
    gtk_label_set_yalign(label, 0);
    gtk_grid_attach(view->failures, GTK_WIDGET(label), column, row, 1, 1);
}

static void
remove_cell(GtkWidget *cell, gpointer data)
{
    gtk_widget_destroy(cell);
}

static void
show_failures(KlReportView *view, const GPtrArray *codes)
{
    gtk_container_foreach(GTK_CONTAINER(view->failures), remove_cell, NULL);
    for (guint i = 0; i < codes->len && i < MAX_FAILURES; i++) {
        const KlCodeCount *code = codes->pdata[i];
        g_autofree char *times = g_strdup_printf("%u ×", code->jobs);
        add_cell(view, 0, (int)i, times, "report-title");
        add_cell(view, 1, (int)i, kl_report_code_words(code->code), "report-words");
        add_cell(view, 2, (int)i, kl_report_code_remedy(code->code), "report-words");
    }
    gtk_widget_show_all(GTK_WIDGET(view->failures));
    gtk_widget_set_visible(view->failures_card, codes->len > 0);
}

void
kl_report_view_show(KlReportView *view, const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    show_figure(view, UNITS, g_strdup_printf("%u", statistics->units));
    show_figure(view, PASSED, g_strdup_printf("%u", statistics->passed_units));
    show_figure(view, YIELD, g_strdup_printf("%.1f %%", kl_report_first_pass_yield(report)));
    show_figure(view, PER_HOUR, g_strdup_printf("%.1f", kl_report_per_hour(report)));
    show_figure(view, FAILED, g_strdup_printf("%u", statistics->failed_jobs));
    for (guint i = 0; i < KL_CHART_N; i++) {
        g_autofree char *title = kl_chart_title(i, report);
        gtk_label_set_text(view->titles[i], title);
        kl_chart_area_show_report(view->charts[i], report);
    }
    show_failures(view, statistics->codes);
}
