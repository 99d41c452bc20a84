#include <string.h>

#include "gui/ca_dialog.h"
#include "gui/i18n.h"
#include "gui/passphrase_dialog.h"
#include "gui/setup_parts.h"
#include "gui/setup_sections.h"
#include "station/error.h"

#define SECONDS_PER_DAY (24 * 60 * 60)
#define CRL_DAYS 30 /* as keyline ca crl */

/* The section; belongs to its widget. */
typedef struct {
    KlSession *session;
    GCancellable *gone; /* cancelled when the widget is destroyed */
    GtkWidget *widget;
    GtkWidget *present, *absent; /* what is shown with a CA and without one */
    GtkLabel *subject, *issuer, *serial, *fingerprint, *valid, *left, *lock_words, *crl_words;
    GtkTextBuffer *text;
    GtkWidget *unlock, *crl;
} Ca;

static void
ca_free(gpointer data)
{
    Ca *ca = data;
    g_object_unref(ca->gone);
    g_object_unref(ca->session);
    g_free(ca);
}

static Ca *
ca_of(gpointer widget)
{
    return g_object_get_data(G_OBJECT(widget), "kl-ca");
}

static gboolean
is_gone(gpointer widget)
{
    return g_cancellable_is_cancelled(ca_of(widget)->gone);
}

static const char *
folder_of(const Ca *ca)
{
    return kl_station_config(kl_session_station(ca->session))->dir;
}

/* --- what it is --- */

typedef struct {
    KlCertificate *certificate;
    char *text;
} Shown;

static void
shown_free(gpointer data)
{
    Shown *shown = data;
    kl_certificate_free(shown->certificate);
    g_free(shown->text);
    g_free(shown);
}

static void
read_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const char *dir = folder_of(ca_of(source));
    GError *error = NULL;
    g_autoptr(KlCertificate) certificate = kl_station_ca_certificate(dir, &error);
    g_autofree char *text = certificate != NULL ? kl_station_ca_show(dir, &error) : NULL;
    if (text == NULL) {
        g_task_return_error(task, error);
        return;
    }
    Shown *shown = g_new0(Shown, 1);
    shown->certificate = g_steal_pointer(&certificate);
    shown->text = g_steal_pointer(&text);
    g_task_return_pointer(task, shown, shown_free);
}

static void
show_validity(Ca *ca, const KlCertificate *certificate)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *from = kl_setup_date(certificate->not_before);
    g_autofree char *to = kl_setup_date(certificate->not_after);
    g_autofree char *valid = g_strdup_printf(_("%s to %s"), from, to);
    kl_setup_row_set(ca->valid, valid);
    gint64 days = (certificate->not_after - now) / SECONDS_PER_DAY;
    guint margin = kl_station_profile(kl_session_station(ca->session))->ca_margin_days;
    g_autofree char *count = g_strdup_printf(ngettext("%u day", "%u days", (guint)MAX(days, 0)), (guint)MAX(days, 0));
    g_autofree char *left = NULL;
    if (certificate->not_after < now || days < margin)
        left = g_strdup_printf(_("%s: no unit passes. A new CA is needed."), count);
    kl_setup_row_set(ca->left, left != NULL ? left : count);
}

static void
show_lock(Ca *ca)
{
    gboolean unlocked = kl_session_unlocked(ca->session);
    kl_setup_row_set(ca->lock_words, unlocked ? _("Unlocked until the program ends")
                                              : _("Locked: units can't be provisioned until it is unlocked"));
    gtk_widget_set_visible(ca->unlock, !unlocked);
    gtk_widget_set_sensitive(ca->crl, unlocked);
}

static void
on_read(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    Shown *shown = g_task_propagate_pointer(G_TASK(result), &error);
    if (is_gone(source)) {
        g_clear_pointer(&shown, shown_free);
        return;
    }
    Ca *ca = ca_of(source);
    gtk_widget_set_visible(ca->present, shown != NULL);
    gtk_widget_set_visible(ca->absent, g_error_matches(error, KL_ERROR, KL_ERROR_CA_MISSING));
    if (shown == NULL) {
        if (!g_error_matches(error, KL_ERROR, KL_ERROR_CA_MISSING))
            kl_setup_tell(ca->widget, error);
        return;
    }
    kl_setup_row_set(ca->subject, shown->certificate->subject);
    kl_setup_row_set(ca->issuer, strcmp(shown->certificate->subject, shown->certificate->issuer) == 0
                                     ? _("Itself (a root)")
                                     : shown->certificate->issuer);
    kl_setup_row_set(ca->serial, shown->certificate->serial);
    kl_setup_row_set(ca->fingerprint, shown->certificate->sha256);
    show_validity(ca, shown->certificate);
    gtk_text_buffer_set_text(ca->text, shown->text, -1);
    shown_free(shown);
}

static void
read_again(Ca *ca)
{
    g_autoptr(GTask) task = g_task_new(ca->widget, NULL, on_read, NULL);
    g_task_run_in_thread(task, read_in_thread);
}

static void
on_session_changed(KlSession *session, GtkWidget *widget)
{
    show_lock(ca_of(widget));
}

/* --- unlock --- */

static void
on_unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    gboolean unlocked = kl_passphrase_dialog_finish(result, &error);
    if (!unlocked && !is_gone(widget))
        kl_setup_tell(widget, error);
}

static void
on_opened(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    if (!kl_session_unlock_finish(KL_SESSION(source), result, &error) && !is_gone(widget))
        kl_setup_tell(widget, error);
}

static void
on_unlock(GtkButton *button, GtkWidget *widget)
{
    Ca *ca = ca_of(widget);
    if (kl_station_needs_passphrase(kl_session_station(ca->session)))
        kl_passphrase_dialog_run(kl_setup_window(widget), ca->session, on_unlocked, g_object_ref(widget));
    else
        kl_session_unlock(ca->session, NULL, on_opened, g_object_ref(widget));
}

