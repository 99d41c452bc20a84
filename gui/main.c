/* keyline-station: the operators' window. */
#include <errno.h>
#include <gtk/gtk.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "gui/assistant.h"
#include "gui/i18n.h"
#include "gui/window.h"
#include "station/version.h"

/* How long the program may wait for its station to be closed. */
#define CLOSE_MS 10000

static char *station_dir;
static KlSession *session; /* NULL while no station is open */

static void
use_style(void)
{
    g_autoptr(GtkCssProvider) provider = gtk_css_provider_new();
    gtk_css_provider_load_from_resource(provider, "/org/keyline/Station/style.css");
    gtk_style_context_add_provider_for_screen(gdk_screen_get_default(), GTK_STYLE_PROVIDER(provider),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

/* What keeps the station from opening, in words, instead of a window. */
static void
show_failure(GtkApplication *application, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    GtkWidget *dialog =
        gtk_message_dialog_new(NULL, 0, GTK_MESSAGE_ERROR, GTK_BUTTONS_CLOSE, "%s", _(kl_error_words(code)));
    gtk_message_dialog_format_secondary_text(GTK_MESSAGE_DIALOG(dialog), "%s\n\n%s (%s)", _(kl_error_remedy(code)),
                                             error->message, kl_error_name(code));
    gtk_window_set_title(GTK_WINDOW(dialog), "Keyline");
    gtk_window_set_application(GTK_WINDOW(dialog), application);
    g_signal_connect(dialog, "response", G_CALLBACK(gtk_widget_destroy), NULL);
    gtk_widget_show_all(dialog);
}

static void
unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (!kl_session_unlock_finish(KL_SESSION(source), result, &error))
        g_message("the CA stays locked: %s", error->message);
}

static void
set_flag(gpointer flag)
{
    *(gboolean *)flag = TRUE;
}

/* The window vanishes at once, and the station sends its last rows. Whoever holds the session for longer is cut off,
 * which loses nothing. */
static void
on_shutdown(GtkApplication *application, gpointer unused)
{
    static gboolean closed;
    if (session == NULL)
        return;
    g_timeout_add_once(CLOSE_MS, set_flag, &closed);
    kl_session_close_then(g_steal_pointer(&session), set_flag, &closed);
    while (!closed)
        g_main_context_iteration(NULL, TRUE);
}

static void open_station(GtkApplication *application, const char *dir);

static void
closed(gpointer data)
{
    GApplication *application = data;
    open_station(GTK_APPLICATION(application), station_dir);
    g_application_release(application);
}

/* The station can be opened again once it is closed: until then the program goes on without a window. */
static void
on_reopen(GtkWidget *window, GApplication *application)
{
    g_application_hold(application);
    gtk_widget_destroy(window);
    kl_session_close_then(g_steal_pointer(&session), closed, application);
}

static void
open_station(GtkApplication *application, const char *dir)
{
    g_autoptr(GError) error = NULL;
    session = kl_session_new(dir, &error);
    if (session == NULL) {
        show_failure(application, error);
        return;
    }
    GtkWidget *window = kl_window_new(application, session);
    g_signal_connect(window, "reopen", G_CALLBACK(on_reopen), application);
    gtk_window_present(GTK_WINDOW(window));
    if (!kl_station_needs_passphrase(kl_session_station(session)))
        kl_session_unlock(session, NULL, unlocked, NULL);
}

static void
assistant_finished(GtkWidget *assistant, const char *dir, GtkApplication *application)
{
    open_station(application, dir);
}

static void
on_activate(GtkApplication *application, gpointer data)
{
    GtkWindow *window = gtk_application_get_active_window(application);
    if (window != NULL) {
        gtk_window_present(window);
        return;
    }
    use_style();
    g_autofree char *conf = g_build_filename(station_dir, "station.conf", NULL);
    /* A folder that may not be entered would look like an empty one: opening it says so. */
    gboolean closed_to_us = access(station_dir, X_OK) != 0 && errno == EACCES;
    if (closed_to_us || g_file_test(conf, G_FILE_TEST_EXISTS)) {
        open_station(application, station_dir);
        return;
    }
    GtkWidget *assistant = kl_assistant_new(station_dir);
    gtk_window_set_application(GTK_WINDOW(assistant), application);
    g_signal_connect(assistant, "finished", G_CALLBACK(assistant_finished), application);
    gtk_widget_show_all(assistant);
}

/* The station's folder: as asked, or KEYLINE_STATION, or this computer's, or the user's own. */
static void
find_station(void)
{
    const char *environment = g_getenv("KEYLINE_STATION");
    if (station_dir == NULL && environment != NULL && *environment != '\0')
        station_dir = g_strdup(environment);
    if (station_dir == NULL && KL_STATION_DIR[0] != '\0')
        station_dir = g_strdup(KL_STATION_DIR);
    if (station_dir == NULL)
        station_dir = g_build_filename(g_get_user_data_dir(), "keyline", "station", NULL);
}

/* At once: GTK would look for a display first. */
static gboolean
print_version(const char *option, const char *value, gpointer data, GError **error)
{
    kl_version_print("keyline-station");
    exit(EXIT_SUCCESS);
}

int
main(int argc, char **argv)
{
    const GOptionEntry options[] = {
        {"station", 's', 0, G_OPTION_ARG_FILENAME, &station_dir, "The station folder", "DIR"},
        {"version", 'V', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, print_version, "Say which version this is", NULL},
        {NULL},
    };
    setlocale(LC_ALL, "");
    /* From the build folder, nothing being installed, the translations lie elsewhere. */
    const char *locale_dir = g_getenv("KEYLINE_LOCALE_DIR");
    bindtextdomain(GETTEXT_PACKAGE, locale_dir != NULL ? locale_dir : KL_LOCALE_DIR);
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    textdomain(GETTEXT_PACKAGE);
    kl_secret_init();
    /* Nothing here is drawn by OpenGL, yet the first GTK program on a display would load it: 50 MB and some 0.3 s. */
    g_setenv("GDK_GL", "disable", FALSE);

    g_autoptr(GError) error = NULL;
    if (!gtk_init_with_args(&argc, &argv, "- the operators' window of a Keyline station", options, NULL, &error)) {
        g_printerr("keyline-station: %s\n", error != NULL ? error->message : "there is no display");
        return 2;
    }
    find_station();
    /* One window for each station folder is the station lock's business, not the session bus's. */
    g_autoptr(GtkApplication) application = gtk_application_new("org.keyline.Station", G_APPLICATION_NON_UNIQUE);
    g_signal_connect(application, "activate", G_CALLBACK(on_activate), NULL);
    g_signal_connect(application, "shutdown", G_CALLBACK(on_shutdown), NULL);
    int status = g_application_run(G_APPLICATION(application), 1, argv);
    g_free(station_dir);
    return status;
}
