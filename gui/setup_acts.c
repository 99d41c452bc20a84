#include "gui/i18n.h"
#include "gui/pin_dialog.h"
#include "gui/setup_parts.h"
#include "gui/setup_sections.h"
#include "station/error.h"

#define SHOWN_MAX 20 /* certificates of one search */

/* The section; belongs to its widget. */
typedef struct {
    KlSession *session;
    GCancellable *gone; /* cancelled when the widget is destroyed */
    GtkWidget *widget;
    GtkComboBoxText *slot;
    GtkWidget *reprovision;
    int index; /* the slot that a PIN is asked for */
    GtkEntry *search;
    GtkLabel *found;
    GtkListBox *certificates;
    char *revoking; /* fingerprint that a PIN is asked for, or NULL */
    char *looked_for;
} Acts;

static void
acts_free(gpointer data)
{
    Acts *acts = data;
    g_object_unref(acts->gone);
    g_object_unref(acts->session);
    g_free(acts->revoking);
    g_free(acts->looked_for);
    g_free(acts);
}

static Acts *
acts_of(gpointer widget)
{
    return g_object_get_data(G_OBJECT(widget), "kl-acts");
}

static gboolean
is_gone(gpointer widget)
{
    return g_cancellable_is_cancelled(acts_of(widget)->gone);
}

/* --- provision a unit again --- */

static void
on_reprovision_allowed(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *reason = NULL;
    gboolean allowed = kl_pin_ask_finish(result, &reason, &error);
    if (is_gone(widget))
        return;
    if (!allowed || !kl_session_start(KL_SESSION(source), (guint)acts_of(widget)->index, NULL, reason, &error))
        kl_setup_tell(widget, error);
}

static gboolean
can_start(KlSession *session, GError **error)
{
    if (kl_session_operator(session) == NULL)
        return kl_fail(error, KL_ERROR_NOT_SIGNED_ON, "nobody to record it for");
    if (!kl_session_unlocked(session))
        return kl_fail(error, kl_session_locked_by(session), "the CA is locked");
    return TRUE;
}

static void
on_reprovision(GtkButton *button, GtkWidget *widget)
{
    Acts *acts = acts_of(widget);
    acts->index = gtk_combo_box_get_active(GTK_COMBO_BOX(acts->slot));
    if (acts->index < 0)
        return;
    g_autoptr(GError) error = NULL;
    if (!can_start(acts->session, &error)) {
        kl_setup_tell(widget, error);
        return;
    }
    const KlCard *card = kl_session_card(acts->session, (guint)acts->index);
    g_autofree char *subject = card->unit != NULL ? g_strdup_printf(_("Slot %s, unit %s"), card->slot, card->unit)
                                                  : g_strdup_printf(_("Slot %s"), card->slot);
    kl_pin_ask(kl_setup_window(widget), acts->session, "reprovision", subject, TRUE, on_reprovision_allowed,
               g_object_ref(widget));
}

static void
on_slot_chosen(GtkComboBox *slot, GtkWidget *button)
{
    gtk_widget_set_sensitive(button, gtk_combo_box_get_active(slot) >= 0);
}

static void
add_reprovision(Acts *acts)
{
    GtkWidget *controls = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
    acts->slot = kl_setup_combo(_("Slot to provision again"));
    for (guint i = 0; i < kl_session_n_cards(acts->session); i++) {
        g_autofree char *name = g_strdup_printf(_("Slot %s"), kl_session_card(acts->session, i)->slot);
        gtk_combo_box_text_append_text(acts->slot, name);
    }
    acts->reprovision = gtk_button_new_with_mnemonic(_("_Provision again…"));
    gtk_widget_set_sensitive(acts->reprovision, FALSE);
    gtk_container_add(GTK_CONTAINER(controls), GTK_WIDGET(acts->slot));
    gtk_container_add(GTK_CONTAINER(controls), acts->reprovision);
    kl_setup_guard(controls, acts->session);
    kl_setup_control(kl_setup_list(acts->widget), _("Provision a unit again"),
                     _("Replaces its key and certificate. The old certificate is marked as superseded."), controls);
    g_signal_connect(acts->slot, "changed", G_CALLBACK(on_slot_chosen), acts->reprovision);
    g_signal_connect(acts->reprovision, "clicked", G_CALLBACK(on_reprovision), acts->widget);
}

