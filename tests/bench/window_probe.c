/* A GTK module for the real keyline-station (GTK_MODULES loads it): it does at the window what an operator would, looks
 * at the main loop from inside, prints lines of "name value" and quits. KEYLINE_PROBE says what to do, PROBE_STARTED_US
 * when the program was started (monotonic). Knows nothing but GTK and names that are on the window for anybody. */
#include <gmodule.h>
#include <gtk/gtk.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/bench.h"

#define SLOTS 64
#define LOOK_MS 2
#define BEAT_MS 5
#define ACT_MS 20
#define PAGE_TURN 20 /* acts from page to page */
#define SIGN_ON_TURN 50
#define STEPS_OF_PART 5 /* of scrolling through a part of the history */

typedef gboolean (*Act)(void); /* G_SOURCE_REMOVE: that was all */

/* Milliseconds: by the clock, and what the main thread had or waited for of a processor. As a time, or as a span. */
typedef struct {
    double ms, cpu_ms, queued_ms;
} Beat;

static struct {
    GtkWidget *window;
    gulong after_paint;
    GArray *gaps; /* milliseconds between two beats */
    Beat last, worst;
    guint acts, running_most;
} probe;

G_MODULE_EXPORT void gtk_module_init(int *argc, char ***argv);

static void
say(const char *name, double value)
{
    printf("%s %.3f\n", name, value);
}

/* --- finding things --- */

typedef gboolean (*Fits)(GtkWidget *widget, gconstpointer data);

typedef struct {
    Fits fits;
    gconstpointer data;
    GPtrArray *found;
} Search;

static void
visit(GtkWidget *widget, gpointer data)
{
    const Search *search = data;
    if (search->fits(widget, search->data))
        g_ptr_array_add(search->found, widget);
    if (GTK_IS_CONTAINER(widget))
        gtk_container_forall(GTK_CONTAINER(widget), visit, data);
}

static GPtrArray *
find_all(GtkWidget *root, Fits fits, gconstpointer data)
{
    Search search = {fits, data, g_ptr_array_new()};
    visit(root, &search);
    return search.found;
}

static GtkWidget *
find(GtkWidget *root, Fits fits, gconstpointer data)
{
    g_autoptr(GPtrArray) found = find_all(root, fits, data);
    if (found->len == 0)
        g_error("there is no %s", (const char *)data);
    return g_ptr_array_index(found, 0);
}

static gboolean
is_of_type(GtkWidget *widget, gconstpointer type)
{
    return g_str_equal(G_OBJECT_TYPE_NAME(widget), type);
}

static gboolean
is_named(GtkWidget *widget, gconstpointer name)
{
    return g_strcmp0(atk_object_get_name(gtk_widget_get_accessible(widget)), name) == 0;
}

static gboolean
is_labelled(GtkWidget *widget, gconstpointer label)
{
    return GTK_IS_BUTTON(widget) && g_strcmp0(gtk_button_get_label(GTK_BUTTON(widget)), label) == 0;
}

static gboolean
holds_page(GtkWidget *widget, gconstpointer page)
{
    return GTK_IS_STACK(widget) && gtk_stack_get_child_by_name(GTK_STACK(widget), page) != NULL;
}

static GtkWidget *
show_page(const char *name)
{
    GtkStack *stack = GTK_STACK(find(probe.window, holds_page, name));
    gtk_stack_set_visible_child_name(stack, name);
    return gtk_stack_get_visible_child(stack);
}

static guint
cards_that(GPtrArray *cards, const char *style)
{
    guint n = 0;
    for (guint i = 0; i < cards->len; i++)
        n += gtk_style_context_has_class(gtk_widget_get_style_context(g_ptr_array_index(cards, i)), style);
    return n;
}

/* --- the heartbeat --- */

static Beat
now(void)
{
    g_autofree char *text = NULL;
    char *end = NULL;
    g_file_get_contents("/proc/thread-self/schedstat", &text, NULL, NULL);
    Beat beat = {.ms = kl_bench_now() * 1e3};
    beat.cpu_ms = (double)g_ascii_strtoull(text, &end, 10) / 1e6;
    beat.queued_ms = (double)g_ascii_strtoull(end, NULL, 10) / 1e6;
    return beat;
}

