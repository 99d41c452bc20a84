#include "gui/assistant.h"

#include "gui/assistant_work.h"
#include "gui/i18n.h"
#include "gui/path_entry.h"
#include "gui/secret_pair.h"
#include "gui/setup_parts.h"
#include "gui/teach_dialog.h"
#include "gui/teach_view.h"
#include "station/error.h"

#define NAME_CHARS 64 /* as kl_station_setup wants it */
#define LEAST_PIN 4   /* as kl_pin_hash wants it */

enum { PAGE_STATION, PAGE_CA, PAGE_PIN, PAGE_WORKING, PAGE_HUB, PAGE_DONE, N_PAGES };

struct _KlAssistant {
    GtkAssistant parent_instance;

    char *dir;
    GtkWidget *pages[N_PAGES];
    GtkEntry *name;
    KlPathEntry *line;
    KlCaForm *ca;
    KlSecretPair *pin;
    KlSession *session; /* of the station that was made, to teach its hub; NULL before and after */
    GtkWidget *teach;   /* KlTeachView, with the session */
    gboolean hub_kept;
    gboolean gone;
};

G_DEFINE_FINAL_TYPE(KlAssistant, kl_assistant, GTK_TYPE_ASSISTANT)

static guint finished_signal;

static void
kl_assistant_finalize(GObject *object)
{
    g_free(KL_ASSISTANT(object)->dir);
    G_OBJECT_CLASS(kl_assistant_parent_class)->finalize(object);
}

static void
kl_assistant_dispose(GObject *object)
{
    KlAssistant *self = KL_ASSISTANT(object);
    self->gone = TRUE;
    if (self->session != NULL)
        kl_session_close(self->session);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_assistant_parent_class)->dispose(object);
}

static char *
name_text(KlAssistant *self)
{
    return g_strstrip(g_strdup(gtk_entry_get_text(self->name)));
}

/* Tells which pages can be left. */
static void
update(KlAssistant *self)
{
    g_autofree char *name = name_text(self);
    g_autofree char *line = kl_path_entry_get(self->line);
    const gboolean complete[N_PAGES] = {
        [PAGE_STATION] = *name != '\0' && (line == NULL || kl_path_entry_is_file(self->line)),
        [PAGE_CA] = kl_ca_form_complete(self->ca),
        [PAGE_PIN] = kl_secret_pair_complete(self->pin),
        [PAGE_HUB] = TRUE,
        [PAGE_DONE] = self->teach == NULL || self->hub_kept,
    };
    for (guint i = 0; i < N_PAGES; i++)
        gtk_assistant_set_page_complete(GTK_ASSISTANT(self), self->pages[i], complete[i]);
}

/* --- the work --- */

/* Back to the page whose answer was not good. Secrets are not kept: they are typed again. */
static void
tell_failure(KlAssistant *self, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    gboolean ca = g_str_has_prefix(kl_error_name(code), "CA_") || g_str_has_prefix(kl_error_name(code), "PASSPHRASE_");
    gtk_assistant_set_current_page(GTK_ASSISTANT(self), ca ? PAGE_CA : PAGE_STATION);
    kl_setup_tell(GTK_WIDGET(self), error);
}

/* The station is opened for it: what stands on the bus is told by its session. */
static void
begin_teaching(KlAssistant *self)
{
    g_autoptr(GError) error = NULL;
    self->session = kl_session_new(self->dir, &error);
    if (self->session == NULL) {
        kl_setup_tell(GTK_WIDGET(self), error);
    } else {
        self->teach = kl_teach_view_new(self->session);
        gtk_container_add(GTK_CONTAINER(self->pages[PAGE_HUB]), self->teach);
    }
    update(self);
    gtk_assistant_set_current_page(GTK_ASSISTANT(self), self->session != NULL ? PAGE_HUB : PAGE_DONE);
}

static void
hub_kept(KlAssistant *self, const GError *error)
{
    self->hub_kept = TRUE;
    update(self);
    if (error != NULL)
        kl_setup_tell(GTK_WIDGET(self), error);
}

static void
on_hub_kept(GObject *session, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlAssistant) self = data;
    g_autoptr(GError) error = NULL;
    if (g_task_propagate_boolean(G_TASK(result), &error))
        kl_session_record_act(KL_SESSION(session), "engineer", "hub", NULL, NULL, &error);
    if (!self->gone)
        hub_kept(self, error);
}

