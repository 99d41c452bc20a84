#include "gui/i18n.h"
#include "gui/pin_dialog.h"
#include "gui/setup_parts.h"
#include "gui/setup_sections.h"
#include "station/error.h"

/* The section; belongs to its widget. */
typedef struct {
    KlSession *session;
    GCancellable *gone; /* cancelled when the widget is destroyed */
    GtkWidget *widget;
    GtkComboBoxText *choice;
    GtkWidget *change;
    GFunc changed;
    gpointer changed_data;
} Product;

static void
product_free(gpointer data)
{
    Product *product = data;
    g_object_unref(product->gone);
    g_object_unref(product->session);
    g_free(product);
}

static Product *
product_of(gpointer widget)
{
    return g_object_get_data(G_OBJECT(widget), "kl-product");
}

static gboolean
is_gone(gpointer widget)
{
    return g_cancellable_is_cancelled(product_of(widget)->gone);
}

static const char *
id_words(const KlProfile *profile)
{
    switch (profile->id_rule) {
    case KL_ID_FSN:
        return _("The unit's FSN");
    case KL_ID_IMEI:
        return _("The unit's IMEI");
    case KL_ID_LABEL:
        return _("The scanned label");
    case KL_ID_SEQUENCE:
    default:
        return profile->id_pattern;
    }
}

static const char *
label_words(const KlProfile *profile)
{
    static const char *const words[] = {
        [KL_LABEL_NONE] = N_("not compared"),
        [KL_LABEL_ANY] = N_("must be the IMEI, FSN or device id"),
        [KL_LABEL_IMEI] = N_("must be the IMEI"),
        [KL_LABEL_FSN] = N_("must be the FSN"),
        [KL_LABEL_DEVICE_ID] = N_("must be the device id"),
    };
    return _(words[profile->label_rule]);
}

static void
add_list_row(GtkListBox *list, const char *name, char **values)
{
    g_autofree char *text = g_strjoinv(", ", values);
    kl_setup_row(list, name, text);
}

static void
add_fields(GtkListBox *list, const KlProfile *profile)
{
    g_autofree char *title = g_strdup_printf("%s (%s)", profile->title, profile->name);
    g_autofree char *label =
        g_strdup_printf("%s, %s", profile->label_required ? _("required") : _("optional"), label_words(profile));
    g_autofree char *backends = g_strjoinv(", ", profile->key_backends);
    g_autofree char *key =
        g_strdup_printf("%s (%s), %s", profile->key_slot, backends,
                        profile->lock ? _("locked for good when all is proved") : _("can be replaced later"));
    g_autofree char *validity =
        g_strdup_printf(ngettext("%u day", "%u days", profile->validity_days), profile->validity_days);
    kl_setup_row(list, _("Product"), title);
    add_list_row(list, _("Models"), profile->models);
    add_list_row(list, _("Firmware"), profile->firmware);
    kl_setup_row(list, _("Device id"), id_words(profile));
    kl_setup_row(list, _("Label"), label);
    kl_setup_row(list, _("Key"), key);
    kl_setup_row(list, _("Subject"), profile->subject);
    kl_setup_row(list, _("Certificate valid for"), validity);
    kl_setup_row(list, _("Policy"), profile->policy);
    kl_setup_row(list, _("Endpoint"), profile->endpoint);
}

/* --- the change --- */

