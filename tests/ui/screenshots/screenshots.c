/* Pictures of the window: screenshots WHAT STATION-DIR PICTURE-PREFIX. WHAT is "line" (a station of 16 slots, of which
 * some fail, wait or are empty: see render), "hub" (the same on a hub), "one" (a station of one slot) or "assistant" (a
 * folder without a station).
 * Each page is drawn light and dark, into PREFIX-PAGE-light.png and PREFIX-PAGE-dark.png. The language is the locale's.
 */
#include <gtk/gtk.h>
#include <locale.h>

#include "gui/assistant.h"
#include "gui/i18n.h"
#include "gui/setup_page.h"
#include "gui/window.h"

#define SCREEN_WIDTH 1600 /* as ./dev screenshots makes it */
#define SCREEN_HEIGHT 1000
#define WIDTH 1400
#define HEIGHT 880
#define WAIT_US (60 * G_TIME_SPAN_SECOND)
#define SETTLE_MS 700

/* Slots of the line, as render sets them up. */
#define FINISHED 12 /* slots from 01 that get their verdict before the pictures are taken */
#define WORKING 2   /* slots after those that are still at work */

static const char *prefix;

static gboolean
settled(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_REMOVE;
}

/* Lets transitions, threads and redraws come to rest. */
static void
settle(void)
{
    gboolean done = FALSE;
    g_timeout_add(SETTLE_MS, settled, &done);
    while (!done)
        g_main_context_iteration(NULL, TRUE);
}

typedef gboolean (*Seen)(KlSession *session);

static void
wait_until(KlSession *session, Seen seen, const char *what)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_US;
    while (!seen(session)) {
        if (g_get_monotonic_time() > deadline)
            g_error("waited in vain: %s", what);
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(2000);
    }
}

/* Out of the window: nothing is hovered, no tooltip pops up. */
static void
move_pointer_away(void)
{
    GdkDisplay *display = gdk_display_get_default();
    GdkDevice *pointer = gdk_seat_get_pointer(gdk_display_get_default_seat(display));
    gdk_device_warp(pointer, gdk_display_get_default_screen(display), SCREEN_WIDTH - 1, SCREEN_HEIGHT - 1);
}

static void
draw(GtkWidget *window, const char *page, const char *scheme)
{
    g_autofree char *path = g_strdup_printf("%s-%s-%s.png", prefix, page, scheme);
    g_autoptr(GError) error = NULL;
    g_object_set(gtk_settings_get_default(), "gtk-application-prefer-dark-theme", g_str_equal(scheme, "dark"), NULL);
    gtk_widget_queue_draw(window);
    settle();
    GdkWindow *drawn = gtk_widget_get_window(window);
    g_autoptr(GdkPixbuf) picture =
        gdk_pixbuf_get_from_window(drawn, 0, 0, gdk_window_get_width(drawn), gdk_window_get_height(drawn));
    if (!gdk_pixbuf_save(picture, path, "png", &error, NULL))
        g_error("%s: %s", path, error->message);
}

static void
draw_both(GtkWidget *window, const char *page)
{
    draw(window, page, "dark");
    draw(window, page, "light");
}

/* The first widget of a type below another, or NULL. */
static GtkWidget *
find(GtkWidget *widget, GType type)
{
    if (G_TYPE_CHECK_INSTANCE_TYPE(widget, type))
        return widget;
    if (!GTK_IS_CONTAINER(widget))
        return NULL;
    g_autoptr(GList) children = gtk_container_get_children(GTK_CONTAINER(widget));
    GtkWidget *found = NULL;
    for (GList *child = children; child != NULL && found == NULL; child = child->next)
        found = find(child->data, type);
    return found;
}

static GtkStack *
pages(GtkWidget *window)
{
    return GTK_STACK(find(gtk_bin_get_child(GTK_BIN(window)), GTK_TYPE_STACK));
}