/* What was learnt when the page is left. A hub that can't be kept can be taught again on the Setup page. */
static void
keep_hub(KlAssistant *self)
{
    char *text = self->teach != NULL ? kl_teach_view_text(KL_TEACH_VIEW(self->teach)) : NULL;
    if (text == NULL) {
        hub_kept(self, NULL);
        return;
    }
    g_autoptr(GTask) task = g_task_new(self->session, NULL, on_hub_kept, g_object_ref(self));
    g_task_set_task_data(task, text, g_free);
    g_task_run_in_thread(task, kl_teach_keep_in_thread);
}

static void
on_made(GObject *source, GAsyncResult *result, gpointer data)
{
    KlAssistant *self = KL_ASSISTANT(source);
    g_autoptr(GError) error = NULL;
    gboolean made = g_task_propagate_boolean(G_TASK(result), &error);
    if (self->gone)
        return;
    if (!made) {
        tell_failure(self, error);
        return;
    }
    begin_teaching(self);
    /* There is no way back from here. */
    gtk_assistant_commit(GTK_ASSISTANT(self));
}

static void
kl_assistant_apply(GtkAssistant *assistant)
{
    KlAssistant *self = KL_ASSISTANT(assistant);
    KlStationRequest *request = g_new0(KlStationRequest, 1);
    request->dir = g_strdup(self->dir);
    request->name = name_text(self);
    request->line_file = kl_path_entry_get(self->line);
    request->pin = kl_secret_pair_take(self->pin);
    request->ca = kl_ca_form_take(self->ca);
    g_autoptr(GTask) task = g_task_new(self, NULL, on_made, NULL);
    g_task_set_task_data(task, request, (GDestroyNotify)kl_station_request_free);
    g_task_run_in_thread(task, kl_station_request_in_thread);
}

static void
finish(gpointer data)
{
    g_autoptr(KlAssistant) self = data;
    g_signal_emit(self, finished_signal, 0, self->dir);
    gtk_widget_destroy(GTK_WIDGET(self));
}

/* Whoever hears of it opens the station: so it is closed here first. */
static void
kl_assistant_close(GtkAssistant *assistant)
{
    KlAssistant *self = KL_ASSISTANT(assistant);
    gtk_widget_set_sensitive(GTK_WIDGET(self), FALSE);
    g_clear_pointer(&self->teach, gtk_widget_destroy);
    if (self->session != NULL)
        kl_session_close_then(g_steal_pointer(&self->session), finish, g_object_ref(self));
    else
        finish(g_object_ref(self));
}

static void
kl_assistant_cancel(GtkAssistant *assistant)
{
    gtk_widget_destroy(GTK_WIDGET(assistant));
}

static gboolean
grab_focus(gpointer widget)
{
    gtk_widget_grab_focus(widget);
    return G_SOURCE_REMOVE;
}

/* What is typed first on a page gets the focus; GtkAssistant itself would give it to whatever comes first, after this.
 */
static void
kl_assistant_prepare(GtkAssistant *assistant, GtkWidget *page)
{
    KlAssistant *self = KL_ASSISTANT(assistant);
    GtkWidget *focus = NULL;
    if (page == self->pages[PAGE_STATION]) {
        focus = GTK_WIDGET(self->name);
    } else if (page == self->pages[PAGE_CA]) {
        g_autofree char *name = name_text(self);
        kl_ca_form_suggest(self->ca, name);
        focus = GTK_WIDGET(self->ca);
    } else if (page == self->pages[PAGE_PIN]) {
        focus = GTK_WIDGET(self->pin);
    } else if (page == self->pages[PAGE_DONE]) {
        keep_hub(self);
    }
    if (focus != NULL)
        g_idle_add_full(G_PRIORITY_HIGH_IDLE, grab_focus, g_object_ref(focus), g_object_unref);
}

static void
kl_assistant_class_init(KlAssistantClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = kl_assistant_finalize;
    G_OBJECT_CLASS(klass)->dispose = kl_assistant_dispose;
    GtkAssistantClass *assistant = GTK_ASSISTANT_CLASS(klass);
    assistant->apply = kl_assistant_apply;
    assistant->close = kl_assistant_close;
    assistant->cancel = kl_assistant_cancel;
    assistant->prepare = kl_assistant_prepare;
    finished_signal = g_signal_new("finished", KL_TYPE_ASSISTANT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                   1, G_TYPE_STRING);
}

static void
kl_assistant_init(KlAssistant *self)
{
}

/* --- the pages --- */

static GtkWidget *
add_page(KlAssistant *self, int page, GtkAssistantPageType type, const char *title, const char *words)
{
    GtkWidget *box = kl_setup_section(title, words);
    self->pages[page] = box;
    gtk_assistant_append_page(GTK_ASSISTANT(self), box);
    gtk_assistant_set_page_type(GTK_ASSISTANT(self), box, type);
    gtk_assistant_set_page_title(GTK_ASSISTANT(self), box, title);
    return box;
}