/* At the priority of input: a beat that comes late is a key stroke that comes late. */
static gboolean
beat(gpointer data)
{
    Beat this = now();
    if (probe.last.ms != 0) {
        double gap_ms = this.ms - probe.last.ms;
        kl_bench_sample(probe.gaps, gap_ms);
        if (gap_ms > probe.worst.ms)
            probe.worst = (Beat){gap_ms, this.cpu_ms - probe.last.cpu_ms, this.queued_ms - probe.last.queued_ms};
    }
    probe.last = this;
    return G_SOURCE_CONTINUE;
}

static void
say_beats(void)
{
    say("beat-p99", kl_bench_percentile(probe.gaps, 99));
    say("beat-max", probe.worst.ms);
    say("beat-max-cpu", probe.worst.cpu_ms);
    say("beat-max-queued", probe.worst.queued_ms);
}

/* --- 64 slots at work --- */

static void
scan(const char *code)
{
    GtkWidget *entry = find(probe.window, is_named, "Scan");
    gtk_entry_set_text(GTK_ENTRY(entry), code);
    gtk_widget_activate(entry);
}

/* Chooses the slot of a unit that waits and presses the button, as without a label. */
static void
start_one(GPtrArray *cards)
{
    for (guint i = 0; i < cards->len; i++) {
        GtkWidget *card = g_ptr_array_index(cards, i);
        if (!gtk_style_context_has_class(gtk_widget_get_style_context(card), "card-ready"))
            continue;
        const char *slot = strrchr(atk_object_get_name(gtk_widget_get_accessible(card)), ' ') + 1;
        g_autofree char *code = g_strdup_printf("SLOT:%s", slot);
        g_autofree char *button = g_strdup_printf("Provision slot %s", slot);
        scan(code);
        gtk_button_clicked(GTK_BUTTON(find(probe.window, is_named, button)));
        return;
    }
}

/* From the badge to the last verdict. */
static gboolean
work(void)
{
    g_autoptr(GPtrArray) cards = find_all(probe.window, is_of_type, "KlSlotCard");
    if (probe.acts == 1)
        scan("OP:bench");
    if (cards_that(cards, "card-ready") > 0)
        start_one(cards);
    probe.running_most = MAX(probe.running_most, cards_that(cards, "card-running"));
    if (cards_that(cards, "card-pass") < SLOTS)
        return G_SOURCE_CONTINUE;
    say("running-most", probe.running_most);
    say_beats();
    return G_SOURCE_REMOVE;
}

/* Once all run, a restless operator: page after page, and another badge now and then. */
static gboolean
work_and_turn_pages(void)
{
    static const char *const pages[] = {"history", "report", "setup", "line"};
    if (probe.running_most == SLOTS && probe.acts % PAGE_TURN == 0)
        show_page(pages[probe.acts / PAGE_TURN % G_N_ELEMENTS(pages)]);
    if (probe.running_most == SLOTS && probe.acts % SIGN_ON_TURN == 0)
        scan("OP:other");
    return work();
}

/* --- a million records --- */

static void
say_memory(const char *line, const char *name)
{
    g_autofree char *text = NULL;
    g_file_get_contents("/proc/self/status", &text, NULL, NULL);
    say(name, g_ascii_strtod(strstr(text, line) + strlen(line), NULL) / 1024);
}

static gboolean
scroll_on(GtkWidget *view)
{
    GtkAdjustment *place = gtk_scrollable_get_vadjustment(GTK_SCROLLABLE(view));
    double end = gtk_adjustment_get_upper(place) - gtk_adjustment_get_page_size(place);
    if (gtk_adjustment_get_value(place) >= end)
        return FALSE;
    gtk_adjustment_set_value(place, gtk_adjustment_get_value(place) + end / STEPS_OF_PART);
    return TRUE;
}

static void
choose_row(GtkWidget *view, int row)
{
    g_autoptr(GtkTreePath) path = gtk_tree_path_new_from_indices(row, -1);
    gtk_tree_view_set_cursor(GTK_TREE_VIEW(view), path, NULL, FALSE);
}