/* --- make or take over --- */

static void
on_made(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    gboolean made = kl_ca_dialog_finish(result, &error);
    if (is_gone(widget))
        return;
    if (!made)
        kl_setup_tell(widget, error);
    read_again(ca_of(widget));
}

static void
on_make(GtkButton *button, GtkWidget *widget)
{
    kl_ca_dialog_run(kl_setup_window(widget), ca_of(widget)->session, on_made, g_object_ref(widget));
}

/* --- the list of revoked certificates --- */

static void
crl_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    GError *error = NULL;
    char *path = kl_station_ca_crl(kl_session_station(ca_of(source)->session), CRL_DAYS, &error);
    if (path != NULL)
        g_task_return_pointer(task, path, g_free);
    else
        g_task_return_error(task, error);
}

static void
on_crl_written(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_task_propagate_pointer(G_TASK(result), &error);
    if (is_gone(source))
        return;
    Ca *ca = ca_of(source);
    gtk_widget_set_sensitive(ca->crl, TRUE);
    if (path == NULL) {
        kl_setup_tell(ca->widget, error);
        return;
    }
    g_autofree char *words = g_strdup_printf(_("Written to %s"), path);
    kl_setup_row_set(ca->crl_words, words);
}

static void
on_crl(GtkButton *button, GtkWidget *widget)
{
    gtk_widget_set_sensitive(GTK_WIDGET(button), FALSE);
    g_autoptr(GTask) task = g_task_new(widget, NULL, on_crl_written, NULL);
    g_task_run_in_thread(task, crl_in_thread);
}

/* --- the section --- */

/* A button that the auditor can't press; its row's controls box. */
static GtkWidget *
guarded(Ca *ca, GtkWidget *button)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0);
    gtk_container_add(GTK_CONTAINER(box), button);
    kl_setup_guard(box, ca->session);
    return box;
}

static GtkWidget *
new_text(Ca *ca)
{
    GtkWidget *view = gtk_text_view_new();
    g_object_set(view, "editable", FALSE, "monospace", TRUE, "cursor-visible", FALSE, "left-margin", 8, "top-margin", 8,
                 "bottom-margin", 8, "wrap-mode", GTK_WRAP_WORD_CHAR, "accepts-tab", FALSE, NULL);
    atk_object_set_name(gtk_widget_get_accessible(view), _("Certificate"));
    ca->text = gtk_text_view_get_buffer(GTK_TEXT_VIEW(view));
    GtkWidget *expander = gtk_expander_new_with_mnemonic(_("_Show the certificate"));
    gtk_container_add(GTK_CONTAINER(expander), view);
    return expander;
}

static GtkWidget *
new_present(Ca *ca)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    GtkListBox *list = kl_setup_list(box);
    ca->unlock = gtk_button_new_with_mnemonic(_("_Unlock…"));
    gtk_widget_set_no_show_all(ca->unlock, TRUE);
    ca->lock_words = kl_setup_control(list, _("Key"), NULL, guarded(ca, ca->unlock));
    ca->subject = kl_setup_row(list, _("Subject"), NULL);
    ca->issuer = kl_setup_row(list, _("Issued by"), NULL);
    ca->valid = kl_setup_row(list, _("Valid"), NULL);
    ca->left = kl_setup_row(list, _("Days left"), NULL);
    ca->serial = kl_setup_row(list, _("Serial"), NULL);
    ca->fingerprint = kl_setup_row(list, _("SHA-256"), NULL);
    ca->crl = gtk_button_new_with_mnemonic(_("_Write list"));
    ca->crl_words = kl_setup_control(list, _("List of revoked certificates"),
                                     _("Signed anew each time; for those who check the units' certificates."),
                                     guarded(ca, ca->crl));
    gtk_container_add(GTK_CONTAINER(box), new_text(ca));
    g_signal_connect(ca->unlock, "clicked", G_CALLBACK(on_unlock), ca->widget);
    g_signal_connect(ca->crl, "clicked", G_CALLBACK(on_crl), ca->widget);
    return box;
}

static GtkWidget *
new_absent(Ca *ca)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    GtkWidget *make = gtk_button_new_with_mnemonic(_("_Create or import…"));
    kl_setup_control(kl_setup_list(box), _("There is no certificate authority yet"),
                     _("Without one no unit can be provisioned."), guarded(ca, make));
    g_signal_connect(make, "clicked", G_CALLBACK(on_make), ca->widget);
    return box;
}

GtkWidget *
kl_setup_ca_new(KlSession *session)
{
    Ca *ca = g_new0(Ca, 1);
    ca->session = g_object_ref(session);
    ca->gone = g_cancellable_new();
    ca->widget = kl_setup_section(_("Certificate authority"), _("It signs every unit's certificate."));
    g_object_set_data_full(G_OBJECT(ca->widget), "kl-ca", ca, ca_free);
    g_signal_connect_swapped(ca->widget, "destroy", G_CALLBACK(g_cancellable_cancel), ca->gone);
    ca->present = new_present(ca);
    ca->absent = new_absent(ca);
    GtkWidget *const parts[] = {ca->present, ca->absent};
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        gtk_widget_show_all(parts[i]);
        gtk_widget_set_no_show_all(parts[i], TRUE);
        gtk_widget_hide(parts[i]);
        gtk_container_add(GTK_CONTAINER(ca->widget), parts[i]);
    }
    g_signal_connect_object(session, "changed", G_CALLBACK(on_session_changed), ca->widget, 0);
    show_lock(ca);
    read_again(ca);
    return ca->widget;
}
