#include "gui/ca_form.h"

#include "gui/i18n.h"
#include "gui/path_entry.h"
#include "gui/secret_entry.h"
#include "gui/secret_pair.h"
#include "gui/setup_parts.h"
#include "station/station.h"

#define CA_DAYS 7300 /* as keyline ca init */
#define LEAST_CHARS 8
#define NAME_CHARS 64 /* X.520's ub-common-name */

struct _KlCaForm {
    GtkBox parent_instance;

    GtkToggleButton *create;
    GtkStack *stack; /* "create", "import" */
    GtkEntry *name;
    KlPathEntry *key, *certificate;
    GtkEntry *opens_key;
    KlSecretPair *pair;
    gboolean named; /* somebody typed a name */
};

G_DEFINE_FINAL_TYPE(KlCaForm, kl_ca_form, GTK_TYPE_BOX)

static guint changed_signal;

void
kl_ca_request_free(KlCaRequest *request)
{
    if (request == NULL)
        return;
    g_free(request->name);
    g_free(request->key);
    g_free(request->certificate);
    kl_secret_free(request->opens_key);
    kl_secret_free(request->passphrase);
    g_free(request);
}

gboolean
kl_ca_request_run(const KlCaRequest *request, const char *dir, GError **error)
{
    if (request->name != NULL)
        return kl_station_ca_init(dir, request->name, CA_DAYS, request->passphrase, error);
    return kl_station_ca_import(dir, request->key, request->certificate, request->opens_key, request->passphrase,
                                error);
}

/* The name is filled in already: the passphrase comes first. */
static void
kl_ca_form_grab_focus(GtkWidget *widget)
{
    gtk_widget_grab_focus(GTK_WIDGET(KL_CA_FORM(widget)->pair));
}

static void
kl_ca_form_class_init(KlCaFormClass *klass)
{
    GTK_WIDGET_CLASS(klass)->grab_focus = kl_ca_form_grab_focus;
    changed_signal = g_signal_new("changed", KL_TYPE_CA_FORM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
kl_ca_form_init(KlCaForm *form)
{
}

static void
tell_changed(KlCaForm *form)
{
    g_signal_emit(form, changed_signal, 0);
}

static void
on_kind(KlCaForm *form)
{
    gtk_stack_set_visible_child_name(form->stack, gtk_toggle_button_get_active(form->create) ? "create" : "import");
    tell_changed(form);
}

static GtkGrid *
new_grid(void)
{
    return g_object_new(GTK_TYPE_GRID, "column-spacing", 12, "row-spacing", 6, NULL);
}

static void
on_named(KlCaForm *form)
{
    form->named = TRUE;
    tell_changed(form);
}

static GtkWidget *
new_create(KlCaForm *form)
{
    GtkGrid *grid = new_grid();
    form->name = GTK_ENTRY(gtk_entry_new());
    gtk_entry_set_max_length(form->name, NAME_CHARS);
    gtk_entry_set_activates_default(form->name, TRUE);
    kl_setup_field(grid, 0, _("Name of the CA"), GTK_WIDGET(form->name));
    g_signal_connect_swapped(form->name, "changed", G_CALLBACK(on_named), form);
    return GTK_WIDGET(grid);
}

static KlPathEntry *
new_path(KlCaForm *form, const char *name)
{
    GtkWidget *path = kl_path_entry_new(name);
    g_signal_connect_swapped(path, "changed", G_CALLBACK(tell_changed), form);
    return KL_PATH_ENTRY(path);
}

static GtkWidget *
new_import(KlCaForm *form)
{
    GtkGrid *grid = new_grid();
    form->key = new_path(form, _("Key file (PEM)"));
    form->certificate = new_path(form, _("Certificate file (PEM)"));
    form->opens_key = GTK_ENTRY(kl_secret_entry_new(_("Passphrase of the key file"), GTK_INPUT_PURPOSE_PASSWORD));
    gtk_entry_set_placeholder_text(form->opens_key, _("if it has one"));
    kl_setup_field(grid, 0, _("Key file (PEM)"), GTK_WIDGET(form->key));
    kl_setup_field(grid, 1, _("Passphrase of the key file"), GTK_WIDGET(form->opens_key));
    kl_setup_field(grid, 2, _("Certificate file (PEM)"), GTK_WIDGET(form->certificate));
    return GTK_WIDGET(grid);
}

GtkWidget *
kl_ca_form_new(void)
{
    KlCaForm *form = g_object_new(KL_TYPE_CA_FORM, "orientation", GTK_ORIENTATION_VERTICAL, "spacing", 12, NULL);
    GtkWidget *kinds = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 18);
    GtkWidget *create = gtk_radio_button_new_with_mnemonic(NULL, _("Make a _new one"));
    GtkWidget *import =
        gtk_radio_button_new_with_mnemonic_from_widget(GTK_RADIO_BUTTON(create), _("Take over an _existing one"));
    gtk_container_add(GTK_CONTAINER(kinds), create);
    gtk_container_add(GTK_CONTAINER(kinds), import);
    form->create = GTK_TOGGLE_BUTTON(create);
    form->stack = g_object_new(GTK_TYPE_STACK, "vhomogeneous", FALSE, NULL);
    gtk_stack_add_named(form->stack, new_create(form), "create");
    gtk_stack_add_named(form->stack, new_import(form), "import");
    form->pair = KL_SECRET_PAIR(
        kl_secret_pair_new(_("CA passphrase"), _("The same again"), LEAST_CHARS, GTK_INPUT_PURPOSE_PASSWORD));
    gtk_container_add(GTK_CONTAINER(form), kinds);
    gtk_container_add(GTK_CONTAINER(form), GTK_WIDGET(form->stack));
    gtk_container_add(GTK_CONTAINER(form), GTK_WIDGET(form->pair));
    gtk_container_add(GTK_CONTAINER(form), kl_setup_note(_("The key is stored encrypted under the passphrase. Without "
                                                           "it nobody can issue a certificate: write it down, and "
                                                           "keep it apart from the station's backup.")));
    g_signal_connect_swapped(create, "toggled", G_CALLBACK(on_kind), form);
    g_signal_connect_swapped(form->pair, "changed", G_CALLBACK(tell_changed), form);
    return GTK_WIDGET(form);
}

void
kl_ca_form_suggest(KlCaForm *form, const char *station_name)
{
    if (form->named)
        return;
    g_autofree char *name = g_strconcat("Keyline CA ", station_name, NULL);
    g_signal_handlers_block_by_func(form->name, on_named, form);
    gtk_entry_set_text(form->name, name);
    g_signal_handlers_unblock_by_func(form->name, on_named, form);
}

gboolean
kl_ca_form_complete(KlCaForm *form)
{
    if (!kl_secret_pair_complete(form->pair))
        return FALSE;
    if (gtk_toggle_button_get_active(form->create))
        return gtk_entry_get_text_length(form->name) > 0;
    return kl_path_entry_is_file(form->key) && kl_path_entry_is_file(form->certificate);
}

KlCaRequest *
kl_ca_form_take(KlCaForm *form)
{
    if (!kl_ca_form_complete(form))
        return NULL;
    KlCaRequest *request = g_new0(KlCaRequest, 1);
    if (gtk_toggle_button_get_active(form->create)) {
        request->name = g_strdup(gtk_entry_get_text(form->name));
    } else {
        request->key = kl_path_entry_get(form->key);
        request->certificate = kl_path_entry_get(form->certificate);
        request->opens_key = kl_secret_entry_take(form->opens_key);
    }
    request->passphrase = kl_secret_pair_take(form->pair);
    return request;
}