static void
write_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const KlStation *station = kl_session_station(product_of(source)->session);
    GError *error = NULL;
    if (kl_station_set_product(kl_station_config(station)->dir, data, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_written(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean written = g_task_propagate_boolean(G_TASK(result), &error);
    if (is_gone(source))
        return;
    Product *product = product_of(source);
    if (written)
        product->changed(product->changed_data, NULL);
    else
        kl_setup_tell(product->widget, error);
}

static void
on_allowed(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    gboolean allowed = kl_pin_ask_finish(result, NULL, &error);
    if (is_gone(widget))
        return;
    if (!allowed) {
        kl_setup_tell(widget, error);
        return;
    }
    g_autoptr(GTask) task = g_task_new(widget, NULL, on_written, NULL);
    g_task_set_task_data(task, gtk_combo_box_text_get_active_text(product_of(widget)->choice), g_free);
    g_task_run_in_thread(task, write_in_thread);
}

static void
on_change(GtkButton *button, GtkWidget *widget)
{
    Product *product = product_of(widget);
    if (kl_session_running(product->session) || kl_session_batch(product->session) != NULL) {
        g_autoptr(GError) error = NULL;
        kl_fail(&error, KL_ERROR_STATION_BUSY, "units are being worked on: wait for their verdicts");
        kl_setup_tell(widget, error);
        return;
    }
    g_autofree char *name = gtk_combo_box_text_get_active_text(product->choice);
    kl_pin_ask(kl_setup_window(widget), product->session, "profile", name, FALSE, on_allowed, g_object_ref(widget));
}

static void
on_chosen(GtkComboBoxText *choice, Product *product)
{
    g_autofree char *name = gtk_combo_box_text_get_active_text(choice);
    const char *current = kl_station_profile(kl_session_station(product->session))->name;
    gtk_widget_set_sensitive(product->change, name != NULL && g_strcmp0(name, current) != 0);
}

static void
list_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const KlStation *station = kl_session_station(product_of(source)->session);
    GError *error = NULL;
    char **names = kl_station_products(kl_station_config(station)->dir, &error);
    if (names != NULL)
        g_task_return_pointer(task, names, (GDestroyNotify)g_strfreev);
    else
        g_task_return_error(task, error);
}

static void
on_listed(GObject *source, GAsyncResult *result, gpointer data)
{
    g_auto(GStrv) names = g_task_propagate_pointer(G_TASK(result), NULL);
    if (names == NULL || is_gone(source))
        return;
    Product *product = product_of(source);
    const char *current = kl_station_profile(kl_session_station(product->session))->name;
    for (guint i = 0; names[i] != NULL; i++) {
        gtk_combo_box_text_append_text(product->choice, names[i]);
        if (g_strcmp0(names[i], current) == 0)
            gtk_combo_box_set_active(GTK_COMBO_BOX(product->choice), (int)i);
    }
}

GtkWidget *
kl_setup_product_new(KlSession *session, GFunc changed, gpointer data)
{
    Product *product = g_new0(Product, 1);
    product->session = g_object_ref(session);
    product->gone = g_cancellable_new();
    product->changed = changed;
    product->changed_data = data;
    product->widget = kl_setup_section(_("Product"), _("What each unit is given. It stands in the products folder."));
    g_object_set_data_full(G_OBJECT(product->widget), "kl-product", product, product_free);
    g_signal_connect_swapped(product->widget, "destroy", G_CALLBACK(g_cancellable_cancel), product->gone);
    add_fields(kl_setup_list(product->widget), kl_station_profile(kl_session_station(session)));

    GtkWidget *controls = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
    product->choice = kl_setup_combo(_("Another product"));
    product->change = gtk_button_new_with_mnemonic(_("_Change…"));
    gtk_widget_set_sensitive(product->change, FALSE);
    gtk_container_add(GTK_CONTAINER(controls), GTK_WIDGET(product->choice));
    gtk_container_add(GTK_CONTAINER(controls), product->change);
    kl_setup_guard(controls, session);
    kl_setup_control(kl_setup_list(product->widget), _("Make another product"), _("Asks for the supervisor's PIN."),
                     controls);
    g_signal_connect(product->choice, "changed", G_CALLBACK(on_chosen), product);
    g_signal_connect(product->change, "clicked", G_CALLBACK(on_change), product->widget);
    g_autoptr(GTask) task = g_task_new(product->widget, NULL, on_listed, NULL);
    g_task_run_in_thread(task, list_in_thread);
    return product->widget;
}