/* All time, and then part by part to the oldest record, looking at one of each part. */
static gboolean
read_history(void)
{
    GtkWidget *page = show_page("history");
    GtkWidget *view = find(page, is_named, "Found records");
    GtkWidget *older = find(page, is_labelled, "_Older");
    GtkTreeModel *model = gtk_tree_view_get_model(GTK_TREE_VIEW(view));
    if (probe.acts == 1) {
        say_memory("VmRSS:", "memory-start");
        gtk_combo_box_set_active(GTK_COMBO_BOX(find(page, is_named, "Period")), 3);
    }
    if (model == NULL || gtk_tree_model_iter_n_children(model, NULL) == 0 || scroll_on(view))
        return G_SOURCE_CONTINUE;
    choose_row(view, gtk_tree_model_iter_n_children(model, NULL) - 1);
    if (gtk_widget_is_sensitive(older)) {
        gtk_button_clicked(GTK_BUTTON(older));
        gtk_adjustment_set_value(gtk_scrollable_get_vadjustment(GTK_SCROLLABLE(view)), 0);
        return G_SOURCE_CONTINUE;
    }
    say_memory("VmRSS:", "memory");
    say_memory("VmHWM:", "memory-peak");
    say_beats();
    return G_SOURCE_REMOVE;
}

/* --- from the start to the first usable frame, and on --- */

static void
quit(void)
{
    fflush(stdout);
    g_application_quit(g_application_get_default());
}

static gboolean
act(gpointer data)
{
    static const struct {
        const char *name;
        Act act;
    } acts[] = {
        {"work", work},
        {"pages", work_and_turn_pages},
        {"history", read_history},
    };
    probe.acts++;
    for (guint i = 0; i < G_N_ELEMENTS(acts); i++) {
        if (g_strcmp0(acts[i].name, g_getenv("KEYLINE_PROBE")) == 0 && acts[i].act() == G_SOURCE_CONTINUE)
            return G_SOURCE_CONTINUE;
    }
    quit();
    return G_SOURCE_REMOVE;
}

/* The start is over when every slot has found its unit. */
static gboolean
wait_for_units(gpointer data)
{
    g_autoptr(GPtrArray) cards = find_all(probe.window, is_of_type, "KlSlotCard");
    if (cards_that(cards, "card-ready") < SLOTS)
        return G_SOURCE_CONTINUE;
    probe.gaps = kl_bench_samples_new();
    g_timeout_add_full(G_PRIORITY_DEFAULT, BEAT_MS, beat, NULL, NULL);
    g_timeout_add_full(G_PRIORITY_DEFAULT, ACT_MS, act, NULL, NULL);
    return G_SOURCE_REMOVE;
}

static gboolean
is_drawn_card(GtkWidget *widget, gconstpointer data)
{
    return is_of_type(widget, "KlSlotCard") && gtk_widget_get_mapped(widget) &&
           gtk_widget_get_allocated_width(widget) > 1;
}

static void
painted(GdkFrameClock *clock, gpointer data)
{
    g_autoptr(GPtrArray) cards = find_all(probe.window, is_drawn_card, NULL);
    if (cards->len < SLOTS)
        return;
    g_signal_handler_disconnect(clock, probe.after_paint);
    gdk_display_sync(gtk_widget_get_display(probe.window));
    gint64 started_us = g_ascii_strtoll(g_getenv("PROBE_STARTED_US"), NULL, 10);
    say("start", (double)(g_get_monotonic_time() - started_us) / 1e3);
    if (g_str_equal(g_getenv("KEYLINE_PROBE"), "start"))
        quit();
    else
        g_timeout_add(ACT_MS, wait_for_units, NULL);
}

static gboolean
look_for_window(gpointer data)
{
    g_autoptr(GList) windows = gtk_window_list_toplevels();
    for (GList *item = windows; item != NULL; item = item->next) {
        if (!is_of_type(item->data, "KlWindow") || !gtk_widget_get_mapped(item->data))
            continue;
        probe.window = item->data;
        probe.after_paint =
            g_signal_connect(gtk_widget_get_frame_clock(probe.window), "after-paint", G_CALLBACK(painted), NULL);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

void
gtk_module_init(int *argc, char ***argv)
{
    g_timeout_add(LOOK_MS, look_for_window, NULL);
}