static void
add_station_page(KlAssistant *self)
{
    GtkWidget *page = add_page(self, PAGE_STATION, GTK_ASSISTANT_PAGE_CONTENT, _("Station"),
                               _("Its name stands in every record. A line file, if there is one, says where the slots "
                                 "are; they can also be written into station.conf later."));
    GtkGrid *grid = g_object_new(GTK_TYPE_GRID, "column-spacing", 12, "row-spacing", 6, NULL);
    self->name = GTK_ENTRY(gtk_entry_new());
    gtk_entry_set_max_length(self->name, NAME_CHARS);
    gtk_entry_set_activates_default(self->name, TRUE);
    kl_setup_field(grid, 0, _("Station name"), GTK_WIDGET(self->name));
    self->line = KL_PATH_ENTRY(kl_path_entry_new(_("Line file")));
    gtk_entry_set_placeholder_text(kl_path_entry_get_entry(self->line), _("optional"));
    kl_setup_field(grid, 1, _("Line file"), GTK_WIDGET(self->line));
    GtkWidget *folder = gtk_label_new(self->dir);
    g_object_set(folder, "xalign", 0.0, "ellipsize", PANGO_ELLIPSIZE_MIDDLE, "selectable", TRUE, "can-focus", FALSE,
                 NULL);
    kl_setup_field(grid, 2, _("Folder"), folder);
    gtk_container_add(GTK_CONTAINER(page), GTK_WIDGET(grid));
    g_signal_connect_swapped(self->name, "changed", G_CALLBACK(update), self);
    g_signal_connect_swapped(self->line, "changed", G_CALLBACK(update), self);
}

static void
add_secret_pages(KlAssistant *self)
{
    GtkWidget *page = add_page(self, PAGE_CA, GTK_ASSISTANT_PAGE_CONTENT, _("Certificate authority"),
                               _("It signs every unit's certificate."));
    self->ca = KL_CA_FORM(kl_ca_form_new());
    gtk_container_add(GTK_CONTAINER(page), GTK_WIDGET(self->ca));
    g_signal_connect_swapped(self->ca, "changed", G_CALLBACK(update), self);

    page = add_page(self, PAGE_PIN, GTK_ASSISTANT_PAGE_CONFIRM, _("Supervisor"),
                    _("The supervisor's PIN is asked for before a unit is provisioned again, a certificate is revoked "
                      "or the product is changed."));
    self->pin = KL_SECRET_PAIR(
        kl_secret_pair_new(_("Supervisor's PIN"), _("The same again"), LEAST_PIN, GTK_INPUT_PURPOSE_PIN));
    gtk_container_add(GTK_CONTAINER(page), GTK_WIDGET(self->pin));
    g_signal_connect_swapped(self->pin, "changed", G_CALLBACK(update), self);
}

static void
add_last_pages(KlAssistant *self)
{
    GtkWidget *page = add_page(self, PAGE_WORKING, GTK_ASSISTANT_PAGE_PROGRESS, _("Setting up"),
                               _("Making the station's folder, its database and its keys…"));
    GtkWidget *spinner =
        g_object_new(GTK_TYPE_SPINNER, "active", TRUE, "width-request", 48, "height-request", 48, NULL);
    gtk_container_add(GTK_CONTAINER(page), spinner);

    add_page(
        self, PAGE_HUB, GTK_ASSISTANT_PAGE_CONTENT, _("Hub"),
        _("Optional: a station whose units stand on a USB hub learns here which slot is which port. It can be done "
          "later, too, on the Setup page."));

    page = add_page(self, PAGE_DONE, GTK_ASSISTANT_PAGE_SUMMARY, _("Ready"),
                    _("The station is set up. The example product FX30S stands in the products folder: have the line "
                      "engineer look it over before the first unit."));
    gtk_container_add(GTK_CONTAINER(page), kl_setup_note(_("Back up the ca folder and the passphrase, apart from each "
                                                           "other. Closing this opens the station.")));
}

GtkWidget *
kl_assistant_new(const char *dir)
{
    KlAssistant *self = g_object_new(KL_TYPE_ASSISTANT, "use-header-bar", TRUE, "title", _("Set up a station"),
                                     "default-width", 760, "default-height", 480, NULL);
    self->dir = g_canonicalize_filename(dir, NULL);
    add_station_page(self);
    add_secret_pages(self);
    add_last_pages(self);
    update(self);
    gtk_widget_show_all(GTK_WIDGET(self));
    return GTK_WIDGET(self);
}