/* --- revoke --- */

static void search(Acts *acts);

typedef struct {
    char *sha256, *reason;
} Revocation;

static void
revocation_free(gpointer data)
{
    Revocation *revocation = data;
    g_free(revocation->sha256);
    g_free(revocation->reason);
    g_free(revocation);
}

static void
revoke_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const Revocation *revocation = data;
    KlStore *store = kl_station_store(kl_session_station(acts_of(source)->session));
    GError *error = NULL;
    if (!store->klass->revoke(store, revocation->sha256, revocation->reason, &error)) {
        g_task_return_error(task, error);
        return;
    }
    KlOutbox *outbox = kl_station_outbox(kl_session_station(acts_of(source)->session));
    if (outbox != NULL)
        kl_outbox_poke(outbox);
    g_task_return_boolean(task, TRUE);
}

static void
on_revoked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean revoked = g_task_propagate_boolean(G_TASK(result), &error);
    if (is_gone(source))
        return;
    if (!revoked)
        kl_setup_tell(GTK_WIDGET(source), error);
    search(acts_of(source));
}

static void
on_revoke_allowed(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    Acts *acts = acts_of(widget);
    Revocation *revocation = g_new0(Revocation, 1);
    revocation->sha256 = g_strdup(acts->revoking);
    gboolean allowed = kl_pin_ask_finish(result, &revocation->reason, &error);
    if (!allowed || is_gone(widget)) {
        revocation_free(revocation);
        if (!is_gone(widget))
            kl_setup_tell(widget, error);
        return;
    }
    g_autoptr(GTask) task = g_task_new(widget, NULL, on_revoked, NULL);
    g_task_set_task_data(task, revocation, revocation_free);
    g_task_run_in_thread(task, revoke_in_thread);
}

static void
on_revoke(GtkWidget *button, GtkWidget *widget)
{
    Acts *acts = acts_of(widget);
    g_free(acts->revoking);
    acts->revoking = g_strdup(g_object_get_data(G_OBJECT(button), "sha256"));
    g_autofree char *subject =
        g_strdup_printf("%s, %s", (const char *)g_object_get_data(G_OBJECT(button), "device"), acts->revoking);
    kl_pin_ask(kl_setup_window(widget), acts->session, "revoke", subject, TRUE, on_revoke_allowed,
               g_object_ref(widget));
}

/* What can be done with a certificate, or what has become of it. */
static GtkWidget *
new_end(Acts *acts, const KlLedgerEntry *entry)
{
    if (entry->status == KL_CERTIFICATE_REVOKED)
        return gtk_label_new(_("Revoked"));
    if (entry->status == KL_CERTIFICATE_SUPERSEDED)
        return gtk_label_new(_("Superseded"));
    GtkWidget *button = gtk_button_new_with_mnemonic(_("_Revoke…"));
    gtk_style_context_add_class(gtk_widget_get_style_context(button), "destructive-action");
    g_autofree char *name = g_strdup_printf(_("Revoke the certificate of %s"), entry->device_id);
    atk_object_set_name(gtk_widget_get_accessible(button), name);
    g_object_set_data_full(G_OBJECT(button), "sha256", g_strdup(entry->certificate->sha256), g_free);
    g_object_set_data_full(G_OBJECT(button), "device", g_strdup(entry->device_id), g_free);
    g_signal_connect(button, "clicked", G_CALLBACK(on_revoke), acts->widget);
    return button;
}

static void
show_entry(Acts *acts, const KlLedgerEntry *entry)
{
    g_autofree char *issued = kl_setup_date(entry->issued_us / G_USEC_PER_SEC);
    g_autofree char *first = g_strdup_printf(_("Issued %s, IMEI %s"), issued, entry->imei);
    g_autofree char *words =
        g_strdup_printf("%s\n%s%s%s", first, entry->certificate->sha256, entry->reason != NULL ? "\n" : "",
                        entry->reason != NULL ? entry->reason : "");
    kl_setup_control(acts->certificates, entry->device_id, words, new_end(acts, entry));
}