/* The window's own style sheet; its icons come with the application's id. */
static void
use_style(void)
{
    g_autoptr(GtkCssProvider) provider = gtk_css_provider_new();
    gtk_css_provider_load_from_resource(provider, "/org/keyline/Station/style.css");
    gtk_style_context_add_provider_for_screen(gdk_screen_get_default(), GTK_STYLE_PROVIDER(provider),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

static void
on_unlocked(GObject *session, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (!kl_session_unlock_finish(KL_SESSION(session), result, &error))
        g_error("the CA stays locked: %s", error->message);
}

static guint
with_state(KlSession *session, gboolean (*is)(KlCardState))
{
    guint count = 0;
    for (guint i = 0; i < kl_session_n_cards(session); i++)
        count += is(kl_session_card(session, i)->state);
    return count;
}

static gboolean
is_plugged(KlCardState state)
{
    return state != KL_CARD_EMPTY;
}

static gboolean
all_plugged(KlSession *session)
{
    return with_state(session, is_plugged) >= MIN(kl_session_n_cards(session), FINISHED + WORKING);
}

static gboolean
none_running(KlSession *session)
{
    return !kl_session_running(session);
}

/* The working ones are far enough to show a step and a bar, and none has ended. */
static gboolean
all_working(KlSession *session)
{
    for (guint i = FINISHED; i < FINISHED + WORKING; i++) {
        if (kl_session_card(session, i)->n < 4)
            return FALSE;
    }
    return TRUE;
}

static void
start(KlSession *session, guint index)
{
    g_autoptr(GError) error = NULL;
    if (!kl_session_start(session, index, NULL, NULL, &error))
        g_error("slot %u: %s", index, error->message);
}

static void
work_slow_ones(KlSession *session)
{
    for (guint i = FINISHED; i < FINISHED + WORKING; i++)
        start(session, i);
    wait_until(session, all_working, "units at work");
}

/* Passes, fails and retries first, so that they stand while the slow ones are still at work. */
static void
work_line(KlSession *session)
{
    for (guint i = 0; i < FINISHED; i++)
        start(session, i);
    wait_until(session, none_running, "verdicts");
    work_slow_ones(session);
}

static void
arm(KlSession *session, guint count)
{
    g_autoptr(GError) error = NULL;
    if (!kl_session_arm(session, count, &error))
        g_error("the line is not armed: %s", error->message);
}

static gboolean
none_armed(KlSession *session)
{
    return kl_session_batch(session) == NULL;
}

/* The first ones as a batch, which leaves its report; then armed again, the slow ones being at work. */
static void
draw_hub(KlSession *session, GtkWidget *window)
{
    arm(session, FINISHED);
    wait_until(session, none_armed, "the batch");
    work_slow_ones(session);
    draw_both(window, "hub-report");
    arm(session, 64);
    draw_both(window, "hub-armed");
}

/* The newest record of a job that has ended. */
static void
choose_record(GtkWidget *page)
{
    GtkWidget *list = find(page, GTK_TYPE_TREE_VIEW);
    g_autoptr(GtkTreePath) ended = gtk_tree_path_new_from_indices(WORKING, -1);
    if (list != NULL)
        gtk_tree_view_set_cursor(GTK_TREE_VIEW(list), ended, NULL, FALSE);
}

static void
draw_pages(GtkWidget *window)
{
    static const char *const sections[] = {"station", "product", "ca", "audit", "acts", "roles", "doctor"};
    GtkStack *stack = pages(window);
    draw_both(window, "line");

    gtk_stack_set_visible_child_name(stack, "history");
    settle();
    choose_record(gtk_stack_get_visible_child(stack));
    draw_both(window, "history");

    gtk_stack_set_visible_child_name(stack, "report");
    draw_both(window, "report");

    gtk_stack_set_visible_child_name(stack, "setup");
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autofree char *page = g_strconcat("setup-", sections[i], NULL);
        kl_setup_page_show(KL_SETUP_PAGE(find(gtk_stack_get_visible_child(stack), KL_TYPE_SETUP_PAGE)), sections[i]);
        draw_both(window, page);
    }
}

/* The one unit fails its first attempt and passes the second. */
static void
draw_one(KlSession *session, GtkWidget *window)
{
    start(session, 0);
    wait_until(session, none_running, "the failure");
    draw_both(window, "one-fail");
    start(session, 0);
    wait_until(session, none_running, "the pass");
    draw_both(window, "one-pass");
}

static void
draw_station(GtkApplication *application, const char *what, const char *dir)
{
    g_autoptr(GError) error = NULL;
    KlSession *session = kl_session_new(dir, &error);
    if (session == NULL)
        g_error("%s: %s", dir, error->message);
    kl_session_unlock(session, NULL, on_unlocked, NULL);
    GtkWidget *window = kl_window_new(application, session);
    gtk_window_resize(GTK_WINDOW(window), WIDTH, HEIGHT);
    kl_session_sign_on(session, "217");
    kl_session_set_work_order(session, "48-1123", 500);
    wait_until(session, kl_session_unlocked, "the CA");
    wait_until(session, all_plugged, "units in the slots");
    if (g_str_equal(what, "one"))
        draw_one(session, window);
    else if (g_str_equal(what, "hub"))
        draw_hub(session, window);
    else {
        work_line(session);
        draw_pages(window);
    }
    kl_session_close(session);
    gtk_widget_destroy(window);
    g_object_unref(session);
}

static void
draw_assistant(const char *dir)
{
    GtkWidget *assistant = kl_assistant_new(dir);
    gtk_widget_show_all(assistant);
    draw_both(assistant, "assistant");
    gtk_widget_destroy(assistant);
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    bindtextdomain(GETTEXT_PACKAGE, g_getenv("KEYLINE_LOCALE_DIR"));
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    textdomain(GETTEXT_PACKAGE);
    kl_secret_init();
    gtk_init(&argc, &argv);
    if (argc != 4) {
        g_printerr("usage: %s line|hub|one|assistant STATION-DIR PICTURE-PREFIX\n", argv[0]);
        return 2;
    }
    prefix = argv[3];
    g_object_set(gtk_settings_get_default(), "gtk-enable-animations", FALSE, NULL);
    use_style();
    move_pointer_away();
    g_autoptr(GtkApplication) application = gtk_application_new("org.keyline.Station", G_APPLICATION_NON_UNIQUE);
    g_autoptr(GError) error = NULL;
    if (!g_application_register(G_APPLICATION(application), NULL, &error))
        g_error("%s", error->message);
    if (g_str_equal(argv[1], "assistant"))
        draw_assistant(argv[2]);
    else
        draw_station(application, argv[1], argv[2]);
    return 0;
}