static void
search_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    KlStore *reader = kl_session_reader(acts_of(source)->session);
    GError *error = NULL;
    GPtrArray *entries = reader->klass->ledger(reader, data, -1, &error);
    if (entries != NULL)
        g_task_return_pointer(task, entries, (GDestroyNotify)g_ptr_array_unref);
    else
        g_task_return_error(task, error);
}

static void
on_searched(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) entries = g_task_propagate_pointer(G_TASK(result), &error);
    if (is_gone(source))
        return;
    Acts *acts = acts_of(source);
    if (entries == NULL) {
        kl_setup_tell(acts->widget, error);
        return;
    }
    kl_setup_clear(acts->certificates);
    guint shown = MIN(entries->len, SHOWN_MAX);
    for (guint i = 0; i < shown; i++)
        show_entry(acts, entries->pdata[entries->len - 1 - i]);
    GtkWidget *frame = gtk_widget_get_parent(GTK_WIDGET(acts->certificates));
    gtk_widget_show_all(GTK_WIDGET(acts->certificates));
    gtk_widget_set_visible(frame, shown > 0);
    g_autofree char *words =
        g_strdup_printf(ngettext("%u certificate found.", "%u certificates found.", entries->len), entries->len);
    gtk_label_set_text(acts->found, entries->len > 0 ? words : _("No such certificate was issued by this station."));
}

static void
search(Acts *acts)
{
    g_autoptr(GTask) task = g_task_new(acts->widget, NULL, on_searched, NULL);
    g_task_set_task_data(task, g_strdup(acts->looked_for), g_free);
    g_task_run_in_thread(task, search_in_thread);
}

static void
on_find(GtkWidget *widget)
{
    Acts *acts = acts_of(widget);
    g_autofree char *text = g_strstrip(g_strdup(gtk_entry_get_text(acts->search)));
    if (*text == '\0')
        return;
    g_free(acts->looked_for);
    acts->looked_for = g_steal_pointer(&text);
    search(acts);
}

static void
add_revoke(Acts *acts)
{
    gtk_container_add(GTK_CONTAINER(acts->widget), kl_setup_heading(_("Revoke a certificate")));
    GtkWidget *controls = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
    acts->search = GTK_ENTRY(gtk_search_entry_new());
    gtk_entry_set_placeholder_text(acts->search, _("Device id, IMEI, fingerprint or serial"));
    gtk_widget_set_hexpand(GTK_WIDGET(acts->search), TRUE);
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(acts->search)), _("Certificate to revoke"));
    GtkWidget *find = gtk_button_new_with_mnemonic(_("_Find"));
    gtk_container_add(GTK_CONTAINER(controls), GTK_WIDGET(acts->search));
    gtk_container_add(GTK_CONTAINER(controls), find);
    gtk_container_add(GTK_CONTAINER(acts->widget), controls);
    acts->found = GTK_LABEL(kl_setup_note(""));
    gtk_container_add(GTK_CONTAINER(acts->widget), GTK_WIDGET(acts->found));
    acts->certificates = kl_setup_list(acts->widget);
    kl_setup_guard(GTK_WIDGET(acts->certificates), acts->session);
    GtkWidget *frame = gtk_widget_get_parent(GTK_WIDGET(acts->certificates));
    gtk_widget_show_all(frame);
    gtk_widget_set_no_show_all(frame, TRUE);
    gtk_widget_hide(frame);
    g_signal_connect_swapped(acts->search, "activate", G_CALLBACK(on_find), acts->widget);
    g_signal_connect_swapped(find, "clicked", G_CALLBACK(on_find), acts->widget);
}

GtkWidget *
kl_setup_acts_new(KlSession *session)
{
    Acts *acts = g_new0(Acts, 1);
    acts->session = g_object_ref(session);
    acts->gone = g_cancellable_new();
    acts->widget =
        kl_setup_section(_("Supervisor"), _("Each act asks for the supervisor's PIN and a reason, and is recorded."));
    g_object_set_data_full(G_OBJECT(acts->widget), "kl-acts", acts, acts_free);
    g_signal_connect_swapped(acts->widget, "destroy", G_CALLBACK(g_cancellable_cancel), acts->gone);
    add_reprovision(acts);
    add_revoke(acts);
    return acts->widget;
}
